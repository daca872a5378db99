"""A provider that answers after a fixed time, in a process of its own and with as little work as Python allows.

A create is accepted; a list is empty.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from urllib.parse import parse_qs


class Answering(asyncio.Protocol):
    """One kept-alive connection; requests come one at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer[:end].lower().find(b"content-length:")
        length = int(self._buffer[at + 15 : end].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        is_create = self._buffer.startswith(b"POST")
        form = parse_qs(self._buffer[end + 4 : end + 4 + length].decode())
        self._buffer = b""
        content = _created(form.get("To", [""])[0]) if is_create else _EMPTY_LIST
        asyncio.get_running_loop().call_later(self._seconds, self._answer, content, 201 if is_create else 200)

    def _answer(self, content: bytes, status: int) -> None:
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(head.encode() + content)


_numbers = itertools.count(1)
_EMPTY_LIST = json.dumps({"messages": [], "page": 0, "page_size": 50, "next_page_uri": None}).encode()


def _created(to: str) -> bytes:
    return json.dumps(
        {
            "sid": f"SM{next(_numbers):032x}",
            "to": to,
            "status": "queued",
            "error_code": None,
            "num_segments": "1",
            "direction": "outbound-api",
        }
    ).encode()


async def main() -> None:
    told = json.loads(await asyncio.to_thread(sys.stdin.readline))
    server = await asyncio.get_running_loop().create_server(lambda: Answering(told["seconds"]), "127.0.0.1", 0, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
