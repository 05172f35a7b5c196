"""How close `up` is to the fastest possible one, on moto with AWS's delays: python benchmarks/provision.py.

The longest chain is the lower bound, whatever the order of the calls: get the account, read the stack, create the role,
wait until Lambda can assume it, create the function, wait until it is Active, publish, check and release the version,
allow the API to invoke it. For changed code: read the stack, update the code, wait, publish, check, release. "In
sequence" is how long the same calls and waits would take one after the other. Times are those of the virtual clock, so
they are exact.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # of what the test's own clients do

from moto import mock_aws

from tests.aws import MOTO, Account, Delays, VirtualClock
from tests.provision.drive import errors, states, up
from tests.provision.manual_changes import move_alias

# What the control planes take from a well-connected computer.
DELAYS = Delays(
    latency=0.12,
    latencies={
        "lambda.CreateFunction": 0.9,
        "iam.CreateRole": 0.3,
        "iam.PutRolePolicy": 0.3,
        "dynamodb.CreateTable": 0.4,
    },
)
ROUND_TRIPS = 4


def longest_chain(delays: Delays) -> float:
    """In seconds. Every call counts with its latency, a wait from the end of the call that began it.

    A call takes effect at the end of its latency: the best CreateFunction ends as soon as the role can be assumed.
    """
    policy = delays.role_readable + delays.of("iam.PutRolePolicy")
    create = max(policy + delays.of("lambda.CreateFunction"), delays.role_assumable)
    active = delays.function_pending  # the best GetFunction ends when it is over
    return (
        look(delays)
        + delays.of("iam.CreateRole")
        + create
        + active
        + release(delays)
        + delays.of("lambda.AddPermission")
    )


def longest_chain_of_changed_code(delays: Delays) -> float:
    return look(delays) + delays.of("lambda.UpdateFunctionCode") + delays.function_updating + release(delays)


def look(delays: Delays) -> float:
    return sum(map(delays.of, ("sts.GetCallerIdentity", "apigatewayv2.GetApis", "apigatewayv2.GetRoutes")))


def release(delays: Delays) -> float:
    return sum(map(delays.of, ("lambda.PublishVersion", *["lambda.Invoke"] * 3, "lambda.UpdateAlias")))


def in_sequence(account: Account) -> float:
    """Seconds for each call that was needed, polls counted once, and every wait, one after the other."""
    delays = account.delays
    polls = {"lambda.GetFunction", "lambda.CreateFunction", "dynamodb.DescribeTable", "iam.PutRolePolicy"}
    calls = [call.operation for call in account.journal if call.outcome == "ok" and call.operation not in polls]
    calls += [*polls, "lambda.GetFunction", "dynamodb.DescribeTable"]  # once to look, once to see it done
    waits = delays.role_assumable + delays.table_creating + delays.function_pending
    return sum(map(delays.of, calls)) + waits


def cpu_of_an_up_that_changes_nothing() -> float:
    """CPU seconds of a whole `items-api up` process against a local AWS, which answers within a millisecond or two."""
    command = [sys.executable, "-m", "items_api", "up", "--local", "--quiet"]
    with tempfile.TemporaryDirectory() as home:
        environment = {"ITEMS_API_HOME": home, "PATH": "/usr/bin:/bin"}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        down = [sys.executable, "-m", "items_api", "down", "--local", "--yes", "--quiet"]
        subprocess.run(down, check=True, env=environment, stdout=subprocess.DEVNULL)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    with mock_aws(config=MOTO), Account(delays=DELAYS, clock=VirtualClock(pauses=60)) as account:
        assert errors(up(account)) == []
        journal = account.journal
        first = account.clock.now()
        chain, sequence = longest_chain(DELAYS), in_sequence(account)
        create = journal.of("lambda.CreateFunction")[-1]
        assumable = journal.of("iam.CreateRole")[0].end + DELAYS.role_assumable
        move_alias(account)  # to a version with other code
        account.rest()
        before = account.clock.now()
        assert errors(up(account)) == []
        changed = account.clock.now() - before
        depths = {}
        for command in (up, states):
            account.rest()
            journal.clear()
            command(account)
            depths[command.__name__] = journal.depth()
    rows = [
        ("first up / longest chain", first / chain, 1.10),
        ("up of changed code / longest chain", changed / longest_chain_of_changed_code(DELAYS), 1.10),
        ("first up / in sequence", first / sequence, 0.65),
        ("function created after the role became assumable, s", create.end - assumable, 0.5),
        ("round trips of an up that changes nothing", depths["up"], ROUND_TRIPS),
        ("round trips of status", depths["states"], ROUND_TRIPS),
        ("CPU of an up that changes nothing, s", cpu_of_an_up_that_changes_nothing(), 1.5),
    ]
    print(f"first up {first:.2f} s, longest chain {chain:.2f} s, in sequence {sequence:.2f} s\n")
    for title, value, limit in rows:
        print(f"{title:<56}{value:>6.2f}   limit {limit:<5}{'ok' if value <= limit else 'EXCEEDED'}")
    return any(value > limit for _, value, limit in rows)


if __name__ == "__main__":
    sys.exit(main())
