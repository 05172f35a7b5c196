"""What a deployed handler answers, without running it: the real one runs on the local AWS, in tests/local.

An answer depends on the code, the role's policies and the table, as far as the product's own checks can tell.
"""

import base64
import io
import json
import re
import zipfile
from typing import Any

from botocore.response import StreamingBody

from tests.aws.iam import Iam
from tests.aws.layer import Document, arn_of, backend

_ACTIONS = {"GET /items": "dynamodb:Scan", "GET /items/{id+}": "dynamodb:GetItem"}
_TABLE = re.compile(rb'TABLE_NAME = "(\w+)"')
_INDEXES = re.compile(rb"INDEXES: dict\[str, str\] = (.*)")


def invoke(version: Any, payload: bytes, iam: Iam, role_id: str) -> Document:
    """Lambda's response. `version` is moto's; `role_id` is the id of the role that it was published with."""
    code = zipfile.ZipFile(io.BytesIO(version.code_bytes))
    if "handler/index.py" not in code.namelist():
        why = "Unable to import module 'handler.index': No module named 'handler'"
        return _response({"errorMessage": why, "errorType": "Runtime.ImportModuleError"}, function_error="Unhandled")
    constants = code.read("handler/__init__.py")
    table, indexes = _TABLE.search(constants), _INDEXES.search(constants)
    assert table, "the handler knows no table"
    assert indexes, "the handler knows no indexes"
    event = json.loads(payload)
    route = event["routeKey"]
    names = json.loads(indexes[1])
    index = next((names[name] for name in event.get("queryStringParameters", {}) if name in names), "")
    if (error := _error(version, table[1].decode(), (route, index), iam, role_id)) is not None:
        line = json.dumps({"method": "GET", "route": route, "status": 500, "error": error})
        return _response({"statusCode": 500, "body": '{"error": "Internal server error"}'}, log=f"{line}\n")
    return _response({"statusCode": {"GET /items": 200, "GET /items/{id+}": 404}.get(route, 400), "body": "[]"})


def _error(version: Any, table: str, request: tuple[str, str], iam: Iam, role_id: str) -> str | None:
    """DynamoDB's. A request is a route and the index that it queries, or none."""
    route, index = request
    if route not in _ACTIONS:
        return None
    role = iam.role(version.role)
    if role is None or role.id != role_id:
        return "UnrecognizedClientException"
    action, resource = ("dynamodb:Query", f"{table}/index/{index}") if index else (_ACTIONS[route], table)
    if not iam.may(version.role, action, arn_of("dynamodb", version.region, f"table/{resource}")):
        return "AccessDeniedException"
    found = backend("dynamodb", version.region).tables.get(table)
    if found is None:
        return "ResourceNotFoundException"
    return None if not index or index in [i.name for i in found.global_indexes] else "ValidationException"


def _response(payload: Document, *, log: str = "", function_error: str = "") -> Document:
    body = json.dumps(payload).encode()
    return {
        "StatusCode": 200,
        "LogResult": base64.b64encode(log.encode()).decode(),
        "Payload": StreamingBody(io.BytesIO(body), len(body)),
        **({"FunctionError": function_error} if function_error else {}),
    }
