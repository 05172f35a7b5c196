"""The details that `status` shows in addition to the state: size, last update, metrics, and AWS console links.

The URLs of the console are not documented; they are the ones that the console itself links to.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from items_api.observe.cost import Estimate
    from items_api.observe.metrics import Metrics
    from items_api.settings import Settings

# "DynamoDB updates this value approximately every six hours":
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
COUNTED_EVERY_HOURS = 6
# Partition -> the console's host: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}


@dataclass(frozen=True)
class Details:
    """Details of the resources that belong to the stack; None for what is missing or unknown.

    `items` and `size` (bytes) are DynamoDB's own count, up to `counted_every_hours` old. `memory` is in MB. `live` and
    `previous` are published versions: their number, when they were published (ISO 8601) and from what. `month` is what
    the requests of the last 30 days cost, and `worst_case` what the throttle allows per month. `links` are URLs by
    CloudFormation type name. `notes` explain what could not be read.
    """

    items: int | None = None
    size: int | None = None
    counted_every_hours: int = COUNTED_EVERY_HOURS
    updated: datetime | None = None
    memory: int | None = None
    live: Mapping[str, Any] | None = None
    previous: Mapping[str, Any] | None = None
    metrics: Metrics | None = None
    month: Estimate | None = None
    worst_case: Estimate | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Times are in ISO 8601."""
        metrics = asdict(self.metrics) | {"start": self.metrics.start.isoformat()} if self.metrics else None
        return {
            "table": {"items": self.items, "bytes": self.size, "counted_every_hours": self.counted_every_hours},
            "function": {"memory": self.memory, "updated": self.updated.isoformat() if self.updated else None},
            "release": {"live": self.live, "previous": self.previous},
            "metrics": metrics,
            "cost": {"last_30_days": self.month, "worst_case_per_month": self.worst_case},
            "links": dict(self.links),
            "notes": list(self.notes),
        }


def console_links(settings: Settings, api_id: str | None) -> dict[str, str]:
    """CloudFormation type name -> URL, for every resource with a page of its own; the API only if its id is known."""
    region = settings.region
    console = CONSOLES[settings.partition]
    regional = f"https://{region}.{console}"
    links = {
        "AWS::DynamoDB::Table": f"{regional}/dynamodbv2/home?region={region}#table?name={_quoted(settings.table_name)}",
        # IAM is global within a partition.
        "AWS::IAM::Role": f"https://{console}/iam/home#/roles/details/{_quoted(settings.role_name)}",
        "AWS::Logs::LogGroup": f"{regional}/cloudwatch/home?region={region}"
        f"#logsV2:log-groups/log-group/{log_group_fragment(settings.log_group_name)}",
        "AWS::Lambda::Function": f"{regional}/lambda/home?region={region}#/functions/{_quoted(settings.function_name)}",
    }
    if api_id:
        links["AWS::ApiGatewayV2::Api"] = f"{regional}/apigateway/main/api-detail?api={_quoted(api_id)}&region={region}"
    return links


def log_group_fragment(name: str) -> str:
    """As CloudWatch writes names after the `#`: escaped twice, with `$` for `%`. A slash becomes `$252F`."""
    return _quoted(_quoted(name)).replace("%", "$")


def _quoted(text: str) -> str:
    return quote(text, safe="")
