"""Everything the page of one item shows: why it exists, its thread, the patient's card, what is planned and what is being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import follow_ups, promises, thread
from service.db.communication import communications
from service.db.contact import Place, places_of
from service.db.contexts import load_teams
from service.db.escalation import concerns, escalation_events, escalations, pages
from service.db.escalation_claims import in_reach, item_of
from service.db.item_notes import consents_of, draft_of
from service.db.nurse_calls import attempts_of, nurse_calls
from service.db.organization import organizations
from service.db.patient import patient_phones, patients, phones
from service.db.patient_card import PatientCard, load_card
from service.db.ready_answers import Ready
from service.db.ready_answers import of_language as ready_answers
from service.db.staff import staff as staff_table
from service.db.thread import Key, Thread
from service.db.time_log import seconds_on_item
from service.domain.attempts import Outcome
from service.domain.consent import Consent
from service.domain.contact_hours import NO_WISH, ContactHours, StateHours, Wish, state_of
from service.domain.encounter import Encounter
from service.domain.escalation import Concern, Escalation
from service.domain.patient import Team
from service.domain.schedule import to_local
from service.domain.staff import Staff
from service.domain.urgency import by_rank

MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class ReplyPlace:
    """Where and in which language a nurse's text goes, and what the hours there rest on."""

    phone_id: UUID | None
    zone: str
    quiet_start: time
    quiet_end: time
    language: str
    state: str | None = None
    wish: Wish = NO_WISH

    def hours(self, states: Mapping[str, StateHours]) -> ContactHours:
        """Every rule on the hours there; `states` are those of the law. Holidays hold back nothing that a nurse writes."""
        return ContactHours(self.zone, self.quiet_start, self.quiet_end, state_of(states, self.state), self.wish)


@dataclass(frozen=True, slots=True)
class ItemPage:
    """An item with all that its page shows."""

    item: Escalation
    holder: str
    acknowledged_by: str
    resolved_by: str
    spoke_to: str
    concerns: tuple[Concern, ...]
    words: Mapping[UUID, str]
    """The patient's words behind the concerns, by communication."""
    patient: PatientCard | None
    number: str
    """The phone of an item that hangs on a number, "" for a patient's."""
    place: ReplyPlace
    thread: Thread
    attempts: tuple[tuple[datetime, Outcome], ...]
    """Calls logged on the item, oldest first."""
    follow_ups: tuple[Row[Any], ...]
    """What is planned for the patient, and what has come back on this item."""
    draft: Encounter | None
    """The viewer's own unsigned note."""
    seconds: int
    """What the page's timer has counted of the viewer's work on it."""
    ready: tuple[Ready, ...]
    """The organization's own ready answers in the patient's language."""
    team: Team
    consents: tuple[Consent, ...]
    promised: tuple[Row[Any], ...]
    """What the patient was told about when a nurse answers (words, due_at, state), newest first."""
    paged: Mapping[str, str]
    """Who was paged: names by the id that stands in the history."""
    mark: str
    """Of this state: the live page compares it."""


async def load_item(connection: AsyncConnection, staff: Staff, item_id: UUID, now: datetime, before: Key | None = None) -> ItemPage | None:
    """The page of an item of the member's own teams, its thread up to the key; None for anything else."""
    mark = await item_mark(connection, staff, item_id)
    holder, seen, closer = (staff_table.alias(name) for name in ("holder", "seen", "closer"))
    wanted = (
        select(
            escalations,
            holder.c.name.label("holder"),
            seen.c.name.label("acknowledged_name"),
            closer.c.name.label("resolved_name"),
            phones.c.number.label("phone_number"),
        )
        .outerjoin(holder, holder.c.id == escalations.c.claimed_by)
        .outerjoin(seen, seen.c.id == escalations.c.acknowledged_by)
        .outerjoin(closer, closer.c.id == escalations.c.resolved_by)
        .outerjoin(phones, phones.c.id == escalations.c.phone_id)
        .where(escalations.c.id == item_id, in_reach(staff))
    )
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        return None
    item = item_of(dict(row))
    found = await _concerns(connection, item)
    place = await reply_place(connection, item)
    today = to_local(now, place.zone).date()
    return ItemPage(
        item=item,
        holder=row["holder"] or "",
        acknowledged_by=row["acknowledged_name"] or "",
        resolved_by=row["resolved_name"] or "",
        spoke_to=row["spoke_to"] or "",
        concerns=found,
        words=await _words(connection, found),
        patient=await load_card(connection, item.patient_id, today) if item.patient_id is not None else None,
        number=row["phone_number"] or "" if item.patient_id is None else "",
        place=place,
        thread=await thread.load(connection, item, before),
        attempts=tuple(await attempts_of(connection, item.id)),
        follow_ups=tuple(await follow_ups.of_item(connection, item)),
        draft=await draft_of(connection, item.id, staff.id),
        seconds=await seconds_on_item(connection, staff, item.id),
        ready=tuple(await ready_answers(connection, item.organization_id, place.language)),
        team=(await load_teams(connection, {item.team_id}, now))[item.team_id],
        promised=tuple(await promises.of_item(connection, item)),
        paged=await _paged(connection, item),
        consents=tuple(await consents_of(connection, item.patient_id)),
        mark=mark or "",
    )


