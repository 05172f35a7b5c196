"""What is known of a stack when a command ends early."""

from __future__ import annotations

import errno
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from items_api.errors import Bug, Interrupted, Problem, TooManyFiles

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
        is_limit = isinstance(error, OSError) and error.errno == errno.EMFILE
        problem = _too_many_files(error) if is_limit else Bug.of(error)
    else:
        return
    problem.known = {**known(), **problem.known}
    raise problem


def _too_many_files(error: Exception) -> Problem:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    why = f"The limit of this process is {limit:,}."
    todo = "Raise it, for example with ulimit -n 1024, and run the command again."
    return TooManyFiles("Too many files are open.", why, todo).with_traceback(error.__traceback__)
