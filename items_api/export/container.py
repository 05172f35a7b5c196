"""The stack's API as a container: an image, and what runs it on this computer, on ECS and on EC2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from items_api.errors import InvalidSetting
from items_api.export import wheel
from items_api.export.fill import Raw, fill
from items_api.provision.indexes import create_request
from items_api.provision.policies import items_policy, service_trust_policy
from items_api.settings import Arns

if TYPE_CHECKING:
    from items_api.settings import Settings

ACCOUNT = "ACCOUNT_ID"  # the README replaces it
_TEMPLATES = (
    "Dockerfile",
    "README.md",
    "compose.yaml",
    "items-api.service",
    "items-api.toml",
    "requirements.txt",
    "task-definition.json",
)


def container(settings: Settings) -> dict[str, bytes]:
    """The files by their path in the export's folder. Raises `InvalidSetting` for a stack that `serve` cannot serve."""
    if settings.auth == "iam":
        todo = "Use --auth jwt."
        why = "A server outside of API Gateway cannot verify AWS signatures."
        raise InvalidSetting("cannot be exported to a container.", why, todo, setting="auth", value=settings.auth)
    table = {"TableName": settings.table_name, "BillingMode": "PAY_PER_REQUEST", **create_request(settings)}
    boundary = f" --permissions-boundary {settings.permissions_boundary}" if settings.permissions_boundary else ""
    values = {
        "create_table": Raw(json.dumps(table)),
        "dns_suffix": f"amazonaws.com{'.cn' if settings.partition == 'aws-cn' else ''}",
        "trust_task": f"file://trust-ecs.json{boundary}",
        "trust_instance": f"file://trust-ec2.json{boundary}",
        "wheel": wheel.NAME,
    }
    filled = {name: fill(f"container/{name}", settings, **values) for name in _TEMPLATES}
    documents = {
        "task-role-policy.json": items_policy(Arns(settings, ACCOUNT)),
        "trust-ecs.json": service_trust_policy("ecs-tasks.amazonaws.com"),
        "trust-ec2.json": service_trust_policy("ec2.amazonaws.com"),
    }
    return {
        **filled,
        ".dockerignore": fill("container/dockerignore", settings),
        **{name: f"{json.dumps(document, indent=2)}\n".encode() for name, document in documents.items()},
        wheel.NAME: wheel.wheel(),
    }
