"""(c) Texts out of the outbox through the real twilio library to a provider with a fixed latency, beside a loop of bare calls to it."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from urllib.parse import urlencode

import aiohttp

from service.actions.send_communications import send_communications
from service.content import load_contact_law
from service.db.database import Database
from service.domain.communication import Lane
from service.telephony.twilio import TwilioProvider
from tests.bench.clock import BenchClock
from tests.bench.cohort import PROVIDER, SENDER, Cohort
from tests.bench.load import ACCOUNT, TOKEN
from tests.bench.results import Row, Timed
from tests.bench.webhooks import PUBLIC_BASE_URL

LATENCY_SECONDS = 0.05
CONCURRENCY = 50
BATCH = 500
UNLIMITED = 1_000_000.0
"""Segments a second: the bucket holds nothing back."""


def row(name: str) -> Row:
    """The row that `repeat` fills."""
    return Row("texts sent", name, note=f"provider answers after {LATENCY_SECONDS * 1000:.0f} ms, {CONCURRENCY} calls at a time")


async def repeat(row: Row, database: Database, cohort: Cohort, wave: int, provider_port: int) -> None:
    """One repetition: the texts of a wave that was started, then as many bare calls."""
    address = f"http://127.0.0.1:{provider_port}"
    provider = TwilioProvider(
        account_sid=ACCOUNT, auth_token=TOKEN, sender=SENDER, public_base_url=PUBLIC_BASE_URL, api_base=address, connections=CONCURRENCY
    )
    try:
        row.real.append(await _send(database, provider, cohort, wave))
    finally:
        await provider.close()
    row.bare.append(await _call(address, row.real[-1].count))


async def _send(database: Database, provider: TwilioProvider, cohort: Cohort, wave: int) -> Timed:
    clock = BenchClock(cohort.due(wave) + timedelta(seconds=20))
    begun = time.perf_counter()
    done = 0
    while (
        sent := await send_communications(
            database,
            {PROVIDER: provider},
            Lane.ROUTINE,
            clock,
            "bench",
            load_contact_law(),
            limit=BATCH,
            concurrency=CONCURRENCY,
            default_rate=UNLIMITED,
        )
    ).claimed:
        done += sent.claimed
    taken = time.perf_counter() - begun
    if done < cohort.each:
        raise RuntimeError(f"{done} texts were sent, not {cohort.each}")
    return Timed(done, taken)


async def _call(address: str, count: int) -> Timed:
    left = iter(range(count))
    form = urlencode({"To": "+12125550100", "From": SENDER, "Body": "Hello from Riverside Clinic. " * 4})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    async def calls(session: aiohttp.ClientSession) -> None:
        for _ in left:
            async with session.post(f"{address}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", data=form, headers=headers) as answer:
                await answer.json()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:
        begun = time.perf_counter()
        await asyncio.gather(*(calls(session) for _ in range(CONCURRENCY)))
        return Timed(count, time.perf_counter() - begun)
