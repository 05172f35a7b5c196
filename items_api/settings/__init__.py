"""The desired state of a stack, validated before the first AWS call.

model.py   `Settings`: every setting, and every name that follows from it
arns.py    `Arns`: the ARNs of the stack's resources in one account
checks.py  what AWS accepts
tags.py    the settings as tags, in which the stack remembers them
"""

from items_api.settings.arns import Arns
from items_api.settings.checks import parse_tags
from items_api.settings.model import JWT_ONLY, REMEMBERED, REPEATABLE, Settings, from_texts, index_name, option_of

__all__ = [
    "JWT_ONLY",
    "REMEMBERED",
    "REPEATABLE",
    "Arns",
    "Settings",
    "from_texts",
    "index_name",
    "option_of",
    "parse_tags",
]
