"""The stack for Terraform and its hashicorp/aws provider, and a script that prints import blocks for an existing one.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from items_api.export.fill import fill
from items_api.provision.bundle import bundle

if TYPE_CHECKING:
    from items_api.settings import Settings


def files(settings: Settings) -> dict[str, bytes]:
    return {
        "main.tf": fill("main.tf", settings),
        "function.zip": bundle(),
        "imports.sh": fill("imports.sh", settings),
    }
