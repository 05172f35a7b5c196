"""The handler's DynamoDB clients, one for each request that waits, and the credentials with which they sign."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import AwsError
from items_api.errors import Problem
from items_api.handler.connection import Connection
from items_api.handler.dynamodb import Client, RejectedError
from items_api.handler.sigv4 import Signer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from items_api.aws.keys import KeyChain
    from items_api.server.greenlets import Greenlets, Socket

_RENEW_SECONDS = 30.0
# At least, even if AWS rejects all requests. It doubles up to _RENEW_SECONDS while that goes on.
_PAUSE_SECONDS = 1.0
_REJECTED = "AWS rejects the credentials. Renew them: the AWS configuration is read again until AWS accepts them."
_REJECTED_KEYS = frozenset({"ExpiredTokenException", "InvalidSignatureException", "UnrecognizedClientException"})


class Credentials:
    """Signs like the handler's `Signer`, with the current keys. A thread looks for new ones from time to time."""

    def __init__(self, chain: KeyChain, host: str, region: str, report: Callable[[str], object]) -> None:
        """`report` gets a sentence when the keys cannot be renewed. Raises `AwsError` if there are none."""
        self._chain = chain
        self._place = (host, region)
        self._report = report
        self._keys = chain.current()
        self._signer = Signer(host, region, *self._keys)
        self._rejected = False
        self._due = threading.Event()
        self._stopped = threading.Event()

    def headers(self, target: str, body: bytes, now: float) -> dict[str, str]:
        return self._signer.headers(target, body, now)

    def start(self) -> None:
        threading.Thread(target=self._renew_often, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._due.set()

    def reject(self) -> None:
        """AWS does not accept the keys, so look for new ones now."""
        self._rejected = True
        self._due.set()

    def _renew_often(self) -> None:
        last, pause = "", _PAUSE_SECONDS
        while not self._stopped.wait(pause):
            self._due.wait(_RENEW_SECONDS)
            self._due.clear()
            problem = self.renew()
            if problem and problem != last:
                self._report(problem)
            last, pause = problem, min(2 * pause, _RENEW_SECONDS) if problem else _PAUSE_SECONDS

    def renew(self) -> str:
        """Use new keys if there are any. Returns why there are none, although they are needed."""
        rejected, self._rejected = self._rejected, False
        try:
            keys = self._chain.current(again=rejected)
        except (AwsError, Problem) as error:
            self._rejected = rejected
            return f"The AWS credentials cannot be renewed: {str(error).rstrip('.')}."
        except Exception as error:  # noqa: BLE001 - a file that someone is writing, for example; this must go on
            self._rejected = rejected
            return f"The AWS credentials cannot be renewed: {type(error).__name__}."
        if keys == self._keys:
            return _REJECTED if rejected else ""
        self._keys, self._signer = keys, Signer(*self._place, *keys)
        return ""


class Clients:
    """Calls DynamoDB like the handler's `Client`. Each call waits in its greenlet, and has a connection for itself."""

    def __init__(self, endpoint: str, credentials: Credentials, greenlets: Greenlets) -> None:
        self._endpoint = endpoint
        self._tls = Connection(endpoint).tls  # once for all: loading the certificates takes 25 ms
        self._credentials = credentials
        self._greenlets = greenlets
        self._idle: list[Client] = []

    def call(self, operation: str, parameters: dict[str, Any], deadline: float) -> dict[str, Any]:
        """See `Client.call`."""
        client = self._idle.pop() if self._idle else self._new()
        try:
            return client.call(operation, parameters, deadline)
        except RejectedError as rejected:
            if rejected.cause in _REJECTED_KEYS:
                self._credentials.reject()
            raise
        finally:
            self._idle.append(client)

    def _new(self) -> Client:
        connection = _Connection(self._endpoint, self._tls, self._greenlets)
        return Client(connection, self._credentials, self._greenlets.sleep)


class _Connection(Connection):
    """One in which the greenlet waits, and not the thread."""

    _socket: Socket | None  # type: ignore[assignment]

    def __init__(self, endpoint: str, tls: ssl.SSLContext | None, greenlets: Greenlets) -> None:
        super().__init__(endpoint, tls)
        self._greenlets = greenlets

    def _has_ended(self) -> bool:
        return self._socket is None or not self._socket.is_ready

    def _connect(self) -> Any:
        return self._greenlets.connect(self._host, int(self._port), self.tls, self._remaining())
