"""`make bench`, or `python -m tests.bench --quick`: prints a table and writes build/bench.json."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from service.actions.knowledge import Knowledge
from service.content import Content, load_content
from service.logs import configure
from tests.bench import deciding, dispatch, engine, outbox, reading, webhooks
from tests.bench.cohort import seed
from tests.bench.databases import opened, servers
from tests.bench.processes import ROOT, started
from tests.bench.results import Row, machine, markdown, table
from tests.bench.scale import QUICK, WHOLE, Scale

WRITTEN_TO = ROOT / "build" / "bench.json"
README = ROOT / "README.md"
BEGINS, ENDS = "<!-- bench -->", "<!-- /bench -->"
_begun = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - _begun:6.1f} s  {text}", flush=True)


async def on_database(name: str, url: str, content: Content, scale: Scale, provider_port: int, profile: Path | None) -> list[Row]:
    """Everything that is measured on one database."""
    knowledge = Knowledge(
        content.lexicon, content.tables, content.wording, webhooks.PUBLIC_BASE_URL, content.follow_through, content.opening, content.law
    )
    async with opened(url) as database:
        say(f"{name}: seeding {scale.waves * scale.patients_a_wave} patients")
        cohort = await seed(database, content, knowledge, scale.waves, scale.patients_a_wave)
        say(f"{name}: starting due check-ins, sending their texts")
        dispatched, sent = dispatch.row(name, cohort), outbox.row(name)
        for wave in range(cohort.waves):
            await dispatch.repeat(dispatched, database, knowledge, cohort, wave)
            await outbox.repeat(sent, database, cohort, wave, provider_port)
    say(f"{name}: replies by webhook")
    return [*await webhooks.run(url, name, cohort, provider_port, scale, profile), dispatched, sent]


async def measure(scale: Scale, only: str, profile: Path | None) -> list[Row]:
    """Every row, one part after the other, so that nothing of ours disturbs what is measured."""
    content = load_content()
    say("reading replies")
    rows = [reading.run(content.lexicon, scale.replies_read, scale.repetitions)]
    say("deciding what was read")
    rows.append(deciding.run(content, scale.engine_steps, scale.repetitions))
    say("engine steps")
    rows.append(engine.run(content, scale.engine_steps, scale.repetitions))
    say(f"an engine step: median {rows[-1].to_json()['real']['p50_ms'] * 1000:.0f} microseconds (bar {engine.MOST_MICROSECONDS})")
    with servers() as urls:
        async with started("tests.bench.slow_provider", {"seconds": outbox.LATENCY_SECONDS}) as (_, said):
            for name, url in urls.items():
                if not only or name.lower().startswith(only.lower()):
                    rows += await on_database(name, url, content, scale, said["port"], profile)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Rates of Rounds beside their bare equivalents.")
    parser.add_argument("--quick", action="store_true", help="a look in half a minute; too short to quote")
    parser.add_argument("--only", default="", help="postgresql or sqlite")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md too")
    parser.add_argument("--profile", type=Path, help="write a cProfile of the application under the webhooks to this file")
    asked = parser.parse_args()
    configure("error")
    before = machine()
    if before["load_before"][0] > (before["cores"] or 1) / 2:
        print(f"This machine is busy (load {before['load_before'][0]}, {before['cores']} cores): only the ratios mean something.")
    scale = QUICK if asked.quick else WHOLE
    rows = [row.to_json() for row in asyncio.run(measure(scale, asked.only, asked.profile))]
    say("done")
    print(table(rows))
    WRITTEN_TO.parent.mkdir(exist_ok=True)
    written = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": asked.quick, "machine": before, "rows": rows}
    WRITTEN_TO.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    if asked.readme:
        before_it, _, rest = README.read_text(encoding="utf-8").partition(BEGINS)
        README.write_text(f"{before_it}{BEGINS}\n{markdown(written)}\n{ENDS}{rest.partition(ENDS)[2]}", encoding="utf-8")
    print(f"written to {WRITTEN_TO.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
