"""The AWS of the tests: moto, and thin layers for what moto lacks. `account.py` shows how a test uses it.

| file | adds to moto |
|---|---|
| account.py | the account that a test works with |
| hooks.py, pipeline.py, layer.py | how the layers attach to boto3, and in which order a request passes them |
| gateway_gaps.py, gateway_strict.py | API Gateway operations that moto lacks; requests that only moto accepts |
| iam_lag.py, dynamodb_lag.py, lambda_lag.py, logs_lag.py, gateway_lag.py | eventual consistency, one service each |
| clock.py, delays.py, rates.py, paging.py | virtual time, delays, throttling, pages |
| process.py, faults.py, refusal.py, schedule.py | processes, what goes wrong with their calls, who comes first |
| journal.py, actions.py, policy.py | the calls that were made, the IAM actions they need, whether a policy allows them |
| snapshot.py, backends.py | everything that exists |
| conformity.py | checks every request of the suite against botocore's service model |
"""

from tests.aws import gateway_gaps  # noqa: F401 - importing it adds the operations
from tests.aws.account import MOTO, Account
from tests.aws.clock import VirtualClock
from tests.aws.delays import NO_DELAYS, SHORT, Delays
from tests.aws.faults import Fault, ProcessKilled
from tests.aws.process import Process, ProcessSession
from tests.aws.rates import AWS_RATES, Rate
from tests.aws.refusal import Refusal

__all__ = [
    "AWS_RATES",
    "MOTO",
    "NO_DELAYS",
    "SHORT",
    "Account",
    "Delays",
    "Fault",
    "Process",
    "ProcessKilled",
    "ProcessSession",
    "Rate",
    "Refusal",
    "VirtualClock",
]
