"""What AWS accepts: each function raises `InvalidSetting` for a value that it would reject."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from items_api.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from urllib.parse import SplitResult

# The values that CloudWatch Logs accepts:
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
MEMORY_MB = (128, 10_240)
# An HTTP API stops waiting after 30 s, so a longer timeout would have no effect.
TIMEOUT_SECONDS = (1, 30)
# The default limits of an account; higher values have no effect.
THROTTLE_RATE = (1, 10_000)
THROTTLE_BURST = (1, 5_000)
MAX_TAGS = 50  # on any AWS resource
# The wildcards that HTTP APIs support in CORS, beside exact origins:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
EVERY_ORIGIN = ("*", "https://*", "http://*")
AUTH = ("none", "iam", "jwt")
# Of an authorizer: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
MAX_AUDIENCES = 50
MIN_NAME, MAX_NAME = 3, 40
# DynamoDB allows 20, but each one adds the cost of a write to every write.
MAX_INDEXES = 5
INDEX_SUFFIX = "-index"
# The name of an index has at most 255 characters: letters, digits, and these three.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_INDEXED = r"[A-Za-z0-9_.-]+"
_MAX_INDEXED = 255 - len(INDEX_SUFFIX)
# GET /items has other parameters of these names.
_NOT_INDEXED = {
    "itemId": "It is the key of the table. To get one item, use GET /items/{id}.",
    "limit": "It is the page size of GET /items.",
    "next": "It is the cursor of GET /items.",
}

# A name that breaks none of these rules matches [a-z][a-z0-9]*(-[a-z0-9]+)*.
_NAME_RULES = (
    (r"^\d", "starts with a digit"),
    (r"^-", "starts with a hyphen"),
    (r"-\Z", "ends with a hyphen"),
    (r"--", "has two hyphens in a row"),
    (r"[A-Z]", "has an uppercase letter"),
    (r"_", "has an underscore"),
)
_REGION = r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
_TAG_KEY = r"[\w .:/=+\-@]{1,128}"
_TAG_VALUE = r"[\w .:/=+\-@]{0,256}"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_POLICY_ARN = r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/([\x21-\x7e]+/)*[\w+=,.@-]{1,128}"
_ORIGIN_HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]"


def check_name(name: str) -> None:
    if broken := _broken_name_rules(name):
        raise InvalidSetting(
            "is not a valid stack name.",
            f"It {' and '.join(broken)}.",
            "Use 3 to 40 lowercase letters, digits and single hyphens, and start with a letter: for example "
            f"{_suggest_name(name)}.",
            setting="name",
            value=name,
        )


def check_region(region: str) -> None:
    if not re.fullmatch(_REGION, region):
        todo = "Use a name like us-east-1 or eu-central-1."
        raise InvalidSetting("is not an AWS region name.", todo=todo, setting="region", value=region)


def parse_tags(pairs: Iterable[str]) -> dict[str, str]:
    """`k=v` strings as a dict. A value may contain `=`; a repeated key raises `InvalidSetting`."""
    tags: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            todo = "Write it as KEY=VALUE: for example team=web."
            raise InvalidSetting("is not a tag.", todo=todo, setting="tag", value=pair)
        if key in tags:
            raise InvalidSetting(
                "repeats the key of another tag.", todo="Use each key once.", setting="tag", value=pair
            )
        tags[key] = value
    return tags


def _broken_name_rules(name: str) -> list[str]:
    broken = [rule for pattern, rule in _NAME_RULES if re.search(pattern, name)]
    if other := re.search("[^A-Za-z0-9_-]", name):
        broken.append(f"contains {'a space' if other[0] == ' ' else repr(other[0])}")
    if len(name) > MAX_NAME:
        extra = len(name) - MAX_NAME
        broken.append(f"is {extra} character{'' if extra == 1 else 's'} too long")
    # The table is named after the stack, without hyphens, and DynamoDB table names have at least 3 characters.
    if len(name.replace("-", "")) < MIN_NAME:
        broken.append(f"is too short: it needs at least {MIN_NAME} letters and digits")
    return broken


def _suggest_name(name: str) -> str:
    # A capital letter after a lowercase one starts a new word: TeamTodo -> team-todo.
    words = re.findall(r"[a-z0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", name).lower())
    candidate = "-".join(words).lstrip("-0123456789")[:MAX_NAME].rstrip("-")
    return "team-todo" if _broken_name_rules(candidate) else candidate


def check_range(setting: str, value: int, bounds: tuple[int, int], unit: str) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise InvalidSetting("is out of range.", todo=f"Use {low} to {high} {unit}.", setting=setting, value=value)


def check_retention(days: int) -> None:
    if days not in RETENTION_DAYS:
        distance = min(abs(allowed - days) for allowed in RETENTION_DAYS)
        nearest = " or ".join(str(allowed) for allowed in RETENTION_DAYS if abs(allowed - days) == distance)
        raise InvalidSetting(
            "is not a retention period that CloudWatch Logs supports.",
            todo=f"Use {nearest}, the nearest. All values: {', '.join(map(str, RETENTION_DAYS))}.",
            setting="log-retention",
            value=days,
        )


def check_boundary(arn: str) -> None:
    if arn and not re.fullmatch(_POLICY_ARN, arn, re.ASCII):
        todo = "Use one like arn:aws:iam::123456789012:policy/items-boundary."
        raise InvalidSetting("is not the ARN of an IAM policy.", todo=todo, setting="permissions-boundary", value=arn)


def check_tags(tags: Mapping[str, str]) -> None:
    def invalid(what: str, why: str = "", todo: str = "", tag: str | None = None) -> InvalidSetting:
        return InvalidSetting(what, why, todo, setting="tag", value=tag)

    if len({key.lower() for key in tags}) < len(tags):
        what = f"sets keys that differ only in case: {', '.join(tags)}."
        raise invalid(what, "IAM ignores case in keys.", "Keep one of them.")
    for key, value in tags.items():
        tag, reserved = f"{key}={value}", "uses a reserved key."
        # IAM ignores case in keys, and the rule of the strictest service applies to all.
        if key.lower() == "managed-by" or key.lower().startswith("items-api:"):
            raise invalid(reserved, "items-api uses it to recognize its resources.", "Use another key.", tag)
        if key.lower().startswith("aws:"):
            raise invalid(reserved, "Keys that start with aws: belong to AWS.", "Use another key.", tag)
        if not (re.fullmatch(_TAG_KEY, key) and re.fullmatch(_TAG_VALUE, value)):
            todo = (
                "Use letters, digits, spaces and _ . : / = + - @, with 1 to 128 characters in the key and up to "
                "256 in the value."
            )
            raise invalid("is not valid in all AWS services.", todo=todo, tag=tag)


def check_number_of_tags(tags: Mapping[str, str], all_tags: Mapping[str, str]) -> None:
    if len(all_tags) > MAX_TAGS:
        what = f"sets {len(tags)} tag{'' if len(tags) == 1 else 's'}, which is too many."
        own = len(all_tags) - len(tags)
        why = (
            f"A resource can have {MAX_TAGS} tags, and items-api needs {own} of them to recognize the stack and to "
            "remember its settings."
        )
        raise InvalidSetting(what, why, "Use fewer or shorter tags and CORS origins.", setting="tag")


def check_origins(origins: tuple[str, ...]) -> None:
    def invalid(what: str, why: str = "", todo: str = "") -> InvalidSetting:
        return InvalidSetting(what, why, todo, setting="cors-origin")

    if not origins:
        raise invalid("is empty.", todo="Use an origin like https://app.example.com, or '*'.")
    if len(set(origins)) != len(origins):
        raise invalid("lists the same origin twice.", todo="List each origin once.")
    if "*" in origins and len(origins) > 1:
        raise invalid("combines '*' with other origins.", "'*' already allows them.", "Use one or the other.")
    for origin in origins:
        if origin not in EVERY_ORIGIN:
            _check_origin(origin)


def _parsed(url: str, invalid: Callable[[str], InvalidSetting]) -> tuple[SplitResult, int | None]:
    """The parts of a URL, and its port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise invalid(f"It cannot be parsed: {error}.") from None
    return parts, port


