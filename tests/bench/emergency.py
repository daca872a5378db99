"""`python -m tests.bench.emergency [--quick]`: from words of danger to the safety text and the first page with the provider, under load.

The load is ten times the daily peak of 10,000 patients with three prompts a day, half of which are answered within the hour after them:
10,000 prompts go out in that hour (2.8 a second, and two words on each come back) and 5,000 answers come in (1.4 a second). A real
`rounds serve` on a PostgreSQL that writes through, a stand-in Twilio over HTTP in this process, which takes its share of the cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from service.db.communication import attempts, communications
from service.db.database import Database
from service.db.escalation import escalations
from service.db.migrate import upgrade
from service.db.patient import patient_phones, phones
from tests.bench.processes import ROOT
from tests.bench.results import machine
from tests.faults.crowd import CHEST_PAIN
from tests.faults.flood import write_texts
from tests.faults.ledger import attempt_of
from tests.faults.posting import Poster, inbound_form
from tests.postgres import running
from tests.stand_in_twilio import StandIn
from tests.stand_in_twilio.store import now
from tests.story.clinic import ON_CALL, invented, set_up
from tests.story.rows import opened, rows
from tests.story.served import Served

TIMES_THE_PEAK = 10
PROMPTS_A_SECOND = 10_000 / 3600
ANSWERS_A_SECOND = 5_000 / 3600
SECONDS = {"whole": 300, "quick": 30}
DANGER_EVERY_SECONDS = 1.0
ANSWERS = ("182", "yes took it", "no", "thank you", "no new swelling", "190.5", "2", "I feel fine today")
WRITTEN_TO = ROOT / "build" / "bench_emergency.json"


async def measure(seconds: int) -> dict[str, object]:
    """Seconds to the safety text and to the page for one danger a second, by percentile."""
    dice = random.Random(1)
    dangers = int(seconds / DANGER_EVERY_SECONDS)
    people = list(invented(dangers + 500).values())
    writers, crowd = people[:dangers], people[dangers:]
    folder = Path(tempfile.mkdtemp(prefix="rounds-bench-"))
    with running(durable=True) as server:
        url = server.create_database("bench")
        await upgrade(url)
        try:
            async with StandIn().running() as twilio, opened(url) as database:
                clinic = await set_up(database, {f"Patient {place}": number for place, number in enumerate(people)})
                prompts = TIMES_THE_PEAK * PROMPTS_A_SECOND
                await write_texts(database, clinic, int(prompts * (seconds + 10)))
                node = Served(url, twilio, folder, send_rate=round(prompts))
                async with node.running():
                    poster = Poster([node], twilio.options, dice)
                    said: dict[str, float] = {}
                    async with poster.open():
                        load = asyncio.create_task(_answers(poster, twilio, crowd, dice))
                        await asyncio.sleep(3)
                        before = len(twilio.store.accepted)
                        for place, number in enumerate(writers):
                            said[number] = now()
                            form = inbound_form(twilio.options, number, CHEST_PAIN, f"SM{place:032x}")
                            await poster.carry([("/webhooks/twilio/sms", form)])
                            await asyncio.sleep(max(0.0, said[number] + DANGER_EVERY_SECONDS - now()))
                        sent = len(twilio.store.accepted) - before
                        await asyncio.sleep(5)
                        load.cancel()
                    answered = poster.taken - dangers
                    assert await node.stop() == 0
                safety, paged = await _heard(database, twilio, said)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    assert len(safety) == len(paged) == dangers, f"{dangers} dangers, {len(safety)} safety texts, {len(paged)} pages"
    return {
        "dangers": dangers,
        "answers_a_second": round(answered / (seconds + 8), 1),
        "texts_out_a_second": round(sent / seconds, 1),
        "safety_text_s": _percentiles(safety),
        "first_page_s": _percentiles(paged),
        "webhook_answers": dict(Counter(poster.answers)),
    }


async def _answers(poster: Poster, twilio: StandIn, crowd: list[str], dice: random.Random) -> None:
    """Ordinary answers at an even pace, each carried by itself."""
    carrying: set[asyncio.Task[None]] = set()
    place = 1_000_000
    while True:
        form = inbound_form(twilio.options, dice.choice(crowd), dice.choice(ANSWERS), f"SM{place:032x}")
        task = asyncio.create_task(poster.carry([("/webhooks/twilio/sms", form)]))
        carrying.add(task)
        task.add_done_callback(carrying.discard)
        place += 1
        await asyncio.sleep(dice.expovariate(TIMES_THE_PEAK * ANSWERS_A_SECOND))


async def _heard(database: Database, twilio: StandIn, said: dict[str, float]) -> tuple[list[float], list[float]]:
    """Seconds from each danger to its safety text, and to its item's first page, as the provider has them."""
    number_of = {row.id: row.number for row in await rows(database, phones)}
    numbers = {row.patient_id: number_of[row.phone_id] for row in await rows(database, patient_phones)}
    items = {
        str(row.id): numbers[row.patient_id]
        for row in await rows(database, escalations, escalations.c.kind == "clinical")
        if row.patient_id
    }
    answers = {row.id for row in await rows(database, communications, communications.c.purpose == "safety")}
    tried = {row.id: row.communication_id for row in await rows(database, attempts)}
    safety: dict[str, float] = {}
    paged: dict[str, float] = {}
    for message in twilio.store.accepted:
        if message.to in said and tried[attempt_of(message)] in answers:  # of the first ones the words are deleted there by now
            safety.setdefault(message.to, message.created - said[message.to])
        if message.to == ON_CALL:
            number = next((number for id, number in items.items() if id in message.body), "")
            if number in said:
                paged.setdefault(number, message.created - said[number])
    return list(safety.values()), list(paged.values())


def _percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) for name, share in _SHARES} | {
        "worst": round(ordered[-1], 3)
    }


_SHARES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.emergency", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half a minute; too short to quote")
    asked = parser.parse_args()
    before, began = machine(), time.monotonic()
    found = asyncio.run(measure(SECONDS["quick" if asked.quick else "whole"]))
    written = {"quick": asked.quick, "machine": before, "load": f"{TIMES_THE_PEAK} x the daily peak of 10,000 patients", **found}
    WRITTEN_TO.parent.mkdir(exist_ok=True)
    WRITTEN_TO.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(written, indent=2))
    print(f"{time.monotonic() - began:.0f} s; written to {WRITTEN_TO.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
