"""The stack as an AWS SAM template, and the function's source.

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
    code = {f"src/{path}": content for path, content in sources().items()}
    return {"template.yaml": fill("template.yaml", settings), **code}
