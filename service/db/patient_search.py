"""Finding a patient by a name, a birth date or the last digits of a number, though none of them stands readable in the database.

Each part of a name is kept as keyed hashes of its first two to six letters (without accents), so that "alv" finds Alvarez; a birth date
and the last four digits of a telephone number are one hash each. A job takes in whoever is new or has a new name: no other code has to
think of it, save that it sets `searched_at` to None when it changes a name or a birth date.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ForeignKey,
    LargeBinary,
    Select,
    Table,
    Uuid,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.database import insert_missing
from service.db.encryption import Keyring, forgiving, keyring_of
from service.db.patient import patient_phones, patients, phones
from service.db.schema import metadata

SHORTEST, LONGEST = 2, 6
"""Letters of a name's beginning that are hashed; what is typed beyond them narrows no further."""
TAIL = 4
MOST_PARTS = 6
MOST_WORDS = 4
TOKEN_BYTES = 12

patient_search = Table(
    "patient_search",
    metadata,
    Column("organization_id", Uuid(), ForeignKey("organizations.id"), primary_key=True),
    Column("token", LargeBinary(TOKEN_BYTES), primary_key=True),
    Column("patient_id", Uuid(), ForeignKey("patients.id"), primary_key=True, index=True),
)


def tokens_of(keyring: Keyring, organization_id: UUID, typed: str) -> list[bytes]:
    """What somebody typed as tokens, all of which a patient must have; [] when nothing in it can be searched for.

    "maria alv", "03/01/1950" or "1950-03-01", "0103" or a whole number: at most four words, and of digits the last four.
    """
    words = typed.strip()[:80]
    if (day := _day(words)) is not None:
        return [_token(keyring, organization_id, f"born:{day.isoformat()}")]
    if (digits := re.sub(r"[\s()+.-]", "", words)).isdecimal() and len(digits) >= TAIL:
        return [_token(keyring, organization_id, f"tail:{digits[-TAIL:]}")]
    parts = [part for part in _parts(words) if len(part) >= SHORTEST][:MOST_WORDS]
    return [_token(keyring, organization_id, f"name:{part[:LONGEST]}") for part in parts]


def holding(organization_id: UUID, tokens: Sequence[bytes]) -> Select[Any]:
    """The ids of patients who have all of these tokens, by name and birth date or by number; for use in a condition."""
    wanted = select(patients.c.id).where(patients.c.organization_id == organization_id)
    for token in tokens:
        named = select(patient_search.c.patient_id).where(
            patient_search.c.organization_id == organization_id, patient_search.c.token == token
        )
        numbered = (
            select(patient_phones.c.patient_id)
            .join(phones, phones.c.id == patient_phones.c.phone_id)
            .where(phones.c.tail_index == token, patient_phones.c.ended_at.is_(None))
        )
        wanted = wanted.where(or_(patients.c.id.in_(named), patients.c.id.in_(numbered)))
    return wanted


async def take_in(connection: AsyncConnection, now: datetime, limit: int) -> int:
    """Writes the tokens of patients and numbers that have none yet; of how many.

    No patient is locked but in the last statement: a round that plans check-ins passes over whoever is locked, and comes back a minute
    later. Whose name or birth date has changed meanwhile stays for the next round.
    """
    ring = keyring_of(connection)
    kept = [func.coalesce(type_coerce(column, LargeBinary()), b"") for column in (patients.c.name, patients.c.birth_date)]
    new = select(
        patients.c.id,
        patients.c.organization_id,
        forgiving(patients.c.name),
        forgiving(patients.c.birth_date),
        kept[0].label("name_kept"),
        kept[1].label("birth_kept"),
    ).where(patients.c.searched_at.is_(None))
    people = (await connection.execute(new.order_by(patients.c.created_at).limit(limit))).all()
    if people:
        await connection.execute(delete(patient_search).where(patient_search.c.patient_id.in_([one.id for one in people])))
        rows = [
            {"organization_id": one.organization_id, "token": token, "patient_id": one.id}
            for one in people
            for token in sorted(_of_patient(ring, one.organization_id, one.name or "", one.birth_date or ""))
        ]
        if rows:
            await connection.execute(insert_missing(patient_search, connection), rows)
    bare = select(phones.c.id, phones.c.organization_id, forgiving(phones.c.number)).where(phones.c.tail_index.is_(None))
    numbers = (await connection.execute(bare.order_by(phones.c.created_at).limit(limit))).all()
    if numbers:
        await connection.execute(
            update(phones).where(phones.c.id == bindparam("row_id")).values(tail_index=bindparam("tail")),
            [{"row_id": one.id, "tail": _token(ring, one.organization_id, f"tail:{(one.number or '')[-TAIL:]}")} for one in numbers],
        )
    if people:
        unchanged = tuple_(patients.c.id, *kept).in_([(one.id, one.name_kept, one.birth_kept) for one in people])
        await connection.execute(update(patients).where(unchanged).values(searched_at=now))
    return len(people) + len(numbers)


def _of_patient(ring: Keyring, organization_id: UUID, name: str, birth_date: str) -> set[bytes]:
    beginnings = {part[:n] for part in _parts(name)[:MOST_PARTS] for n in range(SHORTEST, LONGEST + 1)}
    wanted = [f"name:{text}" for text in beginnings if text]
    if _day(birth_date) is not None:
        wanted.append(f"born:{birth_date}")
    return {_token(ring, organization_id, text) for text in wanted}


def _parts(words: str) -> list[str]:
    """The parts of a name in small letters without accents: "José-Luis O'Hara" is jose, luis, ohara."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", words) if not unicodedata.combining(one)).casefold()
    return re.findall(r"\w+", plain.replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", ""))


def _day(words: str) -> date | None:
    """An ISO date or one as Americans write it (month first), None for anything else."""
    if found := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", words):
        year, month, day = map(int, found.groups())
    elif found := re.fullmatch(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})", words):
        month, day, year = map(int, found.groups())
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _token(ring: Keyring, organization_id: UUID, text: str) -> bytes:
    return ring.blind_index(organization_id, text)[:TOKEN_BYTES]
