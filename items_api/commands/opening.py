"""Finds the stack that a command works on: account, region and, with --local, the local AWS."""

from __future__ import annotations

import os
import shlex
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from items_api import aws, local
from items_api.commands.known import knowing
from items_api.errors import Interrupted
from items_api.provision import listing
from items_api.provision import stack as stacks
from items_api.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from items_api.aws.client import Watcher
    from items_api.aws.session import Account
    from items_api.commands.given import Given
    from items_api.commands.target import Target
    from items_api.provision.listing import Listed
    from items_api.terminal.screen import Screen

LOCAL_REGION = "us-east-1"


@contextmanager
def opened(
    screen: Screen,
    target: Target,
    given: Given | None = None,
    *,
    start: bool = False,
    explain: bool = False,
) -> Iterator[stacks.Stack | None]:
    """The stack in its account; None if the local AWS is empty and must not be started.

    Errors and Ctrl-C inside the context carry what is known about the stack (`Problem.known`).

    Args:
        screen: shows the stack's name, account and region.
        target: selects the stack.
        given: the settings that the command was given. They are validated before anything is started or called. Each
            `look` adds those that the stack remembers.
        start: start the local AWS if necessary.
        explain: show every write as an `aws` command.
    """
    settings = given.settings if given else partial(Settings, target.name)
    target.check_issuer(settings(target.region or LOCAL_REGION).jwt_issuer)
    account = find_account(screen, target, start=start)
    if account is None:
        yield None
        return
    watch = explainer(screen, account.region, account.endpoint_url, aws.line.cli_line) if explain else None
    client = account.aws(watch)
    completed = partial(given.settings, account.region) if given else None
    stack = stacks.Stack(settings(account.region), client, client.account_id(), completed)
    screen.line(f"Stack {target.name} in {place_text(target, account, stack.account)}")

    def known() -> dict[str, Any]:
        return known_of(stack) | ({"resources": stack.results} if stack.results else {})

    with knowing(known, interrupted=lambda: _interrupted(stack, target)):
        yield stack


def place_text(target: Target, account: Account, account_id: str) -> str:
    """Where a command works: "account 123456789012, region us-east-1", and the endpoint if it is not AWS's own."""
    if target.local:
        return f"the local AWS, account {account_id}, region {account.region}"
    endpoint = account.endpoint_url or os.environ.get("AWS_ENDPOINT_URL")
    return f"account {account_id}, region {account.region}{f', at {endpoint}' if endpoint else ''}"


def known_of(stack: stacks.Stack) -> dict[str, Any]:
    """The keys about a stack in the JSON documents of all commands."""
    return {"account": stack.account, "region": stack.settings.region}


def find_account(screen: Screen, target: Target, *, start: bool) -> Account | None:
    """Where the stack is, or would be; None if the local AWS is empty and must not be started."""
    if not target.local:
        return aws.session.aws_account(profile=target.profile, region=target.region, endpoint_url=target.endpoint_url)
    find = local.ensure_running if start else local.resume
    running = find(local.home(), screen.line)
    if running is None:
        return None
    for note in running.note.splitlines():
        screen.line(note, "yellow", essential=True)
    return aws.session.local_account(
        region=target.region or LOCAL_REGION,
        endpoint_url=running.endpoint_url,
        access_key=running.access_key,
        secret_key=running.secret_key,
        advice="Run the command again; it starts the local AWS if necessary. If it fails again, see the log: "
        f"{local.home() / 'local-aws' / 'server.log'}",
    )


class ListedStacks(NamedTuple):
    account: Account
    account_id: str
    stacks: Sequence[Listed]


def listed_stacks(screen: Screen, target: Target) -> ListedStacks | None:
    """Every stack of the account, which is shown; None if the local AWS is empty."""
    account = find_account(screen, target, start=False)
    if account is None:
        return None
    aws = account.aws()
    account_id = aws.account_id()
    screen.line(f"Stacks in {place_text(target, account, account_id)}")
    return ListedStacks(account, account_id, listing.stacks(aws, account.region, account_id))


def region_of(target: Target) -> str | None:
    """The target's region, without a call to AWS; None if none is configured."""
    if target.region or target.local:
        return target.region or LOCAL_REGION
    return aws.session.configured_region(target.profile)


def stack_names(screen: Screen, target: Target) -> list[str]:
    """The names of the stacks in the target's account and region."""
    account = find_account(screen, target, start=False)
    return stacks.stack_names(account.aws()) if account else []


def explainer(
    screen: Screen, region: str, endpoint_url: str | None, line_of: Callable[[str, str, Mapping[str, Any]], str]
) -> Watcher:
    """Shows every write as an `aws` command, after the exports that these commands need in a shell."""
    shown: set[str] = set()
    exports = [f"export AWS_DEFAULT_REGION={region}"]
    if endpoint_url:
        exports.append(f"export AWS_ENDPOINT_URL={shlex.quote(endpoint_url)}")

    def explain(service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        for line in (*exports, line_of(service, operation, parameters)):
            if line not in shown:  # while a step waits, it can send the same command every half second
                shown.add(line)
                screen.line(f"$ {line}", "cyan", essential=True, verbatim=True)

    return explain


def empty_stack(target: Target, given: Given) -> stacks.Stack:
    """The stack in a local AWS that is not running and has no data. It can be planned and rehearsed."""
    region = target.region or LOCAL_REGION
    account = aws.session.local_account(
        region=region, endpoint_url="http://127.0.0.1:PORT", access_key="", secret_key=""
    )
    return stacks.Stack(given.settings(region), account.aws(), local.ACCOUNT)


def _interrupted(stack: stacks.Stack, target: Target) -> Interrupted:
    groups = (
        ("Exists", ("created", "updated", "unchanged")),
        ("Deleted", ("deleted", "absent")),
        ("Unfinished", ("failed",)),
    )
    lists = [
        f"{label}: {', '.join(names)}."
        for label, changes in groups
        if (names := [f"{o.title} {o.name}" for o in stack.results if o.change in changes])
    ]
    if not lists:
        return Interrupted("Interrupted.", "Nothing was changed.")
    todo = f"items-api up{target.flags} completes the stack; items-api down{target.flags} deletes it."
    return Interrupted("Interrupted.", " ".join(lists), todo)
