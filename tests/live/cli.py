"""`python -m tests.live.cli FILE PROCESS ACCOUNT STARTED ARGUMENTS`: the real command, with its calls recorded."""

import sys
from pathlib import Path

from items_api.cli import main
from tests.live.recorder import Recorder


def record() -> None:
    _, file, process, account, started, *arguments = sys.argv
    Recorder(Path(file), process, account, float(started)).attach()
    sys.argv = ["items-api", *arguments]
    main()


if __name__ == "__main__":
    record()
