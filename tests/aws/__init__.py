"""The AWS of the tests: moto, and thin layers for what moto lacks. `account.py` shows how a test uses it.

| file | adds to moto |
|---|---|
| account.py | the account that a test works with |
| pipeline.py, layer.py | how the layers attach to boto3, and the path of a request through them; pages |
| iam.py, dynamodb.py, lambda_.py, logs.py, gateway.py | how one service differs from moto, above all eventual consistency |
| clock.py, delays.py | virtual time; delays and rate limits |
| faults.py | processes, their calls, and what goes wrong with them |
| journal.py, permissions.py | the calls that were made, the IAM actions they need, whether a policy allows them |
| snapshot.py | everything that exists |
| conformity.py | checks every request of the suite against botocore's service model |
"""

from tests.aws.account import MOTO, Account
from tests.aws.clock import VirtualClock
from tests.aws.delays import AWS_RATES, NO_DELAYS, SHORT, Delays
from tests.aws.faults import SWALLOWED, ErrorResponse, Fault, Process, ProcessKilled, ProcessSession

__all__ = [
    "AWS_RATES", "MOTO", "NO_DELAYS", "SHORT", "SWALLOWED", "Account", "Delays", "ErrorResponse", "Fault",
    "Process", "ProcessKilled", "ProcessSession", "VirtualClock",
]  # fmt: skip
