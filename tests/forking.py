"""Command-line programs without their start: a server imports one once, and forks for each command.

The tests start hundreds of commands, and half a second of imports would be most of the work of each. Tests of the start
itself, of signals and of standard streams that are closed use the real program.
"""

import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import botocore.session

_SERVICES = ("apigatewayv2", "cloudwatch", "dynamodb", "iam", "lambda", "logs", "sts")
# Passes its arguments, environment, folder and standard streams to the server.
_CLIENT = """#!{python} -SEs
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({path!r})
request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
socket.send_fds(server, [len(request).to_bytes(4, "big")], [0, 1, 2])
server.sendall(request)
sys.exit((server.recv(1) or b"\\xff")[0])
"""


@contextmanager
def forking(folder: Path, program: str, function: str, *modules: str) -> Iterator[Path]:
    """The path of the program inside the block. It calls the function `module:name`; `modules` are loaded before."""
    path = folder / f"{program}.socket"
    client = folder / program
    client.write_text(_CLIENT.format(python=sys.executable, path=str(path)))
    client.chmod(0o755)
    command = [sys.executable, "-m", __name__, str(path), program, function, *modules]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout
        assert server.stdin
        server.stdout.readline()  # it listens
        yield client
        server.stdin.close()


def serve(path: str, program: str, function: str, modules: list[str]) -> None:
    """Until standard input ends."""
    module, _, name = function.partition(":")
    main = getattr(importlib.import_module(module), name)
    for other in modules:
        importlib.import_module(other)
    if "boto3" in sys.modules or "awscli" in sys.modules:
        _prepare_botocore()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
            client, _ = listener.accept()
            with client:
                if os.fork() == 0:
                    listener.close()
                    _become(client, program)
                    code = _result_of(main)
                    for stream in (sys.stdout, sys.stderr):
                        stream.flush()
                    with suppress(OSError):  # a process in the background outlives its client
                        client.send(bytes([code]))
                    os._exit(code)


def _prepare_botocore() -> None:
    """Read its JSON files: half of the work of most commands. As in `Account.running`, sessions share a loader."""
    session = botocore.session.Session()
    loader = session.get_component("data_loader")
    botocore.session.create_loader = lambda search_path_string=None: loader
    for service in _SERVICES:
        session.create_client(service, "us-east-1")


def _become(client: socket.socket, program: str) -> None:
    """Take over what the client was started with."""
    size, streams, *_ = socket.recv_fds(client, 4, 3)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += client.recv(65536)
    arguments, environment, folder = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [program, *arguments]
    random.seed()


def _result_of(main: object) -> int:
    try:
        return main() or 0  # type: ignore[operator]
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as Python ends a program
        traceback.print_exc()
        return 1


if __name__ == "__main__":
    _, _path, _program, _function, *_modules = sys.argv
    serve(_path, _program, _function, _modules)
