"""The desired state of a stack: every setting, validated before the first AWS call, and every derived name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from items_api.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
MIN_NAME, MAX_NAME = 3, 40

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


@dataclass(frozen=True)
class Settings:
    """The desired state of one stack. The constructor validates every value and raises `InvalidSetting`.

    Units: memory in MB, timeout in seconds, log retention in days, throttle rate in requests per second,
    throttle burst in requests.
    """

    name: str = "items"
    region: str = "us-east-1"
    tags: Mapping[str, str] = field(default_factory=dict)
    cors_origins: tuple[str, ...] = ("*",)
    memory: int = 256
    timeout: int = 10
    log_retention: int = 14
    throttle_rate: int = 100
    throttle_burst: int = 200
    permissions_boundary: str = ""  # the ARN of a managed policy, or empty

    def __post_init__(self) -> None:
        check_name(self.name)
        check_region(self.region)
        _check_tags(self.tags)
        _check_origins(self.cors_origins)
        _check_range("memory", self.memory, MEMORY_MB, "MB")
        _check_range("timeout", self.timeout, TIMEOUT_SECONDS, "seconds, because an HTTP API waits at most 30")
        _check_retention(self.log_retention)
        _check_range("throttle-rate", self.throttle_rate, THROTTLE_RATE, "requests per second")
        _check_range("throttle-burst", self.throttle_burst, THROTTLE_BURST, "requests")
        _check_boundary(self.permissions_boundary)

    @property
    def table_name(self) -> str:
        """PascalCase: `Items`, `TeamTodo`."""
        return "".join(word.capitalize() for word in self.name.split("-"))

    @property
    def function_name(self) -> str:
        return f"{self.name}-api"

    @property
    def role_name(self) -> str:
        return f"{self.function_name}-role"

    @property
    def policy_name(self) -> str:
        return f"{self.name}-table-access"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    @property
    def api_name(self) -> str:
        return f"{self.name}-http-api"

    @property
    def statement_id(self) -> str:
        return "apigw"

    @property
    def owner_tags(self) -> dict[str, str]:
        """The tags that mark a resource as this stack's. Resources without all of them are not changed or deleted."""
        return {"managed-by": "items-api", "items-api:stack": self.name, "items-api:region": self.region}

    @property
    def all_tags(self) -> dict[str, str]:
        return {**self.tags, **self.owner_tags}

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """`all_tags` in the format of DynamoDB and IAM."""
        return [{"Key": key, "Value": value} for key, value in self.all_tags.items()]

    @property
    def partition(self) -> str:
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"


@dataclass(frozen=True)
class Arns:
    """The ARNs of a stack's resources in one account. All except the API's are known in advance."""

    settings: Settings
    account: str

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:{self.settings.partition}:{service}:{self.settings.region}:{self.account}:{resource}"

    @property
    def table(self) -> str:
        return self._arn("dynamodb", f"table/{self.settings.table_name}")

    @property
    def role(self) -> str:
        return f"arn:{self.settings.partition}:iam::{self.account}:role/{self.settings.role_name}"

    def service_role(self, service: str, role: str) -> str:
        """A role that a service of AWS creates for itself."""
        return f"arn:{self.settings.partition}:iam::{self.account}:role/aws-service-role/{service}/{role}"

    @property
    def log_group(self) -> str:
        """Without the `:*` that log streams need and the tag operations reject."""
        return self._arn("logs", f"log-group:{self.settings.log_group_name}")

    @property
    def function(self) -> str:
        return self._arn("lambda", f"function:{self.settings.function_name}")

    def api(self, api_id: str) -> str:
        return f"arn:{self.settings.partition}:apigateway:{self.settings.region}::/apis/{api_id}"

    def stage(self, api_id: str, stage: str) -> str:
        return f"{self.api(api_id)}/stages/{stage}"

    def invoke_source(self, api_id: str) -> str:
        """Every stage, method and path of one API: the source in the invoke permission."""
        return self._arn("execute-api", f"{api_id}/*")


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


def _check_range(setting: str, value: int, bounds: tuple[int, int], unit: str) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise InvalidSetting("is out of range.", todo=f"Use {low} to {high} {unit}.", setting=setting, value=value)


def _check_retention(days: int) -> None:
    if days not in RETENTION_DAYS:
        distance = min(abs(allowed - days) for allowed in RETENTION_DAYS)
        nearest = " or ".join(str(allowed) for allowed in RETENTION_DAYS if abs(allowed - days) == distance)
        raise InvalidSetting(
            "is not a retention period that CloudWatch Logs supports.",
            todo=f"Use {nearest}, the nearest. All values: {', '.join(map(str, RETENTION_DAYS))}.",
            setting="log-retention",
            value=days,
        )


def _check_boundary(arn: str) -> None:
    if arn and not re.fullmatch(_POLICY_ARN, arn, re.ASCII):
        todo = "Use one like arn:aws:iam::123456789012:policy/items-boundary."
        raise InvalidSetting("is not the ARN of an IAM policy.", todo=todo, setting="permissions-boundary", value=arn)


def _check_tags(tags: Mapping[str, str]) -> None:
    def invalid(what: str, why: str = "", todo: str = "", tag: str | None = None) -> InvalidSetting:
        return InvalidSetting(what, why, todo, setting="tag", value=tag)

    if len(tags) > MAX_TAGS - 3:
        todo = f"AWS allows {MAX_TAGS} tags, and items-api uses 3 of them."
        raise invalid(f"sets {len(tags)} tags, which is too many.", todo=todo)
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


def _check_origins(origins: tuple[str, ...]) -> None:
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


def _check_origin(origin: str) -> None:
    def invalid(why: str) -> InvalidSetting:
        todo = "Use scheme://host or scheme://host:port."
        return InvalidSetting("is not an origin.", why, todo, setting="cors-origin", value=origin)

    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError as error:
        raise invalid(f"It cannot be parsed: {error}.") from None
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
