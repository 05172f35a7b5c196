"""The files of a stack for other tools, by their path in the export's folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from items_api.export.fill import Raw, fill
from items_api.provision.authorization import scopes
from items_api.provision.bundle import bundle, code_sha256, sources
from items_api.provision.indexes import definitions, index
from items_api.provision.versions import description

if TYPE_CHECKING:
    from collections.abc import Iterable

    from items_api.settings import Settings


def shell(settings: Settings) -> dict[str, bytes]:
    """Two POSIX shell scripts for the AWS CLI. They create and delete; unlike `up`, they do not update."""
    up = fill(
        "up.sh",
        settings,
        cors_origins=json.dumps(settings.cors_origins),
        all_tags=_block("{", (f"{_json(key)}: {_json(value)}" for key, value in settings.all_tags.items()), "}"),
        tag_list=_block("[", map(_json, settings.tag_list), "]"),
        table_tag_list=_block("[", map(_json, settings.table_tag_list), "]"),
        description=description(settings),
        keys=_block("[", map(_json, definitions("itemId", *settings.index_names)), "]"),
        indexes=_block("[", (_json(index(*names)) for names in settings.index_names.items()), "]"),
        index_arns=Raw(_block("[", (f'"$TABLE_ARN/index/{name}"' for name in settings.index_names.values()), "]")),
        jwt_configuration=_json({"Issuer": settings.jwt_issuer, "Audience": settings.jwt_audiences}),
        code_hash=code_sha256(settings),
    )
    return {"up.sh": up, "down.sh": fill("down.sh", settings), "function.zip": bundle(settings)}


def sam(settings: Settings) -> dict[str, bytes]:
    """A template for AWS SAM, and the function's source.

    Every resource has the name under which `up` creates it, so CloudFormation can import an existing stack: it
    identifies resources by their names, and requires a DeletionPolicy that keeps them (docs/leaving.md).
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    code = {f"src/{path}": content for path, content in sources(settings).items()}
    return {"template.yaml": fill("template.yaml", settings, description=description(settings)), **code}


def terraform(settings: Settings) -> dict[str, bytes]:
    """A configuration for the hashicorp/aws provider, and a script that prints import blocks for an existing stack.

    https://registry.terraform.io/providers/hashicorp/aws/latest/docs
    """
    return {
        "main.tf": fill(
            "main.tf",
            settings,
            description=description(settings),
            read_scopes=scopes(settings, "GET /items"),
            write_scopes=scopes(settings, "POST /items"),
        ),
        "imports.sh": fill("imports.sh", settings),
        "function.zip": bundle(settings),
    }


def _block(start: str, lines: Iterable[str], end: str) -> str:
    return f"{start}\n  " + ",\n  ".join(lines) + f"\n{end}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
