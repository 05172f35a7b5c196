"""An in-memory DynamoDB that answers GetItem and PutItem quickly. Prints its port.

python benchmarks/memory.py [PEM], with a file that has the certificate and the key for TLS
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import zlib
from typing import Any

ITEMS: dict[str, Any] = {
    "1": {"itemId": {"S": "1"}, "name": {"S": "Widget"}, "items-api:revision": {"S": "abcdefghijklmnop"}}
}


class Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]) if end else 0
        if end and len(body) >= length:
            self._received = b""
            content = json.dumps(answer(head, json.loads(body))).encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n"
                b"x-amzn-RequestId: 3KDJ3K4JDKFJDKFJ3K4JDKFJDKFJ3KDJFKDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
                b"x-amz-crc32: %d\r\n\r\n%b" % (len(content), zlib.crc32(content), content)
            )


def answer(head: bytes, request: Any) -> Any:
    if b"DynamoDB_20120810.PutItem" in head:
        item = request["Item"]
        ITEMS[item["itemId"]["S"]] = item
        return {}
    item = ITEMS.get(request["Key"]["itemId"]["S"])
    return {"Item": item} if item else {}


async def main() -> None:
    context = None
    for path in sys.argv[1:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