def _check_origin(origin: str) -> None:
    def invalid(why: str) -> InvalidSetting:
        todo = "Use scheme://host or scheme://host:port."
        return InvalidSetting("is not an origin.", why, todo, setting="cors-origin", value=origin)

    parts, port = _parsed(origin, invalid)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise invalid("It starts with neither http:// nor https://.")
    if parts.path == "/":
        raise invalid("Browsers send an origin without a trailing slash, so this would never match.")
    if parts.path or parts.query or parts.fragment:
        raise invalid("An origin has no path, query or fragment, so this would never match.")
    if "@" in parts.netloc:
        raise invalid("An origin has no user name.")
    host = parts.netloc.removesuffix(f":{port}") if port else parts.netloc
    if "*" in host:
        raise InvalidSetting(
            "has a wildcard in its host name, which HTTP APIs do not support.",
            todo=f"List each origin, or use {parts.scheme}://* for all of them.",
            setting="cors-origin",
            value=origin,
        )
    if not re.fullmatch(_ORIGIN_HOST, host):
        raise invalid("Browsers send a host in lowercase letters, digits, dots and hyphens, so this would never match.")
    if port == {"http": 80, "https": 443}[parts.scheme]:
        raise invalid("Browsers omit the default port, so this would never match.")


def check_auth(auth: str, issuer: str, audiences: tuple[str, ...]) -> None:
    if auth not in AUTH:
        raise InvalidSetting(
            "is not a kind of authorization.", todo=f"Use {', '.join(AUTH)}.", setting="auth", value=auth
        )
    if auth == "jwt" and not (issuer and audiences):
        missing = " and ".join(
            option for option, value in (("--jwt-issuer", issuer), ("--jwt-audience", audiences)) if not value
        )
        why = "A token is accepted if this issuer has issued it for one of these audiences."
        raise InvalidSetting(f"needs {missing}.", why, f"Add {missing}.", setting="auth", value=auth)
    if issuer:
        _check_issuer(issuer)
    if len(audiences) > MAX_AUDIENCES:
        raise InvalidSetting(
            f"is given {len(audiences)} times.", todo=f"Use up to {MAX_AUDIENCES} audiences.", setting="jwt-audience"
        )
    for audience in audiences:
        if not audience or audience != audience.strip():
            raise InvalidSetting(
                "is empty or has spaces around it.",
                todo="Use the value of aud (or client_id) in the tokens.",
                setting="jwt-audience",
                value=audience,
            )


