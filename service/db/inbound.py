"""What comes in from a provider: whose it is, whether it was seen before, and the raw event, verbatim."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, Table, insert, literal_column, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications, inbound_events, inbound_ids
from service.db.contexts import phone_of
from service.db.database import among, insert_missing, insert_new
from service.db.encryption import keyring_of
from service.db.organization import organizations, sender_numbers, teams
from service.db.patient import patient_phones, phones, related_persons
from service.db.schema import new_id
from service.domain.communication import Direction, Purpose, Status
from service.domain.patient import Phone


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
    """Who a phone belongs to: patients themselves, and patients whose related person it is."""

    patients: tuple[UUID, ...] = ()
    related_to: tuple[UUID, ...] = ()


async def owners_of(connection: AsyncConnection, phone_ids: Sequence[UUID]) -> dict[UUID, Owners]:
    """Who each phone belongs to, in a stable order (as they were linked)."""

    def part(table: Table, related: int) -> Select[Any]:
        return select(
            literal_column(str(related), Integer).label("related"),
            table.c.phone_id.label("phone_id"),
            table.c.patient_id.label("patient_id"),
            table.c.id.label("id"),
        ).where(among(connection, table.c.phone_id, phone_ids))

    found: tuple[dict[UUID, list[UUID]], ...] = defaultdict(list), defaultdict(list)
    rows = (await connection.execute(union_all(part(patient_phones, 0), part(related_persons, 1)))).all()
    for row in sorted(rows, key=lambda row: row.id):
        found[row.related][row.phone_id].append(row.patient_id)
    own, related = found
    return {phone_id: Owners(tuple(own[phone_id]), tuple(related[phone_id])) for phone_id in phone_ids}


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


async def waiting_for_identity(connection: AsyncConnection, phone_id: UUID, now: datetime, within: timedelta) -> list[Pending] | None:
    """Texts of this phone that belong to nobody yet, oldest first; None when a bare number does not say who is writing.

    It does only while "who is writing?" is the last thing that went to this phone: after a check-in's question or a safety
    text the same number answers that one (safety rule 15). Nor does it when no text waits.
    """
    last = (
        await connection.execute(
            select(communications.c.patient_id, communications.c.purpose)
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
    if last is None or last.patient_id is not None or last.purpose != Purpose.ANSWER:
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


async def known_ids(connection: AsyncConnection, provider: str, account: str, provider_ids: Sequence[str]) -> set[str]:
    """Which of these provider ids have been received."""
    statement = select(inbound_ids.c.provider_id).where(
        inbound_ids.c.provider == provider, inbound_ids.c.account == account, among(connection, inbound_ids.c.provider_id, provider_ids)
    )
    return set((await connection.execute(statement)).scalars().all())


async def store_raw(connection: AsyncConnection, rows: Sequence[Mapping[str, object]]) -> None:
    """Keeps raw events."""
    if rows:
        await connection.execute(insert(inbound_events), [{"communication_id": None, **row} for row in rows])
