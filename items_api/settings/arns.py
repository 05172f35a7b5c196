"""The ARNs of a stack's resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from items_api.settings.model import Settings


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

    def index(self, name: str) -> str:
        """An index of the table; with `*`, a pattern for all of them."""
        return f"{self.table}/index/{name}"

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

    @property
    def alias(self) -> str:
        return f"{self.function}:{self.settings.alias_name}"

    @property
    def versions(self) -> str:
        """Every version and alias of the function: a pattern for policies."""
        return f"{self.function}:*"

    def api(self, api_id: str) -> str:
        return f"arn:{self.settings.partition}:apigateway:{self.settings.region}::/apis/{api_id}"

    def stage(self, api_id: str, stage: str) -> str:
        return f"{self.api(api_id)}/stages/{stage}"

    @property
    def requests(self) -> str:
        """Every request to a path of an API of this kind: AWS chooses the API's ID."""
        return self._arn("execute-api", "*/*/*/items*")

    def invoke_source(self, api_id: str) -> str:
        """Every stage, method and path of one API: the source in the invoke permission."""
        return self._arn("execute-api", f"{api_id}/*")
