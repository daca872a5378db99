"""A nurse writes to the patient: judged at once by the same rules as at the moment of sending, so that a refusal is seen here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from uuid import UUID

from service.actions.refusal import Held, NotFound, Refused
from service.db import audit, escalation_claims
from service.db.database import Database
from service.db.item import reply_place
from service.domain.communication import Purpose
from service.domain.consent import Consent
from service.domain.escalation import LEASE, Escalation, State
from service.domain.patient import Phone
from service.domain.reading import Channel
from service.domain.schedule import quiet
from service.domain.segments import MAX_SEGMENTS, count_segments
from service.domain.sending import Circumstances, Verdict, may_send
from service.domain.staff import Permission, Staff

USEFUL_FOR = timedelta(hours=12)
"""After this a nurse's text that never left is marked as expired instead of arriving out of the blue."""
ANSWERS_FOR = timedelta(minutes=60)
"""An answer within this time of the patient's own message is no disturbance (decisions 11)."""
LONGEST_REASON = 200
REFUSALS = {
    "unsafe_to_contact": "Do not call or text this number: the patient said that it is not safe.",
    "opted_out": "The patient has opted out of texts on this number. Call instead.",
    "no_consent": "There is no consent to text this number. Call instead, or record the consent first.",
}


async def reply_to_patient(
    database: Database, staff: Staff, item_id: UUID, *, text: str, phone_id: UUID | None, reason: str, now: datetime
) -> UUID:
    """Puts a text into the outbox; its id. `phone_id` None means the number that the conversation is on.

    Raises NotFound for another team's item, Held unless the asker holds it, Refused saying why the text may not go.
    """
    if not staff.may(Permission.WORK_QUEUE):
        raise NotFound
    text, reason = text.replace("\r\n", "\n").strip(), reason.strip()[:LONGEST_REASON]
    if not text:
        raise Refused("The message is empty.")
    if count_segments(text).count > MAX_SEGMENTS:
        raise Refused(f"The message would take more than {MAX_SEGMENTS} texts: shorten it.")
    async with database.transaction() as connection:
        item = await escalation_claims.lock_item(connection, staff, item_id)
        if item is None:
            raise NotFound
        if item.state is not State.CLAIMED or item.claimed_by != staff.id:
            raise Held("Claim the item before you write, so that the patient hears from one nurse only.")
        place = await reply_place(connection, item)
        phones = await escalation_claims.phones_of(connection, item)
        phone = next((one for one in phones if one.id == (phone_id or place.phone_id)), None)
        if phone is None:
            raise Refused("Choose one of the patient's numbers.")
        consents = await escalation_claims.consents_of(connection, item.patient_id)
        if why := why_refused(item, phone, consents, now):
            raise Refused(why)
        if reason_needed(item, place.zone, place.quiet_start, place.quiet_end, now) and not reason:
            raise Refused("It is quiet hours where the patient is: say why this cannot wait.")
        communication_id = await escalation_claims.add_reply(
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
        await escalation_claims.extend(connection, item, now + LEASE[item.urgency])
        await escalation_claims.record(connection, item, "reply_written", staff, now, {"communication_id": str(communication_id)})
        await audit.append(
            connection,
            [
                audit.entry(
                    item.organization_id,
                    now,
                    "reply_written",
                    staff_id=staff.id,
                    patient_id=item.patient_id,
                    object_kind="communication",
                    object_id=communication_id,
                )
            ],
        )
    return communication_id


def reason_needed(item: Escalation, zone: str, quiet_start: time, quiet_end: time, now: datetime) -> bool:
    """True in quiet hours, unless the patient wrote within the last hour (decisions 11)."""
    heard = item.last_patient_event_at
    if heard is not None and now - heard <= ANSWERS_FOR:
        return False
    return quiet(now, zone, quiet_start, quiet_end)


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
            quiet_until=None,
        ),
        now,
    )
    return "" if ruling.verdict is Verdict.SEND else REFUSALS.get(ruling.why, "This text may not be sent. Call instead.")
