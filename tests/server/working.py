"""What the processes of a supervisor do in tests. It imports little, because each of them imports it."""

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path


def work(folder: Path, ready: Connection) -> None:
    """Leave a file with the process's id, and do what the file `next` says."""
    (folder / f"{time.monotonic_ns()}.{os.getpid()}").touch()
    what = (folder / "next").read_text()
    if what == "ends":
        return
    if what == "stops slowly":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if what != "starts slowly":
        ready.send("ready")
    while True:
        signal.pause()
