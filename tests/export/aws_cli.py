"""The AWS CLI without its start: a server imports it once, and forks for each `aws` command.

A script runs dozens of commands, and each of them would spend half a second on imports.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
def aws_cli_in(folder: Path) -> Iterator[None]:
    """Inside the block, the folder has the program `aws`."""
    path = folder / "socket"
    program = folder / "aws"
    program.write_text(_CLIENT.format(python=sys.executable, path=str(path)))
    program.chmod(0o755)
    command = [sys.executable, "-m", __name__, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout
        assert server.stdin
        server.stdout.readline()  # it listens
        yield
        server.stdin.close()


def serve(path: str) -> None:
    """Until standard input ends."""
    import awscli.clidriver  # type: ignore[import-untyped]  # noqa: PLC0415 - only the server needs it

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
                    _become(client)
                    code = awscli.clidriver.main()
                    sys.stdout.flush()
                    client.send(bytes([code]))
                    os._exit(0)


def _become(client: socket.socket) -> None:
    """Take over what the client was started with."""
    size, streams, *_ = socket.recv_fds(client, 4, 3)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += client.recv(65536)
    arguments, environment, folder = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["aws", *arguments]


if __name__ == "__main__":
    serve(sys.argv[1])
