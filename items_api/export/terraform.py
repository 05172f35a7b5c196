"""The stack for Terraform and its hashicorp/aws provider, and a script that prints import blocks for an existing one.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from items_api.export.fill import fill
from items_api.provision.bundle import bundle

if TYPE_CHECKING:
    from items_api.export.fill import Value
    from items_api.settings import Settings


def files(settings: Settings) -> dict[str, bytes]:
    common: dict[str, Value] = {
        "name": settings.name,
        "region": settings.region,
        "table_name": settings.table_name,
        "role_name": settings.role_name,
        "policy_name": settings.policy_name,
        "log_group_name": settings.log_group_name,
        "function_name": settings.function_name,
    }
    main = {
        **common,
        "memory": settings.memory,
        "timeout": settings.timeout,
        "log_retention": settings.log_retention,
        "api_name": settings.api_name,
        "cors_origins": list(settings.cors_origins),
        "throttle_rate": settings.throttle_rate,
        "throttle_burst": settings.throttle_burst,
        "tags": settings.all_tags,
    }
    return {"main.tf": fill("main.tf", main), "function.zip": bundle(), "imports.sh": fill("imports.sh", common)}
