"""`python -m tests.stand_in_telnyx --port 4020 --sms-url http://127.0.0.1:8080/webhooks/telnyx/sms --journal build/telnyx.jsonl`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path

from tests.stand_in_telnyx.options import Options
from tests.stand_in_telnyx.server import StandIn


async def serve(stand_in: StandIn, port: int) -> None:
    async with stand_in.running(port):
        print(f"stand-in Telnyx on {stand_in.url}", flush=True)
        for name, value in stand_in.settings().items():
            print(f"{name}={value}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stand_in_telnyx", description="A stand-in Telnyx over HTTP, on loopback.")
    parser.add_argument("--port", type=int, default=4020)
    parser.add_argument("--api-key", default=Options().auth_token)
    parser.add_argument("--number", default=Options().numbers[0], help="the account's own number")
    parser.add_argument("--sms-url", default="", help="the service's webhook for inbound texts")
    parser.add_argument("--journal", type=Path, help="append-only file; read at start, so that a restart forgets nothing")
    asked = parser.parse_args()
    options = Options(auth_token=asked.api_key, numbers=[asked.number], sms_url=asked.sms_url)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(StandIn(options, asked.journal), asked.port))


if __name__ == "__main__":
    main()
