"""The parts of a token (RFC 7519)."""

from __future__ import annotations

import base64
import json
from typing import Any


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The header and the claims of a token; None if it is not one."""
    pieces = token.split(".")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in pieces[:2])
    except (ValueError, RecursionError):
        return None
    return (header, claims) if len(pieces) == 3 and isinstance(header, dict) and isinstance(claims, dict) else None  # noqa: PLR2004
