"""Judges due texts at the moment of sending, and says how long the provider may try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.judge_contacts import Contact, Judge, answers_recent_reply
from service.db.outbox import Outgoing
from service.domain.contact_law import ContactLaw
from service.domain.sending import AT_ANY_HOUR, SCHEDULED, Ruling


async def judge_texts(
    connection: AsyncConnection, law: ContactLaw, texts: Sequence[Outgoing], now: datetime
) -> list[tuple[Outgoing, Ruling, int | None]]:
    """For each text, in order, its ruling and for how many seconds the provider may try (None: its default).

    ValueError when a zone is unknown.
    """
    contacts = [contact_of(one) for one in texts]
    judge = await Judge.load(connection, law, contacts, now)
    return [(text, judge.ruling(one, now), _validity_seconds(judge, one, now)) for text, one in zip(texts, contacts, strict=True)]


def contact_of(one: Outgoing) -> Contact:
    """A text as the ruling sees it."""
    return Contact(
        organization_id=one.organization_id,
        patient_id=one.patient_id,
        phone_id=one.phone_id,
        purpose=one.purpose,
        channel=one.channel,
        programme=one.programme,
        created_at=one.created_at,
        useful_until=one.useful_until,
        zone=one.zone,
        quiet_start=one.quiet_start,
        quiet_end=one.quiet_end,
        unsafe=one.unsafe_since is not None,
        opted_out_at=one.opted_out_at,
        patient_status=one.patient_status,
        key=one.check_in_id,
        answers_text_of=one.answers_text_of,
    )


def _validity_seconds(judge: Judge, one: Contact, now: datetime) -> int | None:
    """Until the text is of no use or the hours close in which it may arrive (decisions 13)."""
    ends = [one.useful_until] if one.useful_until is not None else []
    if one.purpose not in AT_ANY_HOUR and not answers_recent_reply(one, now):
        closes = judge.hours(one).closes(now, scheduled=one.purpose in SCHEDULED)
        if closes is not None:
            ends.append(closes)
    left = [int((end - now).total_seconds()) for end in ends]
    return max(1, min(left)) if left else None
