"""Looks after what patients were promised: kept, renewed before it breaks, or broken for all to see (decisions 7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.db import communication, items, pages, promises, rota
from service.db.changes import Changes
from service.db.contexts import load_contexts
from service.db.database import Database
from service.db.pages import Standing
from service.db.problems import Problem, report
from service.db.promises import Made
from service.domain.communication import Purpose
from service.domain.ladder import TEXT_ONLY, Crew, Rung, Whom, reach
from service.domain.patient import NO_PATIENT, PatientContext
from service.domain.promise import WARN_BEFORE, PromiseState, warned_at
from service.domain.urgency import Urgency

RULE = "promise_broken"
_REASON = "A patient was told when a nurse would answer, nobody has, and no item waits for it: read what was said and answer."


@dataclass(frozen=True, slots=True)
class Kept:
    """What one round found: promises kept, renewed and broken, and those that are about to break."""

    kept: int = 0
    renewed: int = 0
    broken: int = 0
    warned: int = 0


async def keep_promises(database: Database, knowledge: Knowledge, now: datetime, *, limit: int = 200) -> Kept:
    """One round over at most `limit` promises that are due within a quarter of an hour or were due already.

    One that is about to break is renewed once, by a text with the new time that leaves only if a text may leave, and the team's lead is
    paged; one that breaks stands on its item, or becomes one. A promise whose text never arrived is void.
    """
    async with database.transaction() as connection:
        found = await promises.open_ones(connection, now + WARN_BEFORE, limit)
        become: dict[PromiseState, list[Made]] = defaultdict(list)
        for one in found:
            become[_state(one, now)].append(one)
        for state, same in become.items():
            if state is not PromiseState.OPEN:
                await promises.settle(connection, [one.id for one in same], state, now)
        changes = Changes(now)
        for one in become[PromiseState.BROKEN]:
            if one.item_id is not None:
                items.add_event(changes, one.organization_id, one.item_id, "promise_broken", {"promise_id": str(one.id)})
                changes.wake(f"queue:{one.organization_id}")
        unseen = [one for one in become[PromiseState.BROKEN] if one.item_id is None and one.answered_at is None]
        await report(connection, changes, [_broken(one) for one in unseen])
        breaking = [one for one in become[PromiseState.OPEN] if one.warned_at is None and now >= warned_at(one.made_at, one.due_at)]
        await _warn(connection, changes, knowledge, breaking)
        await changes.write(connection)
    return Kept(len(become[PromiseState.KEPT]), len(become[PromiseState.RENEWED]), len(become[PromiseState.BROKEN]), len(breaking))


def _broken(one: Made) -> Problem:
    """A promise that no open item stands for: without one of its own nobody would see that it is broken."""
    return Problem(one.organization_id, RULE, _REASON, Urgency.SAME_DAY, one.patient_id, one.phone_id)


def _state(one: Made, now: datetime) -> PromiseState:
    if one.answered_at is not None and one.answered_at <= one.due_at:
        return PromiseState.KEPT
    if one.void:
        return PromiseState.VOID
    if one.renewed:
        return PromiseState.RENEWED
    return PromiseState.BROKEN if one.due_at <= now else PromiseState.OPEN


async def _warn(connection: AsyncConnection, changes: Changes, knowledge: Knowledge, breaking: Sequence[Made]) -> None:
    """Pages the lead for each item, and tells each patient of the new time, once for all that breaks together."""
    if not breaking:
        return
    await promises.warned(connection, [one.id for one in breaking], changes.now)
    contexts = await load_contexts(connection, sorted({one.patient_id for one in breaking if one.patient_id is not None}), changes.now)
    by_item: dict[UUID, list[Made]] = defaultdict(list)
    for one in breaking:
        if one.item_id is not None:
            by_item[one.item_id].append(one)
    standings = await pages.standings(connection, by_item, seen_too=True)
    crews = await rota.crews(connection, {one.team_id for one in standings.values()}, changes.now)
    for item_id, same in sorted(by_item.items()):
        standing = standings.get(item_id)
        if standing is None:
            continue
        items.add_event(changes, standing.organization_id, item_id, "promise_breaking", {"promises": len(same)})
        _page_lead(changes, knowledge, standing, crews, same[0])
        context = contexts.get(same[0].patient_id) if same[0].patient_id is not None else None
        if context is not None and all(one.renews is None for one in same):
            _renew(changes, knowledge, context, item_id, same)


def _page_lead(changes: Changes, knowledge: Knowledge, standing: Standing, crews: Mapping[UUID, Crew], one: Made) -> None:
    found = reach(Rung(0, Whom.SUPERVISOR, TEXT_ONLY), standing.urgency, crews[standing.team_id], changes.now)
    link = knowledge.item_link(standing.escalation_id)
    body = knowledge.wording.text("page_promise", "en", initials=standing.initials or NO_PATIENT, due=one.words, link=link)
    for place, target in enumerate(found.targets, start=1):
        for channel in target.by:
            pages.add_page(changes, standing, standing.step + place, pages.NO_RUNG, target, channel, body)
            break  # one page a person: it is no alarm


def _renew(changes: Changes, knowledge: Knowledge, context: PatientContext, item_id: UUID, same: Sequence[Made]) -> None:
    """The new time by text, if there is one later than what was promised."""
    first, urgency = same[0], min((one.urgency for one in same), key=lambda one: one.rank)
    coverage = context.team.coverage
    phone = next((phone for phone in context.phones if phone.id == first.phone_id), None)
    if coverage is None or phone is None:
        return
    if coverage.promise_holds_until(changes.now, urgency, context.zone) <= max(one.due_at for one in same):
        return
    text = knowledge.wording.for_patient("promise_renewed", context.facts(changes.now), urgency)
    id = communication.outbound(
        changes,
        organization_id=context.organization.id,
        patient_id=context.id,
        phone_id=phone.id,
        body=text,
        language=context.language,
        purpose=Purpose.ANSWER,
        reason="promise_renewed",
        escalation_id=item_id,
        useful_until=min(one.due_at for one in same),
    )
    for one in same:
        promises.note(
            changes,
            context.team,
            text,
            id,
            language=context.language,
            zone=context.zone,
            patient_id=context.id,
            phone_id=phone.id,
            escalation_id=item_id,
            urgency=urgency,
            renews=one.id,
        )
