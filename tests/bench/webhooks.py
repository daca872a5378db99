"""(a) Patients' replies through the whole application, beside a bare handler with one INSERT and commit on the same database."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.bench.cohort import SENDER, Cohort
from tests.bench.load import Assignment
from tests.bench.processes import Process, started
from tests.bench.results import Row, Timed
from tests.bench.scale import Scale

PUBLIC_BASE_URL = "https://rounds.example.org"
CONNECTIONS = (1, 64)
FASTEST = {"real": 1_500, "bare": 4_000}
"""Requests a second to have ready; more are made while the watch runs."""


async def run(url: str, database: str, cohort: Cohort, provider_port: int, scale: Scale, profile: Path | None = None) -> list[Row]:
    """A row for each number of connections; the two servers are called in turns."""
    rows = [Row(f"webhook replies, {count} connection{'s' if count > 1 else ''}", database) for count in CONNECTIONS]
    task = {
        "database_url": url,
        "public_base_url": PUBLIC_BASE_URL,
        "provider_port": provider_port,
        "now": cohort.all_due.isoformat(),
        "profile": str(profile) if profile else "",
    }
    async with contextlib.AsyncExitStack() as stack:
        ports, loads = {}, {}
        for seed, kind in enumerate(("real", "bare"), 1):
            _, said = await stack.enter_async_context(
                started("tests.bench.server", {**task, "kind": kind} | ({"profile": ""} if kind == "bare" else {}))
            )
            ports[kind] = said["port"]
            assignment = Assignment(PUBLIC_BASE_URL, SENDER, cohort.writers, seed)
            loads[kind], _ = await stack.enter_async_context(started("tests.bench.load", assignment.to_json()))
            await _burst(loads[kind], kind, ports[kind], 8, scale.warm_up_seconds)
        for _ in range(scale.repetitions):
            for row, connections in zip(rows, CONNECTIONS, strict=True):
                row.real.append(await _burst(loads["real"], "real", ports["real"], connections, scale.burst_seconds))
                row.bare.append(await _burst(loads["bare"], "bare", ports["bare"], connections, scale.burst_seconds))
    return rows


async def _burst(load: Process, kind: str, port: int, connections: int, seconds: float) -> Timed:
    await load.tell({"port": port, "connections": connections, "seconds": seconds, "ahead": int(FASTEST[kind] * seconds)})
    return Timed(**await load.hear(60 + 3 * seconds))
