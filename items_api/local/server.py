"""The server process of the local AWS: ministack on a port of 127.0.0.1, in the background.

`control` starts it as `python -m items_api.local.server FOLDER`. It holds a lock on `server.lock` while it runs, so a
stale or reused process id, or another program on the port, is never mistaken for it.

ministack by itself saves its state only when it is stopped. This server also saves it within a second of each change,
or longer if the state is large, so a crash or power failure loses no more than that.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from items_api.local.paths import ACCOUNT, HOST, Paths, read_json, write_json
from items_api.local.ports import listen

SERVICES = "apigateway,dynamodb,iam,lambda,logs,monitoring,sts,tagging"
USUAL_PORTS = range(4566, 4600)  # AWS emulators use 4566; outgoing connections do not use this range


def configure(paths: Paths, port: int, access_key: str, secret_key: str) -> None:
    """Configure ministack with environment variables."""
    sys.modules["docker"] = None  # type: ignore[assignment] # not needed, and its import takes a tenth of the start
    os.environ.pop("PYTHONPATH", None)  # Lambda functions inherit the environment, but must not import this package
    os.environ.update(
        MINISTACK_ENVIRONMENT
        | {
            "GATEWAY_PORT": str(port),
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "STATE_DIR": str(paths.state),
            "TMPDIR": str(paths.scratch),
        }
    )


MINISTACK_ENVIRONMENT = {
    "AUTH": "true",  # verify signatures and enforce IAM policies
    "MINISTACK_ACCOUNT_ID": ACCOUNT,
    "MINISTACK_HOST": "localhost",
    "BIND_HOST": HOST,
    "SERVICES": SERVICES,
    "PERSIST_STATE": "1",
    "LOG_LEVEL": "WARNING",
    # Disable features that are not needed. The one for Docker would remove containers of the user.
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "DOCKER_HOST": "unix:///nonexistent",
    # Lambda functions inherit these: no AWS configuration of the user, no instance metadata, no proxy.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
}


def acquire_lock(paths: Paths) -> int | None:
    """Acquire the server lock, which is held until this process ends; None if another server holds it."""
    lock = os.open(paths.server_lock, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(50):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)  # a command that tests whether a server is running holds it for a moment
        else:
            return lock
    os.close(lock)
    return None


def main() -> int:
    paths = Paths(Path(sys.argv[1]))
    os.umask(0o077)
    lock = acquire_lock(paths)
    if lock is None:
        return 0  # a server is already running
    settings = read_json(paths.settings) or {}
    listener = listen([settings["port"], *USUAL_PORTS])
    port = listener.getsockname()[1]
    write_json(paths.settings, settings | {"port": port})
    # The caller waits for this process to end. The forked process is the server.
    if os.fork():
        return 0
    os.setsid()  # a new session, which does not receive Ctrl-C from the terminal
    shutil.rmtree(paths.scratch, ignore_errors=True)
    paths.scratch.mkdir()
    paths.state.mkdir(exist_ok=True)
    for unfinished in paths.state.glob("*.new"):
        unfinished.unlink()
    configure(paths, port, settings["access_key"], settings["secret_key"])
    from items_api.local.serving import Server  # noqa: PLC0415 - ministack reads the environment at import

    asyncio.run(Server(paths, settings["access_key"], lock).run(listener))
    # Stop the processes of Lambda functions, which are in the same process group.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    shutil.rmtree(paths.scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
