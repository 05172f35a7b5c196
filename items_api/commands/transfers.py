"""What `dump` and `load` have in common."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from items_api.aws.errors import AwsError
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.errors import OutputFailed
from items_api.items import ItemTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from items_api.commands.target import Target
    from items_api.provision.stack import Stack

PIPE = "-"
file_argument = click.argument("file", default=PIPE, metavar="[FILE|-]")


def rate_option(kind: str) -> Callable[[Any], Any]:
    """`kind` is "read" or "write"."""
    return click.option(
        "--rate",
        type=click.FloatRange(min=0, min_open=True),
        metavar="N",
        help=f"Use at most N {kind} units per second, to spare a live table.",
    )


def item_table(stack: Stack | None, target: Target) -> ItemTable:
    """The items of the stack's table. Raises `NoStack` if there is none, and `CannotChange` if it has another key."""
    if stack is None:
        raise target.no_stack(LOCAL_IS_EMPTY)
    stack.look_at(stack.table)
    if not stack.table.owned or stack.table.owned.deleting:
        raise target.no_stack("It has no table.")
    return stack.table.explained("read", lambda: ItemTable(stack.aws, stack.table.name))


@contextmanager
def transferring(stack: Stack, verb: str) -> Iterator[None]:
    """Explain the errors of AWS and of the file."""
    try:
        yield
    except AwsError as error:
        problem = error.problem(f"Could not {verb} the items of the {stack.table.title} {stack.table.name}")
        raise problem from error
    except BrokenPipeError:
        raise
    except OSError as error:
        name = f" {error.filename}" if error.filename else ""
        raise OutputFailed(
            f"Could not read or write the file{name}.",
            f"{error.strerror}.",
            "Fix the cause and run the command again; it continues where it left off.",
        ) from error
