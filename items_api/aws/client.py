"""The client for AWS: sends calls with retries, waits for conditions, reads every page.

All retries, backoff and waiting are here. botocore's own retries are off: they blindly repeat a create
whose response was lost, and they treat an exhausted quota as throttling.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeAlias, TypeVar, cast

from botocore.config import Config

from items_api import __version__
from items_api.aws.errors import AwsError, ServiceError, Stopped
from items_api.aws.signing import Signer
from items_api.aws.translate import missing, translating
from items_api.errors import TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import boto3
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sts import STSClient

P = ParamSpec("P")
T = TypeVar("T")

_CONFIG = Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=16,
    user_agent_extra=f"items-api/{__version__}",
)
# Lambda answers when the function has: after at most 10 s for its start and 30 s for the request.
_INVOKING = Config(read_timeout=45)
# `items` checks the items itself, and botocore's checks would take half of the time of a request with 25 of them.
_CHECKED = Config(parameter_validation=False)
# Functions are invoked only to read.
_READS = ("describe_", "filter_", "get_", "invoke", "list_", "scan")
_RETRY_SECONDS = 120.0
_UNCLEAR_ATTEMPTS = 4
_UNCLEAR_SECONDS = 45.0  # two timeouts of a server that never responds


class Clock:
    """Real time; tests pass a faster clock."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float, until: threading.Event) -> None:
        """Sleep for that long, or until the event is set."""
        until.wait(seconds)


# Called with every write before it is sent: the service, the operation and the parameters.
Watcher: TypeAlias = "Callable[[str, str, Mapping[str, Any]], None]"


