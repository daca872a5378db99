"""Judges texts and calls alike before they leave (law 4): facts for a whole batch in few statements, then one pure ruling each.

Sending, calling and the page of next contacts all come here, so that the page says what will happen and not what somebody thinks of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import contact
from service.db.contact import Place, Prompt
from service.domain.communication import Purpose
from service.domain.consent import Agreed, Consent, agreed_for, agreed_in_all
from service.domain.contact_hours import ContactHours, Wish, state_of
from service.domain.contact_law import ContactLaw
from service.domain.patient import PatientContext, PatientStatus
from service.domain.reading import Channel
from service.domain.schedule import to_local, to_utc
from service.domain.sending import SCHEDULED, Cap, Circumstances, Ruling, Verdict, may_send

RECENT_REPLY = timedelta(minutes=60)
"""An answer to the patient's own message of this age is not held by quiet hours (decisions 11)."""
WEEK = timedelta(days=7)
_LONGEST_WEEK = timedelta(days=8, hours=2)
_NOBODY = Place(None, Wish())


@dataclass(frozen=True, slots=True)
class Contact:
    """A text or a call about to leave, as far as the ruling asks. `patient_id` None: an unknown or a shared phone."""

    organization_id: UUID
    patient_id: UUID | None
    phone_id: UUID
    purpose: Purpose
    channel: Channel
    programme: str
    created_at: datetime
    useful_until: datetime | None
    zone: str
    quiet_start: time
    quiet_end: time
    unsafe: bool
    opted_out_at: datetime | None
    patient_status: str | None
    key: UUID | None = None
    """Of a scheduled prompt: its check-in, which counts once whatever leaves for it."""
    answers_text_of: datetime | None = None
    """When the patient's own message that this answers came in."""


def to_first_phone(context: PatientContext, purpose: Purpose, now: datetime) -> Contact:
    """A text to the patient's first number, of no programme. Only for a patient who has one."""
    phone, organization = context.phones[0], context.organization
    return Contact(
        organization_id=organization.id,
        patient_id=context.id,
        phone_id=phone.id,
        purpose=purpose,
        channel=Channel.SMS,
        programme="",
        created_at=now,
        useful_until=None,
        zone=context.zone,
        quiet_start=organization.quiet_start,
        quiet_end=organization.quiet_end,
        unsafe=phone.unsafe_since is not None,
        opted_out_at=phone.opted_out_at,
        patient_status=context.status,
    )


@dataclass(slots=True)
class Judge:
    """What is known about the patients of some contacts, and the ruling on each of them. Made by `load`."""

    law: ContactLaw
    consents: dict[UUID, list[Consent]] = field(default_factory=dict)
    places: dict[UUID, Place] = field(default_factory=dict)
    holidays: dict[UUID, frozenset[date]] = field(default_factory=dict)
    prompts: dict[UUID, list[Prompt]] = field(default_factory=dict)
    related: set[tuple[UUID, UUID]] = field(default_factory=set)

    @classmethod
    async def load(cls, connection: AsyncConnection, law: ContactLaw, contacts: Sequence[Contact], now: datetime) -> Judge:
        """Reads it, in one statement a subject for all contacts."""
        judge = cls(law)
        if not contacts:
            return judge
        patients = {one.patient_id for one in contacts if one.patient_id is not None}
        nobodys = {one.phone_id for one in contacts if one.patient_id is None}
        judge.consents = await contact.consents_of(connection, patients, nobodys)
        judge.places = await contact.places_of(connection, patients)
        judge.holidays = await contact.holidays_of(connection, {one.organization_id for one in contacts}, now)
        asked = {one.patient_id for one in contacts if one.purpose is Purpose.CHECK_IN and one.patient_id is not None}
        if asked:
            judge.prompts = await contact.prompts_since(connection, asked, now - _LONGEST_WEEK)
        private = {one.patient_id for one in contacts if one.programme in law.confidential and one.patient_id is not None}
        if private:
            judge.related = await contact.phones_of_related(connection, private)
        return judge

    def ruling(self, one: Contact, now: datetime) -> Ruling:
        """Whether it may leave at this instant. A prompt that may counts for those judged after it. ValueError when a zone is unknown."""
        ruling = may_send(self._circumstances(one, now), now)
        if one.purpose is Purpose.CHECK_IN and one.patient_id is not None and one.key is not None and ruling.verdict is Verdict.SEND:
            self.prompts.setdefault(one.patient_id, []).append(Prompt(one.key, one.programme, now))
        return ruling

    def hours(self, one: Contact) -> ContactHours:
        """Every rule on the hours of whom it goes to; the organization's alone where nobody knows who that is."""
        place = self.places.get(one.patient_id, _NOBODY) if one.patient_id is not None else _NOBODY
        state = state_of(self.law.states, place.state)
        free = self.holidays.get(one.organization_id, frozenset())
        return ContactHours(one.zone, one.quiet_start, one.quiet_end, state, place.wish, free)

    def caps(self, one: Contact, now: datetime) -> list[Cap]:
        """What a scheduled prompt is measured against now: its programme's and all programmes' agreed numbers, by day and by week.

        A day is the patient's own; a week is this day and the six before it.
        """
        if one.patient_id is None:
            return []
        owned = self.consents.get(one.patient_id, [])
        day = to_local(now, one.zone).date()
        day_began, week_began = (to_utc(first, time(), one.zone) for first in (day, day - WEEK + timedelta(days=1)))
        others = [prompt for prompt in self.prompts.get(one.patient_id, []) if prompt.key != one.key and prompt.at <= now]
        mine = [prompt for prompt in others if prompt.programme == one.programme]
        found: list[Cap] = []
        for agreed, sent in ((agreed_for(owned, one.programme, now) or Agreed(), mine), (agreed_in_all(owned, now), others)):
            found.append(Cap("agreed_frequency_reached", agreed.per_day, len({p.key for p in sent if p.at >= day_began})))
            found.append(Cap("agreed_week_reached", agreed.per_week, len({p.key for p in sent if p.at >= week_began})))
        return found

    def _circumstances(self, one: Contact, now: datetime) -> Circumstances:
        # On a shared phone anybody's consent for it lets us ask who writes.
        owned = self.consents.get(one.patient_id or one.phone_id, [])
        private = one.programme in self.law.confidential
        return Circumstances(
            purpose=one.purpose,
            phone_id=one.phone_id,
            channel=one.channel,
            programme=one.programme,
            created_at=one.created_at,
            useful_until=one.useful_until,
            consents=owned,
            unsafe_to_contact=one.unsafe,
            opted_out_at=one.opted_out_at,
            patient_stopped=one.patient_status not in (None, PatientStatus.ACTIVE, PatientStatus.PAUSED),
            paused=one.patient_status == PatientStatus.PAUSED,
            closed=self.hours(one).closed(now, scheduled=one.purpose in SCHEDULED),
            caps=self.caps(one, now) if one.purpose is Purpose.CHECK_IN else (),
            answers_recent_reply=answers_recent_reply(one, now),
            own_consent=private or one.programme in self.law.own_consent,
            by_the_patient=private,
            parents_phone=private and (one.patient_id, one.phone_id) in self.related,
        )


def answers_recent_reply(one: Contact, now: datetime) -> bool:
    """Whether it answers a message that the patient has written just now."""
    return one.answers_text_of is not None and now - one.answers_text_of <= RECENT_REPLY
