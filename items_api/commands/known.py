"""What is known of a stack when a command ends early."""

from __future__ import annotations

import errno
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from items_api.errors import Bug, Interrupted, Problem, TooManyOpenFiles

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
        problem = _limit(error) or error
    except Exception as error:  # noqa: BLE001 - the last resort: the user sees one block, and the traceback on request
        problem = _limit(error) or Bug.of(error)
    else:
        return
    problem.known = {**known(), **problem.known}
    raise problem


def _limit(error: Exception) -> Problem | None:
    """What to say if the error, or one that caused it, is that too many files are open."""
    cause: BaseException | None = error
    while cause and not (isinstance(cause, OSError) and cause.errno == errno.EMFILE):
        cause = cause.__cause__ or cause.__context__
    if cause is None or isinstance(error, TooManyOpenFiles):
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    why = f"The limit of this process is {limit:,} files and sockets."
    return TooManyOpenFiles("Too many files are open.", why, "Raise it with ulimit -n, and run the command again.")