class Aws:
    """Clients for one account and region."""

    is_rehearsal = False

    def __init__(
        self,
        session: boto3.Session,
        *,
        endpoint_url: str | None = None,
        config: Config | None = None,
        clock: Clock | None = None,
        watch: Watcher | None = None,
        local_advice: str = "",
    ) -> None:
        self._session = session
        self.endpoint_url = endpoint_url
        self._config = _CONFIG.merge(config) if config else _CONFIG
        self._clock = clock or Clock()
        self._watch = watch
        self._local_advice = local_advice
        self._lock = threading.Lock()
        self._stop = threading.Event()
        # Large enough for the reads of all steps at once: reads wait for other reads, so a full pool would deadlock.
        self._readers = ThreadPoolExecutor(48, thread_name_prefix="aws-read")

    # The clients, each created when it is first used.
    apigateway: ApiGatewayV2Client
    cloudwatch: CloudWatchClient
    dynamodb: DynamoDBClient
    iam: IAMClient
    items: DynamoDBClient  # for dump and load
    lambda_: LambdaClient
    logs: CloudWatchLogsClient
    sts: STSClient

    def __getattr__(self, name: str) -> Any:
        if name not in Aws.__annotations__:
            raise AttributeError(name)
        with self._lock:  # threads may share boto3's clients, but not its sessions
            if name not in self.__dict__:
                service: Any = {"apigateway": "apigatewayv2", "items": "dynamodb"}.get(name, name.rstrip("_"))
                special = {"lambda_": _INVOKING, "items": _CHECKED}.get(name)
                config = self._config.merge(special) if special else self._config
                client: Any = self._session.client(service, endpoint_url=self.endpoint_url, config=config)
                setattr(self, name, client)
            return self.__dict__[name]

    @classmethod
    def like(cls, other: Aws, watch: Watcher) -> Self:
        """One for the same account and region, with another `watch`."""
        return cls(other._session, endpoint_url=other.endpoint_url, config=other._config, watch=watch)

    def signer(self) -> Signer:
        """For requests to an HTTP API with these credentials. Raises `NoCredentials`."""
        try:
            return Signer.of(self._session)
        except AwsError as error:
            raise error.problem("Could not sign the requests") from error

    def account_id(self) -> str:
        """The account that the credentials belong to. Raises `Problem`."""
        try:
            return self.send(self.sts.get_caller_identity)["Account"]
        except AwsError as error:
            raise error.problem("Could not look up the AWS account") from error

    def now(self) -> float:
        return self._clock.now()

    def stop(self) -> None:
        """End every wait: workers raise `Stopped` before their next call."""
        self._stop.set()

    def together(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run independent reads in parallel. Returns results in the order given; raises the first exception."""
        futures = [self._readers.submit(call) for call in calls]
        try:
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            self.stop()
            raise

    def send(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call AWS. Throttling, transient conflicts, server errors and lost responses are retried.

        A write whose response was lost may have taken effect, so callers that get "already exists" read the resource.

        Raises:
            AwsError: AWS rejected the call, or gave no usable response.
        """
        return self._send(lambda: call(*args, **kwargs), call, kwargs, unclear_attempts=_UNCLEAR_ATTEMPTS)

    def send_once(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like `send`, for a create that AWS would carry out twice: repeated only after a clear rejection.

        Raises:
            AwsError: as `send`; `is_unclear` says whether the call may have taken effect.
        """
        return self._send(lambda: call(*args, **kwargs), call, kwargs, unclear_attempts=1)

    def every(
        self, call: Callable[..., Any], items: str, more: str = "NextToken", start: str = "", **parameters: Any
    ) -> list[Any]:
        """All `items` of a listing, page by page.

        `more` names the token in the response and the request, unless the request calls it `start`.
        """
        found: list[Any] = []
        next_page: dict[str, Any] = {}
        while True:
            page = self.send(call, **parameters, **next_page)
            found += page[items]
            if not page.get(more):
                return found
            next_page = {start or more: page[more]}

    def invoke(self, function: str, qualifier: str, payload: bytes) -> tuple[Mapping[str, Any], bytes]:
        """Send an event to a version of a function. Returns Lambda's response (with the end of the log) and payload.

        Raises:
            AwsError: as `send`.
        """
        answer = self.send(
            self.lambda_.invoke, FunctionName=function, Qualifier=qualifier, Payload=payload, LogType="Tail"
        )
        return answer, translating(answer["Payload"].read)

    def download(self, url: str, limit: int) -> bytes:
        """At most `limit` bytes from a presigned URL that AWS returned.

        Raises:
            OSError: there was no usable response.
            ValueError: the URL is neither HTTPS nor on this computer.
        """
        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError(url)
        try:
            with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - the scheme is checked above
                return cast("bytes", response.read(limit))
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error

    def _send(
        self, attempt: Callable[[], T], call: Callable[..., T], parameters: Mapping[str, Any], *, unclear_attempts: int
    ) -> T:
        self._announce(call, parameters)
        operation = getattr(call, "__name__", "")
        started = self.now()
        rejected = unclear = 0
        while True:
            self._raise_if_stopped()
            try:
                return cast("T", strict(translating(attempt), operation))
            except AwsError as error:
                error.local_advice = self._local_advice
                elapsed = self.now() - started
                if error.is_unclear:
                    unclear += 1
                    retry = unclear < unclear_attempts and elapsed < _UNCLEAR_SECONDS
                else:
                    rejected += 1
                    retry = error.is_transient
                if not retry or elapsed > _RETRY_SECONDS:
                    raise
            # Full jitter keeps parallel steps from retrying at the same moment:
            # https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
            self.pause(random.uniform(0.05, min(5.0, 0.2 * 2 ** (rejected + unclear))))  # noqa: S311 - not a secret

    def _announce(self, call: Callable[..., Any], parameters: Mapping[str, Any]) -> None:
        """Pass a write to `watch`."""
        operation = getattr(call, "__name__", "")
        if self._watch and not operation.startswith(_READS):
            self._watch(call.__self__.meta.service_model.service_name, operation, parameters)  # type: ignore[attr-defined]

    def settle(
        self,
        attempt: Callable[[], T],
        *,
        until: Callable[[T], bool] = lambda _: True,
        transient: Callable[[ServiceError], bool] = lambda _: False,
        waiting: str,
        report: Callable[[str], None],
        seconds: float = 300.0,
        pause: float = 0.5,
    ) -> T:
        """Repeat `attempt` until its result satisfies `until`; a `transient` error means "not yet".

        Polls after 0.1 s, then at growing intervals of up to `pause`, or later a twentieth of the time that has passed,
        which is at most 10 s.

        Args:
            attempt: one try.
            until: whether the result meets the condition.
            transient: whether an error is expected to go away.
            waiting: the condition, such as "for the table to become ACTIVE"; passed to `report` until it is met.
            report: receives `waiting`.
            seconds: the time limit.
            pause: the longest interval, in seconds.

        Raises:
            TimedOut: the condition was not met in time.
        """
        started = self.now()
        delay = 0.1
        while True:
            last = ""
            try:
                result = attempt()
                if until(result):
                    return result
            except ServiceError as error:
                if not transient(error):
                    raise
                last = f"The last error was {error}."
            waited = self.now() - started
            if waited > seconds:
                raise TimedOut(f"Timed out after {waited:.0f} s waiting {waiting}.", last, "Run the command again.")
            report(waiting)
            self.pause(delay)
            delay = min(delay * 2, max(pause, min(waited / 20, 10.0)))

    def pause(self, seconds: float) -> None:
        self._clock.sleep(seconds, self._stop)
        self._raise_if_stopped()

    def _raise_if_stopped(self) -> None:
        if self._stop.is_set():
            raise Stopped


class _Reply(dict[str, Any]):
    """A response in which a missing field is reported as AWS's fault."""

    operation = ""

    def __missing__(self, key: str) -> Any:
        raise missing(self.operation, key)


def strict(value: Any, operation: str) -> Any:
    """The response to an operation, with every object in it as a `_Reply`."""
    if isinstance(value, dict):
        reply = _Reply({key: strict(inner, operation) for key, inner in value.items()})
        reply.operation = operation
        return reply
    if isinstance(value, list):
        return [strict(inner, operation) for inner in value]
    return value
