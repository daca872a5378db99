"""What the version of a flow that the files hold would have changed last month: its check-ins replayed on it and on another version."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from service.actions.find_flow_version import find_flow_version, versions_to_compare
from service.actions.read_past_check_ins import Chosen, choose_past_check_ins, read_past_check_ins
from service.db.database import Database
from service.domain.staff import Staff
from service.evaluation.flows.history import Comparison, Way, compare
from service.evaluation.flows.readable import Flow, Shelf
from service.evaluation.flows.retrace import Hearing
from service.web.flow_pages import SHELF
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _
from service.web.render import page

PERIOD = timedelta(days=30)
MOST = 300
"""Check-ins that one page replays, the newest first."""
LONGEST_SECONDS = 3.0
"""After this no further batch is begun, and the page says how many were left out."""
BATCH = 25
MOST_SHOWN = 100
"""Differences that the page lists; all are counted. The newest first."""
MOST_VERSIONS = 20


@dataclass(frozen=True, slots=True)
class Replays:
    """One replay at a time: each takes some seconds of a processor. No patient's words are kept beyond it."""

    shelf: Shelf
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def last_month(self, database: Database, staff: Staff, old: Flow, new: Flow, now: datetime) -> tuple[Comparison, Chosen]:
        """The newest check-ins of the last 30 days on both versions; in a thread, so that other requests have their turn."""
        comparison, hearing = Comparison(), Hearing(self.shelf.ears)
        async with self._one_at_a_time:
            chosen = await choose_past_check_ins(
                database, staff.organization_id, new.key, since=now - PERIOD, until=now, limit=MOST, staff=staff
            )
            newest_first = replace(chosen, ids=tuple(sorted(chosen.ids, reverse=True)))
            loop = asyncio.get_running_loop()
            over = loop.time() + LONGEST_SECONDS
            async for batch in read_past_check_ins(database, newest_first, now, batch=BATCH):
                await asyncio.to_thread(compare, comparison, batch.check_ins, batch.own, hearing, (old, new))
                if loop.time() > over:
                    break
        return comparison, chosen


REPLAYS = web.AppKey("REPLAYS", Replays)


async def show_history(request: web.Request) -> web.Response:
    """GET /flows/{programme}/{flow}/history: against the version named by `old`, else the one that runs, else the one before."""
    flow = request.app[SHELF].flows.get(f"{request.match_info['programme']}/{request.match_info['flow']}")
    if flow is None:
        raise web.HTTPNotFound
    database, staff, now = request.app[DATABASE], request[WEB_SESSION].staff, request.app[CLOCK].now()
    others = (await versions_to_compare(database, staff.organization_id, flow))[:MOST_VERSIONS]
    named = request.query.get("old", "")
    old = next((one for one in others if one.content_hash == named or not named), None)
    if named and old is None:
        raise web.HTTPNotFound
    context: dict[str, Any] = {"flow": flow, "others": others, "old": old, "comparison": None}
    if old is not None:
        before = await find_flow_version(database, staff.organization_id, flow.key, old.content_hash, flow)
        comparison, chosen = await request.app[REPLAYS].last_month(database, staff, before, flow, now)
        context |= {"comparison": comparison, "since": now - PERIOD, **_shown(comparison, chosen, flow)}
    return await page(request, "flow_history.html", context)


def _shown(comparison: Comparison, chosen: Chosen, flow: Flow) -> dict[str, Any]:
    rows = [(rule_words(rule, flow.key), [ways[way] for way in Way]) for rule, ways in comparison.rules()]
    newest = sorted(comparison.changes, key=lambda change: (change.started_at, change.check_in), reverse=True)
    shown = [] if chosen.counts_only else [(change, rule_words(change.rule, flow.key)) for change in newest[:MOST_SHOWN]]
    return {
        "rows": rows,
        "most": max((number for _, numbers in rows for number in numbers), default=1),
        "changes": shown,
        "not_shown": comparison.ways().total() - len(shown),
        "counts_only": chosen.counts_only,
        "left_out": chosen.there_are - comparison.check_ins - comparison.failed,
    }


def rule_words(rule: str, key: str) -> str:
    """A rule as a nurse reads it: "weight: gained in a day"; one of the table for every patient says so."""
    own = rule.startswith(f"{key}.")
    name = rule.removeprefix(f"{key}.").replace(".", ": ").replace("_", " ")
    return name if own else _("every patient: {name}", name=name)
