"""The servers that the load calls, each in a process of its own: the service's whole application, or one bare handler.

The bare one reads the same form and commits one INSERT through the same engine; it checks no signature and knows no patient.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import signal
import sys
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import text

from service.db.database import Database
from tests.bench.clock import BenchClock
from tests.bench.cohort import SENDER
from tests.bench.databases import BLIND_INDEX_KEY, ENCRYPTION_KEYS, KEYRING
from tests.bench.load import ACCOUNT, TOKEN

_INSERT = text("INSERT INTO bench_inbound (id, body) VALUES (:id, :body) ON CONFLICT (id) DO NOTHING")


def bare(database: Database) -> web.Application:
    """One POST handler, one INSERT, one commit."""

    async def handle(request: web.Request) -> web.Response:
        form = await request.post()
        async with database.transaction() as connection:
            await connection.execute(_INSERT, {"id": str(form["MessageSid"]), "body": str(form["Body"])})
        return web.Response(text="", content_type="text/xml")

    async def close(_app: web.Application) -> None:
        await database.close()

    app = web.Application()
    app.router.add_post("/webhooks/twilio/sms", handle)
    app.on_cleanup.append(close)
    return app


def whole(told: dict[str, Any]) -> web.Application:
    """The service, as `rounds serve` composes it, at the bench's hour and with the bench's provider."""
    from service.app import create_app
    from service.logs import configure
    from service.settings import Settings

    configure("error")
    settings = Settings.from_environment(
        {
            "DATABASE_URL": told["database_url"],
            "PUBLIC_BASE_URL": told["public_base_url"],
            "ENCRYPTION_KEYS": ENCRYPTION_KEYS,
            "BLIND_INDEX_KEY": BLIND_INDEX_KEY,
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_FROM": SENDER,
            "TWILIO_API_BASE": f"http://127.0.0.1:{told['provider_port']}",
            "MFA": "optional",
        }
    )
    return create_app(settings, clock=BenchClock(datetime.fromisoformat(told["now"])))


async def main() -> None:
    told = json.loads(await asyncio.to_thread(sys.stdin.readline))
    app = bare(Database.open(told["database_url"], KEYRING)) if told["kind"] == "bare" else whole(told)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    profile = cProfile.Profile() if told.get("profile") else None
    if profile:
        profile.enable()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await over.wait()
    if profile:
        profile.disable()
        profile.dump_stats(told["profile"])
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
