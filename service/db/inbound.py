"""What comes in from a provider: whose it is, whether it was seen before, and the raw event, verbatim."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Integer, String, cast, func, insert, literal_column, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications, inbound_events, inbound_ids
from service.db.contexts import phone_of
from service.db.database import among, insert_missing, insert_new
from service.db.encryption import keyring_of
from service.db.organization import organizations, sender_numbers, teams
from service.db.patient import patient_phones, phones, related_persons
from service.db.schema import Json, first_id, new_id
from service.domain.communication import Direction, Purpose, Status
from service.domain.patient import Phone
from service.domain.related_person import RelatedPerson, scopes_of


async def organizations_of(connection: AsyncConnection, provider: str, recipients: set[str]) -> dict[str, UUID]:
    """The organization behind each of our own numbers; a database with one organization takes every number."""
    found = {
        row.sender: row.organization_id
        for row in (
            await connection.execute(
                select(sender_numbers.c.sender, sender_numbers.c.organization_id).where(
                    sender_numbers.c.provider == provider, among(connection, sender_numbers.c.sender, recipients)
                )
            )
        ).all()
    }
    missing = recipients - found.keys()
    if missing:
        everyone = (await connection.execute(select(organizations.c.id).limit(2))).scalars().all()
        if len(everyone) == 1:
            found.update(dict.fromkeys(missing, everyone[0]))
    return found


async def first_seen(connection: AsyncConnection, keys: Sequence[tuple[str, str, str, UUID]], now: datetime) -> set[tuple[str, str, str]]:
    """Remembers provider ids (provider, account, id, our event's id); returns those that were not known before (law 3)."""
    rows = [
        {"provider": provider, "account": account, "provider_id": provider_id, "event_id": event_id, "received_at": now}
        for provider, account, provider_id, event_id in sorted(keys, key=lambda key: key[:3])
    ]
    key = (inbound_ids.c.provider, inbound_ids.c.account, inbound_ids.c.provider_id)
    return {(row.provider, row.account, row.provider_id) for row in await insert_new(connection, inbound_ids, rows, key, key)}


def raw_event(
    id: UUID, organization_id: UUID | None, provider: str, provider_id: str, payload: Mapping[str, str], now: datetime, failure: str = ""
) -> dict[str, object]:
    """The row that keeps a provider's form verbatim (encrypted)."""
    return {
        "id": id,
        "organization_id": organization_id,
        "provider": provider,
        "provider_id": provider_id,
        "kind": "message",
        "payload": json.dumps(dict(payload)),
        "received_at": now,
        "failure": failure,
    }


async def phones_of(connection: AsyncConnection, numbers: Sequence[tuple[UUID, str]], now: datetime) -> dict[tuple[UUID, str], Phone]:
    """The phone row of each (organization, number), made when it is new; rows are locked in id order."""
    keyring = keyring_of(connection)
    index = {(org, keyring.blind_index(org, number)): (org, number) for org, number in numbers}
    rows = [
        {"id": new_id(now), "organization_id": org, "number": number, "number_index": blind, "created_at": now}
        for (org, blind), (_, number) in sorted(index.items())
    ]
    known = (
        select(phones)
        .where(
            among(connection, phones.c.organization_id, sorted({org for org, _ in index})),
            among(connection, phones.c.number_index, [blind for _, blind in index]),
        )
        .order_by(phones.c.id)
        .with_for_update(key_share=True)
    )
    found = (await connection.execute(known)).all()
    if len(found) < len(index):
        statement = insert_missing(phones, connection, phones.c.organization_id, phones.c.number_index)
        await connection.execute(statement, rows)
        found = (await connection.execute(known)).all()
    return {index[row.organization_id, row.number_index]: phone_of(row) for row in found}


@dataclass(frozen=True, slots=True)
class Owners:
    """Who a phone belongs to: patients themselves, and patients whose relative's or carer's it is."""

    patients: tuple[UUID, ...] = ()
    related: tuple[RelatedPerson, ...] = ()
    former: tuple[UUID, ...] = ()
    """Patients whose number it was, until it was said to be somebody else's."""

    @property
    def related_to(self) -> tuple[UUID, ...]:
        """The patients of `related`, each once."""
        return tuple(dict.fromkeys(one.patient_id for one in self.related))

    @property
    def candidates(self) -> tuple[UUID, ...]:
        """Whose words a text from it may be: the patients', else those of the patients whom its owner cares for."""
        return self.patients or self.related_to

    def speaker(self, patient_id: UUID) -> RelatedPerson | None:
        """The relative or carer who writes about this patient; None where it is the patient's own number."""
        return None if self.patients else next((one for one in self.related if one.patient_id == patient_id), None)


async def owners_of(connection: AsyncConnection, phone_ids: Sequence[UUID]) -> dict[UUID, Owners]:
    """Who each phone belongs to, in a stable order (as they were linked); what has ended is left out, but for `former`."""
    none = null()
    own = select(
        literal_column("0", Integer).label("related"),
        patient_phones.c.phone_id.label("phone_id"),
        patient_phones.c.patient_id.label("patient_id"),
        patient_phones.c.id.label("id"),
        patient_phones.c.ended_at.label("ended_at"),
        cast(none, String).label("relation"),
        cast(none, Json).label("scope"),
        cast(none, Date).label("expires_on"),
    ).where(among(connection, patient_phones.c.phone_id, phone_ids))
    carers = select(
        literal_column("1", Integer),
        related_persons.c.phone_id,
        related_persons.c.patient_id,
        related_persons.c.id,
        related_persons.c.ended_at,
        related_persons.c.relation,
        related_persons.c.scope,
        related_persons.c.expires_on,
    ).where(among(connection, related_persons.c.phone_id, phone_ids), related_persons.c.ended_at.is_(None))
    found: dict[UUID, Owners] = {phone_id: Owners() for phone_id in phone_ids}
    for row in sorted((await connection.execute(union_all(own, carers))).all(), key=lambda row: row.id):
        one = found[row.phone_id]
        if row.related:
            person = RelatedPerson(row.id, row.patient_id, row.relation, scopes_of(row.scope), row.expires_on)
            found[row.phone_id] = replace(one, related=(*one.related, person))
        elif row.ended_at is None:
            found[row.phone_id] = replace(one, patients=(*one.patients, row.patient_id))
        else:
            found[row.phone_id] = replace(one, former=(*one.former, row.patient_id))
    return found


async def default_team(connection: AsyncConnection, organization_id: UUID) -> UUID | None:
    """The team that gets items without a patient: the organization's first."""
    statement = select(teams.c.id).where(teams.c.organization_id == organization_id).order_by(teams.c.id).limit(1)
    return (await connection.execute(statement)).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Pending:
    """A text from a shared phone that waits for the answer to "who is this?"."""

    communication_id: UUID
    body: str
    received_at: datetime


async def waiting_for_identity(
    connection: AsyncConnection, phone_id: UUID, now: datetime, within: timedelta, choices: Sequence[str]
) -> list[Pending] | None:
    """Texts of this phone that belong to nobody yet, oldest first; None when a bare number does not say who is writing.

    It does only while "who is writing?" (with one of these lists of choices) is the last thing that went to this phone: after a
    check-in's question or a safety text the same number answers that one (safety rule 15). Nor does it when no text waits.
    """
    last = (
        await connection.execute(
            select(communications.c.patient_id, communications.c.purpose, communications.c.body)
            .where(
                communications.c.phone_id == phone_id,
                communications.c.direction == Direction.OUT,
                communications.c.status.not_in(_NEVER_SEEN),
                communications.c.created_at > now - within,
            )
            .order_by(communications.c.created_at.desc(), communications.c.id.desc())
            .limit(1)
        )
    ).first()
    if last is None or last.patient_id is not None or last.purpose != Purpose.ANSWER or not any(one in last.body for one in choices):
        return None
    statement = (
        select(communications.c.id, communications.c.body, communications.c.created_at)
        .where(
            communications.c.phone_id == phone_id,
            communications.c.patient_id.is_(None),
            communications.c.direction == Direction.IN,
            communications.c.created_at > now - within,
        )
        .order_by(communications.c.created_at, communications.c.id)
        .limit(20)
    )
    return [Pending(row.id, row.body, row.created_at) for row in (await connection.execute(statement)).all()] or None


_NEVER_SEEN = (Status.HELD, Status.CANCELLED, Status.EXPIRED, Status.FAILED, Status.UNDELIVERED)


async def own_numbers(connection: AsyncConnection, provider: str) -> list[str | None]:
    """Our own numbers at this provider that somebody may write to or call, then None where there are more that we do not know:
    those of a pool, or the provider's default."""
    statement = select(sender_numbers.c.sender).where(sender_numbers.c.provider == provider).distinct()
    found = list((await connection.scalars(statement)).all())
    numbers: list[str | None] = sorted(sender for sender in found if sender.startswith("+"))
    return numbers if numbers and len(numbers) == len(found) else [*numbers, None]


async def known_ids(connection: AsyncConnection, provider: str, account: str, provider_ids: Sequence[str]) -> set[str]:
    """Which of these provider ids have been received."""
    statement = select(inbound_ids.c.provider_id).where(
        inbound_ids.c.provider == provider, inbound_ids.c.account == account, among(connection, inbound_ids.c.provider_id, provider_ids)
    )
    return set((await connection.execute(statement)).scalars().all())


async def kept_since(connection: AsyncConnection, provider: str, kind: str, since: datetime) -> int:
    """How many raw events of this provider and kind have been kept since then."""
    of_kind = (inbound_events.c.provider == provider, inbound_events.c.kind == kind, inbound_events.c.id > first_id(since))
    return int(await connection.scalar(select(func.count()).select_from(inbound_events).where(*of_kind)) or 0)


async def unread(connection: AsyncConnection, since: datetime, limit: int) -> Sequence[Any]:
    """What could not be read since then, the newest first: id, kind, provider, received_at."""
    columns = (inbound_events.c.id, inbound_events.c.kind, inbound_events.c.provider, inbound_events.c.received_at)
    found = select(*columns).where(_UNREAD, inbound_events.c.id > first_id(since)).order_by(inbound_events.c.id.desc()).limit(limit)
    return (await connection.execute(found)).all()


async def unread_payload(connection: AsyncConnection, id: UUID) -> str | None:
    """One of them as it is kept (JSON), None where there is none with this id."""
    found = select(inbound_events.c.payload).where(_UNREAD, inbound_events.c.id == id)
    payload: str | None = (await connection.execute(found)).scalar_one_or_none()
    return payload


_UNREAD = inbound_events.c.kind.startswith("unread")


async def store_raw(connection: AsyncConnection, rows: Sequence[Mapping[str, object]]) -> None:
    """Keeps raw events."""
    if rows:
        await connection.execute(insert(inbound_events), [{"communication_id": None, **row} for row in rows])
