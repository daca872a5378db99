"""The load: providers' webhooks as fast as a number of connections carries them, from a process of its own.

Requests are whole before the watch starts: form, signature and HTTP around it. A connection sends its next when its last is answered.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from service.telephony.twilio.signature import sign
from tests.bench.words import conversation

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "bench-token"
REPEATED = 0.02
"""Share of webhooks that a provider delivers a second time."""
READY_AHEAD = 2_000


@dataclass(frozen=True, slots=True)
class Writer:
    """A patient as the load knows them: number and usual weight."""

    number: str
    weight_lb: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who writes, where to, and what chance is seeded with."""

    public_base_url: str
    recipient: str
    writers: Sequence[Writer]
    seed: int = 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Requests:
    """An endless row of signed webhooks from many patients, each writing the next of their own texts."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._dice = random.Random(assignment.seed)
        self._made = self._make()
        self._ready: deque[bytes] = deque()

    def prepare(self, count: int) -> None:
        """Makes sure that so many are ready, so that making them takes none of the measured time."""
        while len(self._ready) < count:
            self._ready.append(next(self._made))

    def next(self) -> bytes:
        """The next request, whole."""
        return self._ready.popleft() if self._ready else next(self._made)

    def _make(self) -> Iterator[bytes]:
        texts = [(writer, conversation(self._dice, writer.weight_lb)) for writer in self._assignment.writers]
        number = itertools.count()
        while True:
            self._dice.shuffle(texts)
            for writer, words in texts:
                request = self._request(writer.number, next(words), f"SM{self._assignment.seed:08x}{next(number):024x}")
                yield request
                if self._dice.random() < REPEATED:
                    yield request

    def _request(self, sender: str, body: str, sid: str) -> bytes:
        form = {
            "ToCountry": "US",
            "ToState": "DC",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "ToCity": "WASHINGTON",
            "FromZip": "",
            "SmsSid": sid,
            "FromState": "DC",
            "SmsStatus": "received",
            "FromCity": "",
            "Body": body,
            "FromCountry": "US",
            "To": self._assignment.recipient,
            "ToZip": "",
            "NumSegments": "1",
            "MessageSid": sid,
            "AccountSid": ACCOUNT,
            "From": sender,
            "ApiVersion": "2010-04-01",
        }
        path = "/webhooks/twilio/sms"
        signature = sign(TOKEN, self._assignment.public_base_url + path, tuple(form.items()))
        content = urlencode(form).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
            f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


class Connection(asyncio.Protocol):
    """One kept-alive connection; sends the next request when the last one is answered, until the time is over."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._sent_at = 0.0
        self._until = 0.0
        self._done: asyncio.Future[None] | None = None
        self.latencies_ms: list[float] = []
        self.failed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def run(self, until: float) -> asyncio.Future[None]:
        """Begins; done when the answer after `until` (perf_counter) is in."""
        self._until = until
        self._done = asyncio.get_running_loop().create_future()
        self._send()
        return self._done

    def _send(self) -> None:
        assert self._transport is not None
        self._sent_at = time.perf_counter()
        self._transport.write(self._requests.next())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        now = time.perf_counter()
        if self._buffer[9:10] == b"2":
            self.latencies_ms.append((now - self._sent_at) * 1000)
        else:
            self.failed += 1
        self._buffer = b""
        if now < self._until:
            self._send()
        elif self._done is not None:
            self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def burst(requests: Requests, port: int, connections: int, seconds: float, ahead: int) -> dict[str, Any]:
    """So many connections for so many seconds; counts, seconds taken and every latency."""
    requests.prepare(ahead)
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(lambda: Connection(requests), "127.0.0.1", port))[1] for _ in range(connections)]
    begun = time.perf_counter()
    await asyncio.gather(*(each.run(begun + seconds) for each in opened))
    taken = time.perf_counter() - begun
    for each in opened:
        each.close()
    latencies = [round(latency, 3) for each in opened for latency in each.latencies_ms]
    return {"count": len(latencies), "failed": sum(each.failed for each in opened), "seconds": taken, "latencies_ms": latencies}


async def main() -> None:
    lines = asyncio.StreamReader(limit=64 * 2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    told = json.loads(await lines.readline())
    assignment = Assignment(told["public_base_url"], told["recipient"], [Writer(**one) for one in told["writers"]], told["seed"])
    requests = Requests(assignment)
    requests.prepare(READY_AHEAD)
    print(json.dumps("ready"), flush=True)
    while line := await lines.readline():
        asked = json.loads(line)
        print(json.dumps(await burst(requests, asked["port"], asked["connections"], asked["seconds"], asked["ahead"])), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
