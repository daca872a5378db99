"""A nurse writes to the patient: judged at once by the same rules as at the moment of sending, so that a refusal is seen here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.judge_contacts import RECENT_REPLY
from service.actions.own_item import keep_claim, own_item, told
from service.actions.refusal import Refused
from service.db import item_notes, promises
from service.db.changes import Changes
from service.db.contexts import load_teams
from service.db.database import Database
from service.db.item import ReplyPlace, reply_place
from service.domain.communication import Purpose
from service.domain.consent import Consent
from service.domain.contact_hours import ContactHours
from service.domain.contact_law import ContactLaw
from service.domain.escalation import Escalation
from service.domain.patient import Phone
from service.domain.reading import Channel
from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.sending import Circumstances, Verdict, may_send
from service.domain.staff import Staff

USEFUL_FOR = timedelta(hours=12)
"""After this a nurse's text that never left is marked as expired instead of arriving out of the blue."""
LONGEST_REASON = 200
REFUSALS = {
    "unsafe_to_contact": "Do not call or text this number: the patient said that it is not safe.",
    "opted_out": "The patient has opted out of texts on this number. Call instead.",
    "no_consent": "There is no consent to text this number. Call instead, or record the consent first.",
}


async def reply_to_patient(
    database: Database, law: ContactLaw, staff: Staff, item_id: UUID, *, text: str, phone_id: UUID | None, reason: str, now: datetime
) -> UUID:
    """Puts a text into the outbox; its id. `phone_id` None means the number that the conversation is on.

    Raises NotFound for another team's item, Held unless the asker holds it, Refused saying why the text may not go.
    """
    text, reason = text.replace("\r\n", "\n").strip(), reason.strip()[:LONGEST_REASON]
    if not text:
        raise Refused("The message is empty.")
    if count_segments(text).count > MAX_SEGMENTS:
        raise Refused("The message would take more than {most} texts: shorten it.", most=MAX_SEGMENTS)
    async with database.transaction() as connection:
        item = await own_item(connection, staff, item_id, held=True)
        place = await reply_place(connection, item)
        phones = await item_notes.phones_of(connection, item)
        phone = next((one for one in phones if one.id == (phone_id or place.phone_id)), None)
        if phone is None:
            raise Refused("Choose one of the patient's numbers.")
        consents = await item_notes.consents_of(connection, item.patient_id)
        if why := why_refused(item, phone, consents, now):
            raise Refused(why)
        if reason_needed(item, place.hours(law.states), now) and not reason:
            raise Refused("It is quiet hours where the patient is: say why this cannot wait.")
        communication_id = await item_notes.add_reply(
            connection,
            item,
            staff,
            phone.id,
            text=text,
            reason=reason,
            programme=programme_of(phone, consents, now),
            language=place.language,
            useful_until=now + USEFUL_FOR,
            now=now,
        )
        await _note_promise(connection, item, place, text, communication_id, phone, now)
        await keep_claim(connection, item, staff, now)
        detail = {"communication_id": str(communication_id)}
        await told(connection, item, staff, "reply_written", now, object_kind="communication", object_id=communication_id, detail=detail)
    return communication_id


async def _note_promise(
    connection: AsyncConnection, item: Escalation, place: ReplyPlace, text: str, communication_id: UUID, phone: Phone, now: datetime
) -> None:
    """A time that the nurse's text names in the words of the team's hours is a promise like any other (decisions 7)."""
    team = (await load_teams(connection, {item.team_id}, now))[item.team_id]
    changes = Changes(now)
    promises.note(
        changes,
        team,
        text,
        communication_id,
        language=place.language,
        zone=place.zone,
        patient_id=item.patient_id,
        phone_id=phone.id,
        escalation_id=item.id,
        urgency=item.urgency,
    )
    await changes.write(connection)


def reason_needed(item: Escalation, hours: ContactHours, now: datetime) -> bool:
    """True in quiet hours, by whichever rule, unless the patient wrote within the last hour (decisions 11)."""
    heard = item.last_patient_event_at
    if heard is not None and now - heard <= RECENT_REPLY:
        return False
    return hours.closed(now, scheduled=False) is not None


def programme_of(phone: Phone, consents: Sequence[Consent], now: datetime) -> str:
    """The programme under whose consent a nurse writes to this number, "" for one that covers every programme (or none)."""
    return next((one.programme for one in consents if one.covers(phone.id, Channel.SMS, one.programme, now)), "")


def why_refused(item: Escalation, phone: Phone, consents: Sequence[Consent], now: datetime) -> str:
    """Why a nurse's text may not go to this number now, "" when it may (law 4)."""
    ruling = may_send(
        Circumstances(
            purpose=Purpose.NURSE,
            phone_id=phone.id,
            channel=Channel.SMS,
            programme=programme_of(phone, consents, now),
            created_at=now,
            useful_until=None,
            consents=consents,
            unsafe_to_contact=item.do_not_contact or phone.unsafe_since is not None,
            opted_out_at=phone.opted_out_at,
            patient_stopped=False,
            closed=None,
        ),
        now,
    )
    return "" if ruling.verdict is Verdict.SEND else REFUSALS.get(ruling.why, "This text may not be sent. Call instead.")
