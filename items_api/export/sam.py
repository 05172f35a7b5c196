"""The stack as an AWS SAM template, and the function's source beside it.

Every resource has the name under which `up` creates it, so CloudFormation can import an existing stack: it identifies
resources by their names, and requires a DeletionPolicy that keeps them (docs/leaving.md).
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from items_api.export.fill import fill
from items_api.provision.bundle import sources

if TYPE_CHECKING:
    from items_api.settings import Settings


def files(settings: Settings) -> dict[str, bytes]:
    template = fill(
        "template.yaml",
        {
            "name": settings.name,
            "region": settings.region,
            "table_name": settings.table_name,
            "role_name": settings.role_name,
            "policy_name": settings.policy_name,
            "log_group_name": settings.log_group_name,
            "log_retention": settings.log_retention,
            "function_name": settings.function_name,
            "memory": settings.memory,
            "timeout": settings.timeout,
            "api_name": settings.api_name,
            "cors_origins": list(settings.cors_origins),
            "throttle_rate": settings.throttle_rate,
            "throttle_burst": settings.throttle_burst,
            "tags": settings.all_tags,
            "tag_list": settings.tag_list,
        },
    )
    return {"template.yaml": template, **{f"src/{path}": content for path, content in sources().items()}}