async def item_mark(connection: AsyncConnection, staff: Staff, item_id: UUID) -> str | None:
    """A text that changes whenever the item or its conversation does; None when it is not one of these teams'."""
    wanted = select(escalations).where(escalations.c.id == item_id, in_reach(staff))
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        return None
    talk = thread.talk_of(item_of(dict(row)))
    newest = select(communications.c.created_at, communications.c.status_at).where(talk)
    newest_texts = newest.order_by(communications.c.created_at.desc()).limit(thread.PAGE).subquery()
    own_calls = select(func.max(nurse_calls.c.status_at)).where(nurse_calls.c.escalation_id == item_id).scalar_subquery()
    moments = func.max(newest_texts.c.created_at), func.max(newest_texts.c.status_at), own_calls
    texts = (await connection.execute(select(*moments))).one()
    latest = select(escalation_events.c.id).where(escalation_events.c.escalation_id == item_id)
    event = await connection.scalar(latest.order_by(escalation_events.c.at.desc(), escalation_events.c.id.desc()).limit(1))
    said, moved, called = (at.timestamp() if at is not None else 0 for at in texts)
    return f"{row['version']}.{said}.{moved}.{called}.{event}"


async def reply_place(connection: AsyncConnection, item: Escalation) -> ReplyPlace:
    """The number of the latest message of the conversation, else the patient's first; zone and quiet hours there."""
    organization = (
        await connection.execute(
            select(organizations.c.zone, organizations.c.quiet_start, organizations.c.quiet_end).where(
                organizations.c.id == item.organization_id
            )
        )
    ).one()
    zone, language, phone_id = organization.zone, "en", item.phone_id
    lives = Place(None, NO_WISH)
    if item.patient_id is not None:
        patient = (await connection.execute(select(patients.c.zone, patients.c.language).where(patients.c.id == item.patient_id))).one()
        zone, language = patient.zone, patient.language
        lives = (await places_of(connection, [item.patient_id]))[item.patient_id]
        heard = select(communications.c.phone_id).where(communications.c.patient_id == item.patient_id, communications.c.direction == "in")
        own = select(patient_phones.c.phone_id).where(patient_phones.c.patient_id == item.patient_id, patient_phones.c.ended_at.is_(None))
        phone_id = await connection.scalar(
            heard.where(communications.c.phone_id.in_(own)).order_by(communications.c.created_at.desc()).limit(1)
        )
        if phone_id is None:
            phone_id = await connection.scalar(own.order_by(patient_phones.c.position).limit(1))
    return ReplyPlace(phone_id, zone, organization.quiet_start, organization.quiet_end, language, lives.state, lives.wish)


async def _words(connection: AsyncConnection, found: Sequence[Concern]) -> dict[UUID, str]:
    """The patient's words behind the concerns, by communication."""
    ids = {one.communication_id for one in found if one.communication_id is not None}
    wanted = select(communications.c.id, communications.c.body).where(communications.c.id.in_(ids))
    return {row.id: row.body for row in await connection.execute(wanted)} if ids else {}


async def _concerns(connection: AsyncConnection, item: Escalation) -> tuple[Concern, ...]:
    wanted = select(concerns).where(concerns.c.escalation_id == item.id)
    rows = await connection.execute(wanted.order_by(concerns.c.urgency_rank, concerns.c.raised_at).limit(MOST_LINES))
    return tuple(
        Concern(
            id=row.id,
            rule=row.rule,
            rule_version=row.rule_version,
            urgency=by_rank(row.urgency_rank),
            reason=row.reason,
            source=row.source,
            raised_at=row.raised_at,
            communication_id=row.communication_id,
            spans=tuple((int(start), int(end)) for start, end in row.spans),
            answered_at=row.answered_at,
            measured=row.measured or {},
            useful=row.useful,
        )
        for row in rows
    )


async def _paged(connection: AsyncConnection, item: Escalation) -> dict[str, str]:
    wanted = select(staff_table.c.id, staff_table.c.name).join(pages, pages.c.staff_id == staff_table.c.id)
    rows = (await connection.execute(wanted.where(pages.c.escalation_id == item.id).distinct().limit(50))).all()
    return {str(row.id): row.name for row in rows}
