"""Compares the handler with others: module load, CPU per warm GET, and peak memory.

Every figure is the median of several processes. All use the same in-memory DynamoDB, which runs in another process.
Exits with 1 if a limit is exceeded.

    python benchmarks/handler.py [--rounds 9] [--requests 400]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ITEM = {"itemId": {"S": "1"}, "name": {"S": "Widget"}, "price": {"N": "12.5"}, "inStock": {"BOOL": True}}
EVENT = {
    "version": "2.0",
    "routeKey": "GET /items/{id+}",
    "rawPath": "/items/1",
    "rawQueryString": "",
    "headers": {"accept": "*/*"},
    "requestContext": {"http": {"method": "GET", "path": "/items/1"}, "requestId": "JKJaXmPLvHcESHA="},
    "pathParameters": {"id": "1"},
    "isBase64Encoded": False,
}

# Runs in a new process. Its arguments are the folder, the module, the event and the number of requests.
PROBE = """
import sys, time
folder, module, event, requests = sys.argv[1:]
sys.path.insert(0, folder)
start = time.perf_counter()
loaded = __import__(module, fromlist=["handler"])
load = time.perf_counter() - start
import json, os, resource, re
sys.stdout = open(os.devnull, "w")
event, requests = json.loads(event), int(requests)
cpu = 0.0
if requests:
    for _ in range(20):
        reply = loaded.handler(event, None)
    assert reply["statusCode"] == 200 and json.loads(reply["body"])["name"] == "Widget", reply
    start = time.process_time()
    for _ in range(requests):
        loaded.handler(event, None)
    cpu = (time.process_time() - start) / requests
if sys.platform == "linux":  # getrusage would include the parent's memory before the exec
    memory = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
else:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
print(json.dumps([load * 1e3, cpu * 1e3, memory]), file=sys.stderr)
"""


class Subject(NamedTuple):
    title: str
    folder: Path
    module: str
    handles: bool = True


class Figures(NamedTuple):
    """Times in milliseconds, memory in MB.

    `tls_load` is the module load with an HTTPS endpoint. It has no limit, because it is not comparable: the handler
    loads the trusted certificates at import, but botocore during the first request.
    """

    load: float
    cpu: float
    memory: float
    tls_load: float = 0.0


BASELINE = Subject("boto3.resource", HERE / "peers", "boto3_resource")
OURS = Subject("items-api", HERE.parent / "items_api", "handler.index")
SUBJECTS = (
    BASELINE,
    Subject("botocore client", HERE / "peers", "botocore_client"),
    Subject("standard library modules only", HERE / "peers", "standard_library", handles=False),
    OURS,
)
#: The limits for items-api, as shares of boto3.resource.
LIMITS = {"module load": 0.12, "CPU per warm GET": 0.18, "peak memory": 0.40}


class MemoryDynamoDB(BaseHTTPRequestHandler):
    """Answers every request with the same item, over persistent connections."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    body = json.dumps({"Item": ITEM}).encode()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response_only(200)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(self.body)))
        self.send_header("x-amz-crc32", str(zlib.crc32(self.body)))
        self.end_headers()
        self.wfile.write(self.body)


def serve(port: Queue[int]) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), MemoryDynamoDB)
    port.put(server.server_address[1])
    server.serve_forever()


def measure(subject: Subject, endpoint: str, requests: int) -> Figures:
    """Run one process with Lambda's environment variables and without the user's AWS configuration."""
    environ = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "TABLE_NAME": "Items",  # for the peers
    }
    count = str(requests if subject.handles else 0)
    command = [sys.executable, "-c", PROBE, str(subject.folder), subject.module, json.dumps(EVENT), count]
    done = subprocess.run(command, env=environ, check=True, stderr=subprocess.PIPE, text=True)
    return Figures(*json.loads(done.stderr))


def full_measure(subject: Subject, endpoint: str, requests: int) -> Figures:
    """Also measure the module load with an HTTPS endpoint, in another process that sends no request."""
    return measure(subject, endpoint, requests)._replace(tls_load=measure(subject, "https://127.0.0.1:9", 0).load)


def medians(endpoint: str, rounds: int, requests: int) -> dict[Subject, Figures]:
    """The subjects take turns, so that other load on the computer affects all of them."""
    for subject in SUBJECTS:
        measure(subject, endpoint, 0)  # compile the bytecode
    runs = [{subject: full_measure(subject, endpoint, requests) for subject in SUBJECTS} for _ in range(rounds)]
    return {subject: Figures(*map(median, zip(*(run[subject] for run in runs), strict=True))) for subject in SUBJECTS}


def table(figures: dict[Subject, Figures]) -> str:
    """The figures as a Markdown table."""
    lines = ["| handler | module load | CPU per warm GET | peak memory | module load with TLS |", "|---" * 5 + "|"]
    for subject, (load, cpu, memory, tls_load) in figures.items():
        warm = f"{cpu:.2f} ms" if subject.handles else ""
        lines.append(f"| {subject.title} | {load:.0f} ms | {warm} | {memory:.0f} MB | {tls_load:.0f} ms |")
    return "\n".join(lines)


def results(figures: dict[Subject, Figures]) -> list[tuple[bool, str]]:
    """For each limit, whether it is met, and a description."""
    rows = []
    for title, limit, ours, baseline in zip(LIMITS, LIMITS.values(), figures[OURS], figures[BASELINE], strict=False):
        share = ours / baseline
        rows.append((share <= limit, f"{title}: {share:.3f} of {BASELINE.title}, limit {limit:.2f}"))
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare the handler with others.")
    parser.add_argument("--rounds", type=int, default=9, help="processes per handler (default: 9)")
    parser.add_argument("--requests", type=int, default=400, help="warm requests per process (default: 400)")
    options = parser.parse_args(arguments)
    port: Queue[int] = Queue()
    database = Process(target=serve, args=(port,), daemon=True)
    database.start()
    try:
        figures = medians(f"http://127.0.0.1:{port.get(timeout=10)}", options.rounds, options.requests)
    finally:
        database.terminate()
        database.join()
    print(table(figures))
    print()
    rows = results(figures)
    for met, description in rows:
        print(f"{'met     ' if met else 'EXCEEDED'}  {description}")
    return 0 if all(met for met, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
