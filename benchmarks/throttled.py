"""An in-memory DynamoDB that throttles like a new on-demand table: python benchmarks/throttled.py prints its port.

It has one table of a stack, with four partitions of 1,000 writes per second each, divided by a hash of the key. A Scan
returns the items in the order of these hashes, as DynamoDB does. `GET /` returns what has been written, as JSON.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
"""

from __future__ import annotations

import bisect
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PARTITIONS, WRITES_PER_SECOND, PAGE = 4, 1000, 1 << 20
ACCOUNT = "123456789012"
ARN = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/Items"
TAGS = {
    "managed-by": "items-api",
    "items-api:stack": "items",
    "items-api:region": "us-east-1",
    "items-api:settings": "defaults",
}
DESCRIPTION = {
    "TableName": "Items",
    "TableArn": ARN,
    "TableId": "1",
    "TableStatus": "ACTIVE",
    "CreationDateTime": 1.0,
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "AttributeDefinitions": [{"AttributeName": "itemId", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
}
IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{ACCOUNT}:root</Arn><UserId>1</UserId><Account>{ACCOUNT}</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


def place(key: str) -> str:
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()


class Table:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.items: dict[str, bytes] = {}  # by place
        self.order: list[str] | None = None
        self.tokens = [float(WRITES_PER_SECOND)] * PARTITIONS
        self.filled = time.monotonic()
        self.writes = self.throttled = 0
        self.first = self.last = 0.0

    def put(self, item: dict[str, Any]) -> bool:
        """Whether the partition has a write left."""
        where = place(item["itemId"]["S"])
        partition = int(where[0], 16) * PARTITIONS // 16
        now = time.monotonic()
        for number in range(PARTITIONS):
            refilled = self.tokens[number] + (now - self.filled) * WRITES_PER_SECOND
            self.tokens[number] = min(float(WRITES_PER_SECOND), refilled)
        self.filled = now
        text = json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()
        units = -(-len(text) // 1200)  # about the size without JSON's syntax, in KB
        if self.tokens[partition] < units:
            self.throttled += 1
            return False
        self.tokens[partition] -= units
        self.first = self.first or now
        self.last = now
        self.writes += 1
        self.items[where] = text
        self.order = None
        return True

    def scan(self, segment: int, segments: int, after: str | None) -> bytes:
        if self.order is None:
            self.order = sorted(self.items)
        low, high = (f"{(1 << 32) * s // segments:08x}" if s < segments else "g" for s in (segment, segment + 1))
        start = bisect.bisect_left(self.order, low) if after is None else bisect.bisect_right(self.order, place(after))
        end = bisect.bisect_left(self.order, high)
        found: list[bytes] = []
        size = 0
        while start < end and size < PAGE:
            found.append(self.items[self.order[start]])
            size += len(found[-1])
            start += 1
        body = b'{"Items":[' + b",".join(found) + b'],"Count":%d,"ScannedCount":%d' % (len(found), len(found))
        if start < end:
            key = json.dumps({"itemId": json.loads(found[-1])["itemId"]}).encode()
            body += b',"LastEvaluatedKey":' + key
        return body + b"}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # the head and the body in one packet, as DynamoDB sends them
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        operation = self.headers.get("x-amz-target", "").partition(".")[2]
        if not operation:
            self.answer(IDENTITY.encode(), "text/xml")
            return
        request = json.loads(body)
        table = self.server.table
        with table.lock:
            if operation == "Scan":
                after = request.get("ExclusiveStartKey", {}).get("itemId", {}).get("S")
                self.answer(table.scan(request.get("Segment", 0), request.get("TotalSegments", 1), after))
                return
            self.answer(json.dumps(self.result(table, operation, request)).encode())

    def result(self, table: Table, operation: str, request: Any) -> Any:
        if operation == "BatchWriteItem":
            ((name, requests),) = request["RequestItems"].items()
            left = [r for r in requests if not table.put(r["PutRequest"]["Item"])]
            return {"UnprocessedItems": {name: left} if left else {}}
        return {
            "DescribeTable": {"Table": {**DESCRIPTION, "ItemCount": len(table.items)}},
            "ListTagsOfResource": {"Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()]},
            "DescribeContinuousBackups": {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED"}},
        }[operation]

    def do_GET(self) -> None:
        table = self.server.table
        with table.lock:
            seconds = table.last - table.first
            counts = {"items": len(table.items), "writes": table.writes, "throttled": table.throttled}
            self.answer(json.dumps({**counts, "seconds": seconds}).encode())

    def do_DELETE(self) -> None:
        """Forget everything."""
        self.server.table = Table()
        self.answer(b"{}")

    def answer(self, body: bytes, kind: str = "application/x-amz-json-1.0") -> None:
        self.send_response_only(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.table = Table()


if __name__ == "__main__":
    server = Server()
    print(server.server_port, flush=True)
    server.serve_forever()
