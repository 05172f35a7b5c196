"""The desired state of a stack: every setting, and every name that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from items_api.errors import InvalidSetting
from items_api.settings import checks
from items_api.settings.tags import EXPIRES, to_tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Settings:
    """The desired state of one stack. The constructor validates every value and raises `InvalidSetting`.

    Units: memory in MB, timeout in seconds, log retention in days, throttle rate in requests per second,
    throttle burst in requests. `given` has the names of the fields that the user has given, now or earlier: the stack
    remembers them, and every value that is not the default.
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
    auth: str = "none"  # or "iam" or "jwt"; the others are for "jwt" only
    jwt_issuer: str = ""
    jwt_audiences: tuple[str, ...] = ()
    jwt_read_scope: str = ""
    jwt_write_scope: str = ""
    expires: str = ""  # when, in ISO 8601 with an offset; empty means never
    protect: bool = False  # the table against deletion, and its items against mistakes
    indexes: tuple[str, ...] = ()  # attributes with a global secondary index
    given: frozenset[str] = frozenset()
    former_tags: frozenset[str] = frozenset()  # keys of tags to remove, because the stack had them earlier

    def __post_init__(self) -> None:
        checks.check_name(self.name)
        checks.check_region(self.region)
        checks.check_tags(self.tags)
        checks.check_number_of_tags(self.tags, self.table_tags)
        checks.check_origins(self.cors_origins)
        checks.check_range("memory", self.memory, checks.MEMORY_MB, "MB")
        checks.check_range(
            "timeout", self.timeout, checks.TIMEOUT_SECONDS, "seconds, because an HTTP API waits at most 30"
        )
        checks.check_retention(self.log_retention)
        checks.check_range("throttle-rate", self.throttle_rate, checks.THROTTLE_RATE, "requests per second")
        checks.check_range("throttle-burst", self.throttle_burst, checks.THROTTLE_BURST, "requests")
        checks.check_boundary(self.permissions_boundary)
        checks.check_auth(self.auth, self.jwt_issuer, self.jwt_audiences)
        jwt = {field: getattr(self, field) for field in JWT_ONLY}
        if self.auth != "jwt" and (extra := [field for field, value in jwt.items() if value]):
            why = f"It is only for --auth jwt, and --auth is {self.auth}."
            raise InvalidSetting("has no effect.", why, "Add --auth jwt.", setting=option_of(extra[0]))
        checks.check_indexes(self.indexes)
        checks.check_scopes({option_of(field): jwt[field] for field in ("jwt_read_scope", "jwt_write_scope")})

    @property
    def table_name(self) -> str:
        """PascalCase: `Items`, `TeamTodo`."""
        return "".join(word.capitalize() for word in self.name.split("-"))

    @property
    def index_names(self) -> dict[str, str]:
        """The name of the index on each attribute, in alphabetical order: `{"owner": "owner-index"}`."""
        return {attribute: index_name(attribute) for attribute in sorted(self.indexes)}

    @property
    def function_name(self) -> str:
        return f"{self.name}-api"

    @property
    def role_name(self) -> str:
        return f"{self.function_name}-role"

    @property
    def task_role_name(self) -> str:
        """Of the role with the function's permissions in a container on ECS."""
        return f"{self.function_name}-task-role"

    @property
    def execution_role_name(self) -> str:
        """Of the role with which ECS starts the container."""
        return f"{self.function_name}-execution-role"

    @property
    def instance_role_name(self) -> str:
        """Of the role with the function's permissions on EC2."""
        return f"{self.function_name}-instance-role"

    @property
    def target_group_name(self) -> str:
        """Of the containers behind a load balancer. It can have 32 characters, and no hyphen at the end."""
        return self.name[:32].rstrip("-")

    @property
    def policy_name(self) -> str:
        return f"{self.name}-table-access"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    @property
    def container_log_group_name(self) -> str:
        return f"/ecs/{self.function_name}"

    @property
    def api_name(self) -> str:
        return f"{self.name}-http-api"

    @property
    def statement_id(self) -> str:
        return "apigw"

    @property
    def alias_name(self) -> str:
        return "live"

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
    def remembered(self) -> dict[str, list[str]]:
        """What the stack remembers, as texts by the long names of the options."""
        kept = (name for name in REMEMBERED if name in self.given or getattr(self, name) != getattr(Settings, name, {}))
        return {option_of(name): values for name in kept if (values := _values(getattr(self, name)))}

    @property
    def table_tags(self) -> dict[str, str]:
        """`all_tags`, when the stack expires, and the settings that it remembers. Only the table has them."""
        expires = {EXPIRES: self.expires} if self.expires else {}
        return {**self.all_tags, **expires, **to_tags(self.remembered)}

    @property
    def table_tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.table_tags.items()]

    @property
    def partition(self) -> str:
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"


# The fields that have a meaning only with `auth="jwt"`.
JWT_ONLY = ("jwt_issuer", "jwt_audiences", "jwt_read_scope", "jwt_write_scope")
# The fields that a stack remembers.
REMEMBERED = tuple(f.name for f in fields(Settings) if f.name not in ("name", "region", "given", "former_tags"))
_TRUE = "yes"
# The long names of the options that can be repeated.
REPEATABLE = frozenset({"tag", "cors-origin", "jwt-audience", "index"})


def from_texts(remembered: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """`Settings.remembered` as values by field. Raises `InvalidSetting`."""
    known = {option_of(name): name for name in REMEMBERED}
    for option in remembered.keys() - known.keys():
        raise InvalidSetting(
            "is not a setting of this version.",
            "A newer version of items-api probably wrote it.",
            "Upgrade items-api.",
            setting=option,
            value=remembered[option][0],
        )
    return {known[option]: _from_texts(known[option], texts) for option, texts in remembered.items()}


def index_name(attribute: str) -> str:
    return f"{attribute}{checks.INDEX_SUFFIX}"


def option_of(field_name: str) -> str:
    """The long name of the option for a field: `log-retention`."""
    plurals = {"tags": "tag", "cors_origins": "cors-origin", "jwt_audiences": "jwt-audience", "indexes": "index"}
    return plurals.get(field_name, field_name.replace("_", "-"))


def _values(value: Any) -> list[str]:
    """The value of a field as texts, one for each time that its option would be given."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict):
        return [f"{key}={inner}" for key, inner in value.items()]
    if isinstance(value, bool):
        return [_TRUE if value else "no"]
    return [str(value)]


def _from_texts(name: str, texts: Sequence[str]) -> Any:
    default = getattr(Settings, name, {})
    if isinstance(default, tuple):
        return tuple(texts)
    if isinstance(default, dict):
        return checks.parse_tags(texts)
    if isinstance(default, bool):
        return texts[-1] == _TRUE
    if not isinstance(default, int):
        return texts[-1]
    try:
        return int(texts[-1])
    except ValueError:
        todo = "Use a whole number."
        raise InvalidSetting("is invalid.", todo=todo, setting=option_of(name), value=texts[-1]) from None
