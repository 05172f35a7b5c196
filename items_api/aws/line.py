"""One AWS call as the equivalent `aws` command line, for a POSIX shell."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from botocore import xform_name

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the AWS CLI's shorthand syntax accepts without quotes:
# https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
_PLAIN = re.compile(r"[A-Za-z0-9_./:-]+")
# The IDs that AWS chooses and later calls need: operation -> (variable of the shell, member of the response).
VARIABLES = {
    "create_api": ("API_ID", "ApiId"),
    "create_authorizer": ("AUTHORIZER_ID", "AuthorizerId"),
    "create_integration": ("INTEGRATION_ID", "IntegrationId"),
    "publish_version": ("VERSION", "Version"),
}
_VARIABLE = rf"\$(?:{'|'.join(variable for variable, _ in VARIABLES.values())})\b"


def script_line(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """Like `cli_line`, but an ID that later calls need is assigned to a variable of the shell, as in `VARIABLES`."""
    line = cli_line(service, operation, parameters)
    if operation not in VARIABLES:
        return line
    variable, member = VARIABLES[operation]
    return f"{variable}=$({line} --query {member} --output text)"


def cli_line(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """The command line for a call.

    Structures of plain words are written in shorthand, as people would type them, and all others as JSON. The
    function's code is read from the file `function.zip`.

    Args:
        service: as boto3 names it ("apigatewayv2").
        operation: as boto3 names it ("create_api").
        parameters: the arguments of the boto3 call.
    """
    options = [_option(name, value) for name, value in parameters.items()]
    return " ".join([f"aws {service} {operation.replace('_', '-')}", *options])


def _option(name: str, value: Any) -> str:
    if name == "ZipFile" or (name == "Code" and "ZipFile" in value):
        return "--zip-file fileb://function.zip"
    option = xform_name(name, "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return " ".join([f"--{option}", *map(_quoted, _words(value))])


def _quoted(word: str) -> str:
    """The word for a shell, which replaces our variables in it."""
    if not re.search(_VARIABLE, word):
        return shlex.quote(word)
    escaped = re.sub(rf'(?!{_VARIABLE})[$"`\\]', r"\\\g<0>", word)
    return f'"{escaped}"'


def _words(value: Any) -> list[str]:
    if not isinstance(value, (dict, list)):
        return [str(value)]
    members = value if isinstance(value, list) else [value]
    words = [_shorthand(member) if isinstance(member, dict) else str(member) for member in members]
    # Version 1 of the AWS CLI would fetch a URL, unless it is in JSON.
    plain = all(words) and not any(word.startswith(("http://", "https://", "file://")) for word in words)
    return words if words and plain else [json.dumps(value, ensure_ascii=False)]


def _shorthand(structure: Mapping[str, Any]) -> str:
    """`Key=Value,Key=Value`, or empty if the structure contains anything but plain words."""
    plain = all(isinstance(word, str) and _PLAIN.fullmatch(word) for pair in structure.items() for word in pair)
    return ",".join(f"{key}={value}" for key, value in structure.items()) if plain else ""