def _check_issuer(issuer: str) -> None:
    def invalid(why: str) -> InvalidSetting:
        todo = "Use the value of iss in the tokens, such as https://login.example.com."
        return InvalidSetting("is not an issuer.", why, todo, setting="jwt-issuer", value=issuer)

    parts, port = _parsed(issuer, invalid)
    on_this_computer = parts.scheme == "http" and parts.hostname == "127.0.0.1" and port != 0
    if not (parts.scheme == "https" or on_this_computer) or not parts.hostname:
        raise invalid("It does not start with https://. (With --local, http://127.0.0.1 also works.)")
    if parts.query or parts.fragment or "@" in parts.netloc or any(map(str.isspace, issuer)):
        raise invalid("It must not have a query, a fragment, a user name or spaces.")


def check_indexes(attributes: tuple[str, ...]) -> None:
    if len(attributes) > MAX_INDEXES:
        why = "Each index makes every write more expensive."
        todo = f"Use up to {MAX_INDEXES} indexes."
        raise InvalidSetting(f"is given {len(attributes)} times.", why, todo, setting="index")
    for attribute in attributes:
        if attributes.count(attribute) > 1:
            raise InvalidSetting("is given twice.", todo="Use it once.", setting="index", value=attribute)
        if why := _NOT_INDEXED.get(attribute, ""):
            raise InvalidSetting("is not available.", why, "Use another attribute.", setting="index", value=attribute)
        if len(attribute) > _MAX_INDEXED:
            what = f"has {len(attribute)} characters."
            todo = f"Use an attribute whose name has up to {_MAX_INDEXED}."
            raise InvalidSetting(what, todo=todo, setting="index", value=attribute)
        if not re.fullmatch(_INDEXED, attribute):
            raise InvalidSetting(
                "is not an attribute that can have an index.",
                todo="Use the name of an attribute: letters, digits, and _ . -, such as owner.",
                setting="index",
                value=attribute,
            )


def check_scopes(scopes: Mapping[str, str]) -> None:
    """By option. A scope is a word: https://datatracker.ietf.org/doc/html/rfc6749#section-3.3."""
    for option, scope in scopes.items():
        if scope and not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", scope):
            todo = "Use one word, such as items:read."
            raise InvalidSetting("is not a scope.", todo=todo, setting=option, value=scope)
