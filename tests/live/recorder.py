"""Writes each call that this process sends to AWS, and its response, as one line of JSON.

It attaches to botocore's public events, for every client that the process creates.
"""

import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore import handlers

from tests.live.redaction import redact

_KEY = "tests.live.call"  # of a request's context


class Recorder:
    """Appends to a file that several processes share: a short line is written with one call and stays whole.

    `started` is when the run started, in seconds since the epoch; `at` is relative to it.
    """

    def __init__(self, path: Path, process: str, account: str, started: float) -> None:
        self._path = path
        self._process = process
        self._account = account
        self._started = started

    def attach(self) -> None:
        """Record all calls of clients that are created from now on."""
        handlers.BUILTIN_HANDLERS.extend(
            [
                ("before-parameter-build", self._begin),
                ("after-call", self._end),
                ("after-call-error", self._fail),
            ]
        )

    def _begin(self, *, params: Any, context: dict[str, Any], **_: Any) -> None:
        context[_KEY] = (plain(params), time.time())

    def _end(self, *, http_response: Any, parsed: dict[str, Any], model: Any, context: Any, **_: Any) -> None:
        status = http_response.status_code
        content = {key: value for key, value in parsed.items() if key not in ("ResponseMetadata", "Error")}
        if model.name == "GetApis":  # the only list of the whole account that the command reads
            content["Items"] = [api for api in content.get("Items", []) if str(api.get("Name")).startswith("live-")]
        if status < 300:
            self._write(model, context, status, response=content)
        else:
            error = parsed.get("Error", {})
            self._write(model, context, status, error={"code": error.get("Code"), "message": error.get("Message")})

    def _fail(self, *, exception: Exception, context: Any, **event: Any) -> None:
        model = event.get("model") or event["event_name"].split(".")
        self._write(model, context, None, error={"code": type(exception).__name__, "message": str(exception)})

    def _write(self, model: Any, context: Any, status: int | None, **result: Any) -> None:
        parameters, began = context[_KEY]
        service, operation = (
            model[-2:] if isinstance(model, list) else (model.service_model.service_name, model.name)
        )  # the event of a lost response has only the name: after-call-error.iam.CreateRole
        line = {
            "process": self._process,
            "service": service,
            "operation": operation,
            "parameters": parameters,
            "status": status,
            **plain(result),
            "at": round(began - self._started, 3),
            "seconds": round(time.time() - began, 3),
        }
        data = json.dumps(redact(line, self._account), ensure_ascii=False) + "\n"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, data.encode())
        finally:
            os.close(file)


def plain(value: Any) -> Any:
    """As JSON: bytes become their size, times ISO 8601."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
