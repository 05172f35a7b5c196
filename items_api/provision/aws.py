"""The one door to AWS: clients, sending with retries, waiting for conditions.

No other module knows of retries, back-off or clocks. botocore's own retries are switched off: they send a create again
blindly after a lost answer, and they take a hard quota for throttling.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast

from botocore.config import Config
from botocore.exceptions import ClientError

from items_api import __version__
from items_api.errors import NotSettled
from items_api.provision.answers import LOST, is_passing, is_unclear, not_aws, strict

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
_READS = ("describe_", "filter_", "get_", "list_", "scan")
_LONGEST_PASSING = 120.0  # seconds
_ATTEMPTS_WITHOUT_ANSWER = 4
_LONGEST_SILENCE = 45.0  # seconds: of what does not answer at all, two timeouts are enough


class Stopped(Exception):  # noqa: N818 - not an error: the user asked for it
    """Raised in a worker at its next pause after `Aws.stop()`."""


class Clock(Protocol):
    """Time as the tool sees it; tests bring a faster one."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""

    def sleep(self, seconds: float, until: threading.Event) -> None:
        """Pass that much time, or less when the event is set."""


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float, until: threading.Event) -> None:
        until.wait(seconds)


class Watcher(Protocol):
    """Is told of every write, before it is sent."""

    def __call__(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None: ...


class Aws:
    """Clients of one account and region."""

    def __init__(
        self,
        session: boto3.Session,
        *,
        endpoint_url: str | None = None,
        config: Config | None = None,
        clock: Clock | None = None,
        watch: Watcher | None = None,
    ) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        self._config = _CONFIG.merge(config) if config else _CONFIG
        self._clock = clock or SystemClock()
        self._watch = watch
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        # Wide enough for every step's reads at once; a pool that ran full of waiting readers would lock itself up.
        self._readers = ThreadPoolExecutor(48, thread_name_prefix="aws-read")

    def _client(self, service: str) -> Any:
        # boto3's clients may be shared among threads, its sessions may not.
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(
                    cast("Any", service),
                    endpoint_url=self._endpoint_url,
                    config=self._config,
                )
            return self._clients[service]

    @property
    def apigateway(self) -> ApiGatewayV2Client:
        return cast("ApiGatewayV2Client", self._client("apigatewayv2"))

    @property
    def cloudwatch(self) -> CloudWatchClient:
        return cast("CloudWatchClient", self._client("cloudwatch"))

    @property
    def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", self._client("dynamodb"))

    @property
    def iam(self) -> IAMClient:
        return cast("IAMClient", self._client("iam"))

    @property
    def lambda_(self) -> LambdaClient:
        return cast("LambdaClient", self._client("lambda"))

    @property
    def logs(self) -> CloudWatchLogsClient:
        return cast("CloudWatchLogsClient", self._client("logs"))

    @property
    def sts(self) -> STSClient:
        return cast("STSClient", self._client("sts"))

    def now(self) -> float:
        return self._clock.now()

    def stop(self) -> None:
        """End every wait: workers raise `Stopped` before their next call."""
        self._stop.set()

    def together(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run independent reads side by side; results in the order given, the first exception raised."""
        futures = [self._readers.submit(call) for call in calls]
        try:
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            self.stop()
            raise

    def send(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call AWS; throttling, conflicts that pass, server errors and lost answers are tried again.

        A write whose answer was lost may have taken effect: the caller takes "already exists" for a reason to look.
        """
        return self._send(lambda: call(*args, **kwargs), call, kwargs, unclear_attempts=_ATTEMPTS_WITHOUT_ANSWER)

    def send_once(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like `send`, for a create that AWS would carry out twice: sent again only after a clear refusal.

        Raises what left it unclear: see `is_unclear`.
        """
        return self._send(lambda: call(*args, **kwargs), call, kwargs, unclear_attempts=1)

    def every(self, call: Callable[..., Any], items: str, more: str = "NextToken", **parameters: Any) -> list[Any]:
        """All `items` of a listing, page after page; `more` is what its answer and its request call the next page."""
        found: list[Any] = []
        next_page: dict[str, Any] = {}
        while True:
            page = self.send(call, **parameters, **next_page)
            found += page[items]
            if not page.get(more):
                return found
            next_page = {more: page[more]}

    def download(self, url: str, limit: int) -> bytes:
        """What a presigned URL that AWS gave out leads to, at most `limit` bytes.

        Raises `OSError` without a usable answer, `ValueError` for a URL that is not HTTPS or on this computer.
        """
        import http.client  # noqa: PLC0415 - rarely needed
        import urllib.request  # noqa: PLC0415

        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError(url)
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the scheme is checked above
                return cast("bytes", answer.read(limit))
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error

    def _send(
        self, attempt: Callable[[], T], call: Callable[..., T], parameters: Mapping[str, Any], *, unclear_attempts: int
    ) -> T:
        operation = getattr(call, "__name__", "")
        if self._watch and not operation.startswith(_READS):
            self._watch(call.__self__.meta.service_model.service_name, operation, parameters)  # type: ignore[attr-defined]
        started = self.now()
        refused = unclear = 0
        while True:
            self._stop_here()
            try:
                return cast("T", strict(attempt(), operation))
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                # What botocore's parsers raise on their way through an answer that is not AWS's.
                raise not_aws(operation, f"{type(error).__name__}: {error}") from error
            except (ClientError, *LOST) as error:
                if is_unclear(error):
                    unclear += 1
                    worth = unclear < unclear_attempts and self.now() - started < _LONGEST_SILENCE
                else:
                    refused += 1
                    worth = is_passing(error)
                if not worth or self.now() - started > _LONGEST_PASSING:
                    raise
                # Full jitter, so that parallel steps do not come back as one:
                # https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
                self.pause(random.uniform(0.05, min(5.0, 0.2 * 2 ** (refused + unclear))))  # noqa: S311 - no secret

    def settle(
        self,
        attempt: Callable[[], T],
        *,
        until: Callable[[T], bool] = lambda _: True,
        passing: Callable[[ClientError], bool] = lambda _: False,
        waiting: str,
        say: Callable[[str], None],
        seconds: float = 300.0,
    ) -> T:
        """Repeat `attempt` until its result satisfies `until`; an error that is `passing` counts as "not yet".

        Looks again after 0.1 s, then ever later up to 0.5 s (2 s once half a minute has gone). Raises `NotSettled`
        after `seconds`; `waiting` says for what: "until the table is ACTIVE".
        """
        started = self.now()
        delay = 0.1
        while True:
            last: object
            try:
                result = attempt()
                if until(result):
                    return result
                last = "it was not so yet"
            except ClientError as error:
                if not passing(error):
                    raise
                last = error
            waited = self.now() - started
            if waited > seconds:
                raise NotSettled(
                    f"Waited {waited:.0f} s {waiting}, in vain.", f"The last answer: {last}.", "Run the command again."
                )
            say(waiting)
            self.pause(delay)
            delay = min(delay * 2, 0.5 if waited < 30 else 2.0)  # noqa: PLR2004 - as the docstring says

    def pause(self, seconds: float) -> None:
        self._clock.sleep(seconds, self._stop)
        self._stop_here()

    def _stop_here(self) -> None:
        if self._stop.is_set():
            raise Stopped
