"""An AWS that misbehaves, for the tests: the operations that matter here, with AWS's delays and refusals.

It is a model of its own, not moto: a call takes a tenth of the time, and where moto is lenient it is as strict as AWS.
`tests/test_aws_model.py` holds it against moto, call by call, and against botocore's service model.

    world.py         the account: sessions, snapshot, what is left over
    session.py       real botocore clients whose requests go to the model
    pipeline.py      the way of a request: hooks, faults, rights, rates, latency, effect
    clock.py         time that passes only when everybody waits
    delays.py        how slow and how far behind itself it is
    faults.py        what goes wrong, and at which call; refusal.py has AWS's words for it
    gates.py         who does what first
    journal.py       every call that was made, and (actions.py) the IAM actions it needs
    snapshot.py      everything that exists, comparable
    conformity.py    every request of the suite against botocore's service model
    dynamodb.py iam.py logs.py functions.py gateway.py sts.py    the services
"""

from tests.aws_model.clock import VirtualClock
from tests.aws_model.delays import AWS_RATES, NO_DELAYS, SHORT, Delays, Rate
from tests.aws_model.faults import Fault, ProcessKilled
from tests.aws_model.gates import Gate
from tests.aws_model.journal import Call, Journal
from tests.aws_model.refusal import Refusal
from tests.aws_model.session import ModelSession
from tests.aws_model.world import AwsWorld

__all__ = [
    "AWS_RATES",
    "NO_DELAYS",
    "SHORT",
    "AwsWorld",
    "Call",
    "Delays",
    "Fault",
    "Gate",
    "Journal",
    "ModelSession",
    "ProcessKilled",
    "Rate",
    "Refusal",
    "VirtualClock",
]
