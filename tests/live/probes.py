"""HTTP requests whose answers no document settles. They are recorded, not judged: see the open questions in docs/live.md."""

import json
import time
from contextlib import closing
from pathlib import Path

from items_api.smoke.curl import Connection, Request
from tests.live.redaction import redact

_JSON = (("content-type", "application/json"),)
_ORIGIN = ("origin", "https://items-api.example")
_PREFLIGHT = (_ORIGIN, ("access-control-request-method", "PUT"), ("access-control-request-headers", "content-type"))
_IDS = ("a%25b", "a%2Fb", "a%3Fb", "a%252Fb")


def requests(endpoint: str) -> list[Request]:
    """Each leaves no item behind."""
    items = f"{endpoint}/items/"
    cycle = [("PUT", _JSON, "{}"), ("GET", (), None), ("DELETE", (), None)]
    return [
        *(Request(method, items + one, headers, body) for one in _IDS for method, headers, body in cycle),
        Request("GET", items),
        Request("OPTIONS", items + "a", _PREFLIGHT),
        Request("OPTIONS", items + "a", (_ORIGIN,)),
    ]


def record(endpoint: str, recording: Path, account: str, started: float) -> None:
    """Send all of them and append one line for each to the recording."""
    with closing(Connection(endpoint)) as connection, recording.open("a") as file:
        for request in requests(endpoint):
            began = time.time()
            response = connection(request)
            line = {
                "process": "http",
                "service": "http",
                "operation": request.method,
                "parameters": {"path": request.url.removeprefix(endpoint), "headers": dict(request.headers)},
                "status": response.status,
                "response": {"headers": dict(response.headers), "body": response.body.decode(errors="replace")},
                "at": round(began - started, 3),
                "seconds": round(time.time() - began, 3),
            }
            file.write(json.dumps(redact(line, account)) + "\n")
