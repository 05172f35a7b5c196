"""Which stack a command works on, and where."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from items_api.errors import InvalidSetting, NoStack, Protected
from items_api.settings import Settings

if TYPE_CHECKING:
    from items_api.provision.stack import Stack

LOCAL_IS_EMPTY = "The local AWS is empty."
SettingsIn: TypeAlias = Callable[[str], Settings]  # the settings of the stack in a region
_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")


@dataclass(frozen=True)
class Target:
    """The options that select a stack. An option that the command does not have has its default."""

    name: str = "items"
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    local: bool = False

    def __post_init__(self) -> None:
        url = self.endpoint_url
        if url and not _is_url(url):
            todo = "Use one like http://127.0.0.1:4566."
            raise InvalidSetting("is not an HTTP URL.", todo=todo, setting="endpoint-url", value=url)

    @property
    def flags(self) -> str:
        """The options that select the same stack again, with a leading space: " --name team-todo --local"."""
        given = {
            "--name": None if self.name == "items" else self.name,
            "--region": self.region,
            "--profile": self.profile,
            "--endpoint-url": self.endpoint_url,
        }
        words = [word for option, value in given.items() if value for word in (option, value)]
        return "".join(f" {shlex.quote(word)}" for word in [*words, *(["--local"] if self.local else [])])

    def check_issuer(self, issuer: str) -> None:
        """Only the local AWS can reach an issuer on this computer."""
        if issuer.startswith("http://") and not self.local:
            raise InvalidSetting(
                "is on this computer, where AWS cannot reach it.",
                todo="Use an https:// issuer, or add --local.",
                setting="jwt-issuer",
                value=issuer,
            )

    def check_protection(self, stack: Stack) -> None:
        """Raise `Protected` if the table is protected against deletion."""
        try:
            stack.check_protection()
        except Protected as problem:
            problem.todo = (
                f"To delete it, run items-api up{self.flags} --no-protect first. To delete everything else, run "
                f"items-api down{self.flags} --keep-table."
            )
            raise

    def no_stack(self, why: str, alternative: str = "") -> NoStack:
        """The error of a command that needs the stack. `alternative` is another thing to do, as a sentence."""
        todo = f"Check --name and --region. To create or repair the stack, run items-api up{self.flags}. {alternative}"
        return NoStack(f"The stack {self.name} does not exist or is incomplete.", why, todo.rstrip())


def _is_url(text: str) -> bool:
    try:
        return bool(_URL.fullmatch(text)) and urlsplit(text).port != 0
    except ValueError:
        return False
