"""How a stack's API is called: what `up` and `status` say about it, and the credentials that `smoke` uses."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from items_api.errors import InvalidSetting
from items_api.provision.authorization import TYPES
from items_api.smoke.access import Access, Bearer, Signed
from items_api.smoke.tokens import Rules
from items_api.terminal.text import Line, endpoint_lines
from items_api.terminal.times import expiry_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from items_api.commands.target import Target
    from items_api.provision.api import FoundApi
    from items_api.provision.stack import Stack
    from items_api.settings import Settings

_TOKEN_EXPORT = "export ITEMS_API_TOKEN=TOKEN"  # noqa: S105 - a line of shell
_NO_TOKEN = "It calls an API with --auth jwt, and no token was given."  # noqa: S105 - a sentence


def lines_about(stack: Stack, target: Target) -> list[Line]:
    """The endpoint, who may call it, and two requests to try."""
    if stack.endpoint is None:
        return []
    auth = stack.settings.auth
    words = Signed(stack.aws.signer()).curl_words if auth == "iam" else Bearer.curl_words if auth == "jwt" else ()
    lines = endpoint_lines(stack.endpoint, _who_may_call(stack.settings), _exports(auth, target), words)
    return [*lines, Line(), Line(text)] if (text := _expiry_text(stack)) else lines


def serving_lines(settings: Settings, endpoint: str) -> list[Line]:
    """The same for an API that `serve` answers."""
    who = "Anyone who can reach this server can read and write items."
    words = Bearer.curl_words if settings.auth == "jwt" else ()
    exports = _TOKEN_EXPORT if words else ""
    return endpoint_lines(endpoint, _who_may_call(settings) if words else who, exports, words)


def _expiry_text(stack: Stack) -> str:
    if not stack.settings.expires:
        return ""
    expires, now = datetime.fromisoformat(stack.settings.expires), datetime.now(UTC)
    what = "; items-api gc deletes it after that." if expires > now else ": the next items-api gc deletes it."
    return f"The stack {expiry_text(expires, now)}{what}"


def _who_may_call(settings: Settings) -> str:
    if settings.auth == "iam":
        return "Callers must sign their requests with AWS credentials."
    if settings.auth == "jwt":
        needed = {"read": settings.jwt_read_scope, "write": settings.jwt_write_scope}
        scopes = " and ".join(f"the scope {scope} to {verb}" for verb, scope in needed.items() if scope)
        token = f"a token of {settings.jwt_issuer} for {' or '.join(settings.jwt_audiences)}"
        return f"Callers need {token}{f', with {scopes}' if scopes else ''}."
    return "Anyone who knows this URL can read and write items; --auth iam or --auth jwt requires authorization."


def _exports(auth: str, target: Target) -> str:
    """The shell line that sets the variables in the requests."""
    if auth == "jwt":
        return _TOKEN_EXPORT
    if auth == "none":
        return ""
    profile = f" --profile {shlex.quote(target.profile)}" if target.profile else ""
    command = "items-api local env" if target.local else f"aws configure export-credentials{profile} --format env"
    return f'eval "$({command})"'


def access_to(stack: Stack, api: FoundApi, token: str | None) -> Access:
    """What authorizes requests to this API as it is now. Raises `InvalidSetting` if it needs a token."""
    kinds = {route.get("AuthorizationType", "NONE") for route in api.parts.routes.values()}
    if TYPES["iam"] in kinds:
        return Signed(stack.aws.signer())
    if TYPES["jwt"] not in kinds:
        return Access()
    if not token:
        todo = "Add --token, or set ITEMS_API_TOKEN."
        raise InvalidSetting("smoke needs a token.", _NO_TOKEN, todo)
    return token_access(token, api)


def token_access(token: str, api: FoundApi | None = None) -> Access:
    """Raises `InvalidSetting`, without the token, if no header can contain it."""
    token = token.strip().removeprefix("Bearer ").strip()
    if not token or any(not "!" <= character <= "~" for character in token):
        why = "A token has only letters, digits and ASCII punctuation: no spaces and no line breaks."
        raise InvalidSetting("The token is not valid.", why, "Copy it again, on one line.")
    return Bearer(token, _rules(api) if api else Rules())


def _rules(api: FoundApi) -> Rules:
    """What the routes require of a token."""
    routes = {key: route for key, route in api.parts.routes.items() if route.get("AuthorizationType") == TYPES["jwt"]}
    used = {route.get("AuthorizerId") for route in routes.values()}
    authorizers = [api.parts.authorizer, *api.parts.other_authorizers]
    jwt: Mapping[str, Any] = next((a["JwtConfiguration"] for a in authorizers if a and a["AuthorizerId"] in used), {})
    scopes = {key: tuple(route.get("AuthorizationScopes", ())) for key, route in routes.items()}
    return Rules(
        issuer=jwt.get("Issuer", ""),
        audiences=tuple(jwt.get("Audience", ())),
        read_scopes=scopes.get("GET /items", ()),
        write_scopes=scopes.get("POST /items", ()),
    )
