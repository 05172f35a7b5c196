"""What is known of a stack when a command ends early."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from items_api.errors import Bug, Interrupted, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@contextmanager
def knowing(
    known: Callable[[], Mapping[str, Any]] = dict,
    *,
    interrupted: Callable[[], Interrupted] = lambda: Interrupted("Interrupted."),
) -> Iterator[None]:
    """Every error leaves the context as a `Problem` that carries what is known of the JSON document by then.

    Usage errors pass unchanged: click prints them.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit):
        raise
    except (KeyboardInterrupt, click.Abort):
        problem: Problem = interrupted()
    except Problem as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - the last resort: the user sees one block, and the traceback on request
        problem = Bug.of(error)
    else:
        return
    problem.known = {**known(), **problem.known}
    raise problem
