"""What the page of charts shows: each measure that a patient reports, with its words, its drawing and its table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.actions.view_readings import Measured, Readings
from service.web.charts import Bound, Drawn, Line, Mark, Point, draw, written
from service.web.language import _, later
from service.web.patient_words import unit_word
from service.web.words import limit_word

MOST_ROWS = 200
"""Of a table; the drawing has them all."""
NOT_PAIN = ("depression",)
"""Programmes whose scales are of mood."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One chart: which readings are in it, what its lines are called, and which personal limits bound it."""

    key: str
    title: str
    name: str
    lines: tuple[str, ...]
    upper: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    relative: tuple[str, ...] = ()
    """Limits on a change: said in words, they bound no value."""


KINDS = (
    Kind(
        "weight",
        later("Weight"),
        "weight",
        (later("Weight"),),
        relative=("weight_gain_24h", "weight_gain_3d", "weight_gain_7d", "weight_loss_7d", "gain_a_day", "gain_between_sessions"),
    ),
    Kind(
        "blood_pressure",
        later("Blood pressure"),
        "blood_pressure",
        (later("Upper"), later("Lower")),
        upper=("systolic_high", "diastolic_high"),
        lower=("systolic_low",),
    ),
    Kind("glucose", later("Blood sugar"), "glucose", (later("Blood sugar"),), upper=("glucose_high",)),
    Kind("spo2", later("Oxygen"), "spo2", (later("Oxygen"),), lower=("spo2_low", "spo2_emergency")),
    Kind("pulse", later("Heart rate"), "pulse", (later("Heart rate"),), upper=("pulse_high",), lower=("pulse_low",)),
    Kind("temperature", later("Temperature"), "temperature", (later("Temperature"),), upper=("temperature_high",)),
    Kind("pain", later("Pain"), "scale", (later("Pain"),), upper=("pain_high",)),
    Kind("peak_flow", later("Peak flow"), "peak_flow", (later("Peak flow"),), relative=("best_peak_flow",)),
    Kind("inr", later("INR"), "inr", (later("INR"),), upper=("inr_high",), lower=("inr_low",)),
    Kind("mood", later("Mood (PHQ-9, 0 to 27: the lower the better)"), "phq_total", (later("PHQ-9"),)),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table under a chart."""

    at: datetime
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChartView:
    """A chart with its words. `change` is "" with one reading; `limits` say the personal limits, `table` is newest first."""

    key: str
    title: str
    unit: str
    lines: tuple[str, ...]
    drawn: Drawn
    last: str
    last_at: datetime
    change: str
    first_at: datetime
    count: int
    limits: tuple[str, ...]
    table: tuple[Row, ...]


def charts(found: Readings) -> tuple[list[ChartView], list[str]]:
    """A chart for each measure that has a reading, and the titles of those that have none."""
    drawn, empty = [], []
    marks = [Mark(change.at, change.words) for change in found.changes]
    for kind in KINDS:
        rows = [one for one in found.measured.get(kind.name, ()) if not (kind.key == "pain" and one.programme in NOT_PAIN)]
        if len(kind.lines) == 2:
            rows = [one for one in rows if one.value_2 is not None]
        if rows:
            drawn.append(_chart(kind, rows, found, marks))
        else:
            empty.append(_(kind.title))
    return drawn, empty


def _chart(kind: Kind, rows: Sequence[Measured], found: Readings, marks: Sequence[Mark]) -> ChartView:
    readings = [(one.at, _values(kind, one)) for one in rows]
    lines = [Line(_(name), tuple(Point(at, values[n]) for at, values in readings)) for n, name in enumerate(kind.lines)]
    amounts = {name: round(found.shown(kind.name, found.limits[name]), 1) for name in (*kind.upper, *kind.lower) if name in found.limits}
    bounds = [Bound(amount, name in kind.upper, _bound_words(name in kind.upper, amount)) for name, amount in amounts.items()]
    unit = unit_word(found.units[kind.name])
    last_at, last = readings[-1]
    return ChartView(
        key=kind.key,
        title=_(kind.title),
        unit=unit,
        lines=tuple(line.name for line in lines),
        drawn=draw(lines, found.first, found.last, found.card.zone, bounds=bounds, marks=marks),
        last=_reading(last, unit),
        last_at=last_at,
        change=_change(readings[0][1], last, unit) if len(readings) > 1 else "",
        first_at=readings[0][0],
        count=len(readings),
        limits=tuple(_limit_words(kind, found)),
        table=tuple(Row(at, tuple(written(one) for one in values)) for at, values in reversed(readings[-MOST_ROWS:])),
    )


def _values(kind: Kind, one: Measured) -> tuple[float, ...]:
    both = (one.value, one.value_2 or 0.0) if len(kind.lines) == 2 else (one.value,)
    return tuple(round(value, 1) for value in both)


def _limit_words(kind: Kind, found: Readings) -> list[str]:
    """The patient's own limits on this measure as they were written down, with who has signed them."""
    wanted = (*kind.upper, *kind.lower, *kind.relative)
    return [
        _(
            "{limit}: {amount} {unit}, signed by {author}",
            limit=limit_word(one.name),
            amount=written(one.amount),
            unit=one.unit,
            author=one.author,
        )
        for one in found.card.limits
        if one.name in wanted and one.name in found.limits
    ]


def _reading(values: Sequence[float], unit: str) -> str:
    return f"{'/'.join(map(written, values))}{'' if unit == '%' else ' '}{unit}".strip()


def _change(first: Sequence[float], last: Sequence[float], unit: str) -> str:
    """What has changed between two readings, in words: "up 5.1 lb", "unchanged"."""
    said = []
    for before, after in zip(first, last, strict=True):
        by = round(after - before, 1)
        if by:
            said.append(_("up {by}", by=written(by)) if by > 0 else _("down {by}", by=written(-by)))
        else:
            said.append(_("unchanged"))
    words = " / ".join(said)
    return f"{words} {unit}".strip() if any(round(after - before, 1) for before, after in zip(first, last, strict=True)) else words


def _bound_words(upper: bool, amount: float) -> str:
    return _("limit: under {amount}", amount=written(amount)) if upper else _("limit: over {amount}", amount=written(amount))
