"""Judges due texts at the moment of sending (law 4): facts for the whole batch in few statements, then one ruling each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import outbox
from service.db.outbox import Outgoing
from service.domain.communication import Purpose
from service.domain.consent import Consent
from service.domain.patient import PatientStatus
from service.domain.schedule import quiet_ends, to_local, to_utc
from service.domain.sending import AT_ANY_HOUR, Circumstances, Ruling, may_send

RECENT_REPLY = timedelta(minutes=60)
"""An answer to the patient's own message of this age is not held by quiet hours (decisions 11)."""
_LONGEST_DAY = timedelta(hours=26)


async def judge_texts(connection: AsyncConnection, texts: Sequence[Outgoing], now: datetime) -> list[tuple[Outgoing, Ruling]]:
    """A ruling for each text, in order. ValueError when a zone is unknown."""
    patient_ids = {one.patient_id for one in texts if one.patient_id is not None}
    nobodys = {one.phone_id for one in texts if one.patient_id is None}
    consents = await outbox.consents_of(connection, patient_ids, nobodys) if texts else {}
    asked = {one.patient_id for one in texts if one.purpose is Purpose.CHECK_IN and one.patient_id is not None}
    sent = await outbox.check_ins_sent(connection, asked, now - _LONGEST_DAY) if asked else {}
    rulings = []
    for one in texts:
        owned = consents.get(one.patient_id or one.phone_id, [])  # on a shared phone anybody's consent for it lets us ask who writes
        earlier = sent.get(one.patient_id, []) if one.patient_id is not None else []
        ruling = may_send(_circumstances(one, owned, earlier, now), now)
        rulings.append((one, ruling))
        if one.purpose is Purpose.CHECK_IN and one.patient_id is not None and one.check_in_id is not None and ruling.verdict == "send":
            sent.setdefault(one.patient_id, []).append((one.check_in_id, one.programme, now))
    return rulings


def validity_seconds(one: Outgoing, now: datetime) -> int | None:
    """How long the provider may try: until the text is of no use or quiet hours begin (decisions 13); None for its default."""
    ends = [one.useful_until] if one.useful_until is not None else []
    if one.purpose not in AT_ANY_HOUR and not _answers_recent_reply(one, now) and one.quiet_start != one.quiet_end:
        # The waking hours end where the quiet ones begin.
        ends.append(quiet_ends(now, one.zone, one.quiet_end, one.quiet_start))
    left = [int((end - now).total_seconds()) for end in ends]
    return max(1, min(left)) if left else None


def _circumstances(
    one: Outgoing, owned: Sequence[tuple[Consent, int]], earlier: Sequence[tuple[UUID, str, datetime]], now: datetime
) -> Circumstances:
    covering = [(consent, per_day) for consent, per_day in owned if consent.covers(one.phone_id, one.channel, one.programme, now)]
    narrow = bool(covering) and all(consent.programme for consent, _ in covering)
    day_began = to_utc(to_local(now, one.zone).date(), _MIDNIGHT, one.zone)
    others = {
        check_in_id
        for check_in_id, programme, at in earlier
        if at >= day_began and check_in_id != one.check_in_id and (not narrow or programme == one.programme)
    }
    quiet_until = quiet_ends(now, one.zone, one.quiet_start, one.quiet_end)
    return Circumstances(
        purpose=one.purpose,
        phone_id=one.phone_id,
        channel=one.channel,
        programme=one.programme,
        created_at=one.created_at,
        useful_until=one.useful_until,
        consents=[consent for consent, _ in owned],
        unsafe_to_contact=one.unsafe_since is not None,
        opted_out_at=one.opted_out_at,
        patient_stopped=one.patient_status not in (None, PatientStatus.ACTIVE, PatientStatus.PAUSED),
        paused=one.patient_status == PatientStatus.PAUSED,
        quiet_until=quiet_until if quiet_until > now else None,
        sent_in_last_day=len(others),
        agreed_per_day=max((per_day for _, per_day in covering), default=1),
        answers_recent_reply=_answers_recent_reply(one, now),
    )


def _answers_recent_reply(one: Outgoing, now: datetime) -> bool:
    return one.answers_text_of is not None and now - one.answers_text_of <= RECENT_REPLY


_MIDNIGHT = datetime.min.time()
