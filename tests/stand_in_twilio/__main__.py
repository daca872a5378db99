"""`python -m tests.stand_in_twilio --port 4010 --sms-url http://127.0.0.1:8080/webhooks/twilio/sms --journal build/twilio.jsonl`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path

from tests.stand_in_twilio.options import Options
from tests.stand_in_twilio.server import StandIn


async def serve(stand_in: StandIn, port: int) -> None:
    async with stand_in.running(port):
        print(f"stand-in Twilio on {stand_in.url}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stand_in_twilio", description="A stand-in Twilio over HTTP, on loopback.")
    parser.add_argument("--port", type=int, default=4010)
    parser.add_argument("--account-sid", default=Options().account_sid)
    parser.add_argument("--auth-token", default=Options().auth_token)
    parser.add_argument("--number", default=Options().numbers[0], help="the account's own number")
    parser.add_argument("--sms-url", default="", help="the service's webhook for inbound texts")
    parser.add_argument("--journal", type=Path, help="append-only file; read at start, so that a restart forgets nothing")
    asked = parser.parse_args()
    options = Options(account_sid=asked.account_sid, auth_token=asked.auth_token, numbers=[asked.number], sms_url=asked.sms_url)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(StandIn(options, asked.journal), asked.port))


if __name__ == "__main__":
    main()
