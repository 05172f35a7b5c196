"""CloudWatch, as it is for an API that nobody has called: every metric asked for, and no values."""

from __future__ import annotations

from tests.aws_model.service import Document, Service


class CloudWatch(Service):
    def get_metric_data(self, p: Document) -> Document:
        results = [
            {"Id": query["Id"], "Label": query["Id"], "Timestamps": [], "Values": [], "StatusCode": "Complete"}
            for query in p["MetricDataQueries"]
        ]
        return {"MetricDataResults": results, "Messages": []}
