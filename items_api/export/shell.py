"""The stack as two POSIX shell scripts for the AWS CLI, and the function's zip file.

They are meant to be read, and for machines without Python. They create and delete; unlike `up`, they do not update.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from items_api.export.fill import fill
from items_api.provision.bundle import bundle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from items_api.settings import Settings


def files(settings: Settings) -> dict[str, bytes]:
    up = fill(
        "up.sh",
        settings,
        cors_origins=json.dumps(settings.cors_origins),
        # The members of a JSON object, without its braces: the function has one more tag than the others.
        all_tags=_block(f"{_json(key)}: {_json(value)}" for key, value in settings.all_tags.items()),
        tag_list=f"[{_block(map(_json, settings.tag_list))}\n]",
    )
    return {"up.sh": up, "down.sh": fill("down.sh", settings), "function.zip": bundle()}


def _block(lines: Iterable[str]) -> str:
    return "\n  " + ",\n  ".join(lines)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
