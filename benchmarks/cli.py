"""What the command line costs before it does anything: python benchmarks/cli.py.

CPU time of whole processes, which take turns so that a change in the computer's speed affects all of them. The peers
are `python -c "import click"` and the --help of a Click group without commands.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

RUNS = 21
ITEMS_API = "import sys; sys.argv[0] = 'items-api'; from items_api.cli import main; main()"
COMMANDS = {
    "import click": ["-c", "import click"],
    "empty group --help": ["-c", "import click; click.group()(lambda: None)(['--help'])"],
    "items-api --help": ["-c", ITEMS_API, "--help"],
    "items-api up --help": ["-c", ITEMS_API, "up", "--help"],
}
LIMITS = (
    ("items-api --help", "empty group --help", 1.15),
    ("items-api up --help", "import click", 3.0),
)


def cpu_ms(arguments: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> int:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(RUNS + 1):
        for name, arguments in COMMANDS.items():
            elapsed = cpu_ms(arguments)
            if run:  # the first one warms the caches
                times[name].append(elapsed)
    for name, values in times.items():
        print(f"{name:<22}{statistics.median(values):7.1f} ms")
    print()
    exceeded = False
    for name, peer, limit in LIMITS:
        ratio = statistics.median(a / b for a, b in zip(times[name], times[peer], strict=True))
        exceeded |= ratio > limit
        print(f"{name} / {peer:<22}{ratio:6.2f}   limit {limit:<5}{'ok' if ratio <= limit else 'EXCEEDED'}")
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())
