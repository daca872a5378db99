"""Freezes last week's self-report of each organization (safety rule 44) once its Monday has come, and draws the replies to read again.

A report that is missing is found by query (law 11), so that a week's is made late rather than never; it is made once and not changed.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.view_supervision import pace_of
from service.db import report_figures, rota, self_reports, supervision
from service.db.database import Database
from service.db.report_figures import Count
from service.db.supervision import Times
from service.domain.self_report import SAMPLE, last_week, week_span
from service.domain.urgency import Urgency

ALL = "all"
"""The key of an organization's figures, beside its teams' ids; and of every language or channel."""


async def make_reports(database: Database, now: datetime) -> int:
    """One round; how many reports were made."""
    async with database.reading() as connection:
        zones = await report_figures.zones(connection)
        due: dict[date, list[UUID]] = defaultdict(list)
        for organization_id, zone in zones.items():
            if (week := last_week(now, zone)) is not None:
                due[week].append(organization_id)
        missing = [
            (organization_id, week)
            for week, ids in sorted(due.items())
            for organization_id in sorted(set(ids) - await self_reports.made(connection, week, ids))
        ]
    made = 0
    for organization_id, week in missing:
        async with database.transaction() as connection:
            made += await _make(connection, organization_id, week, zones[organization_id], now)
    return made


async def _make(connection: AsyncConnection, organization_id: UUID, week: date, zone: str, now: datetime) -> int:
    since, until = week_span(week, zone)
    teams = await rota.team_ids(connection, organization_id)
    answers = await report_figures.answers(connection, organization_id, since, until)
    readings = await report_figures.readings(connection, organization_id, since, until)
    items = await supervision.times(connection, teams, since, until) if teams else []
    care = await report_figures.under_care(connection, organization_id, since, until)
    figures = {
        str(key): figures_of(
            [one for one in answers if key in (ALL, one.team_id)],
            [one for one in readings if key in (ALL, one.team_id)],
            [one for one in items if key in (ALL, one.team_id)],
            {place: many for place, many in care.items() if key in (ALL, place[0])},
            until,
        )
        for key in (ALL, *teams)
    }
    report_id = await self_reports.add(connection, organization_id, week, figures, now)
    if report_id is None:
        return 0  # another node was quicker
    silent = await report_figures.led_to_nothing(connection, organization_id, since, until)
    chosen = random.Random(report_id.int).sample(silent, min(SAMPLE, len(silent)))
    await self_reports.add_sample(connection, report_id, organization_id, chosen, now)
    return 1


def figures_of(
    answers: Sequence[Count], readings: Sequence[Count], items: Sequence[Times], care: Mapping[tuple[UUID, str], int], until: datetime
) -> dict[str, Any]:
    """The figures of a team or organization, counts and seconds only: check-ins asked and answered, messages and those not read, by
    language and channel; items by urgency with their pace; items for each language and its patient-weeks."""
    return {
        "answers": _by_language_and_channel(answers),
        "readings": _by_language_and_channel(readings),
        "pace": {urgency.value: _pace(urgency, items, until) for urgency in Urgency},
        "items": {language: sum(one.language == language for one in items) for language in sorted({one.language for one in items})},
        "patient_weeks": _patient_weeks(care),
    }


def _by_language_and_channel(counts: Sequence[Count]) -> dict[str, list[int]]:
    """ "es/sms" -> [whole, part], and "all" of all."""
    found: dict[str, list[int]] = {ALL: [0, 0]}
    for one in counts:
        for key in (ALL, f"{one.language}/{one.channel}"):
            sums = found.setdefault(key, [0, 0])
            sums[0] += one.whole
            sums[1] += one.part
    return found


def _pace(urgency: Urgency, items: Sequence[Times], until: datetime) -> dict[str, float | int | None]:
    pace = pace_of(urgency, items, until)
    return {
        "items": pace.items,
        "taken_median": pace.taken_median,
        "taken_95": pace.taken_95,
        "contact_median": pace.contact_median,
        "contact_95": pace.contact_95,
        "judged": pace.judged,
        "kept": pace.kept,
    }


def _patient_weeks(care: Mapping[tuple[UUID, str], int]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for (_, language), many in care.items():
        found[language] += many
    return dict(found)
