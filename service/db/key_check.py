"""Do the keys fit the database? Asked at every start: a wrong one would make every patient a stranger, or unreadable."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db.communication import communications
from service.db.encryption import KeyringError, keyring_of
from service.db.patient import phones

WRONG_INDEX = "BLIND_INDEX_KEY is not the key that this database was filled with, so that no sender would be recognised: set it back"


async def check_keys(connection: AsyncConnection) -> None:
    """Reads the oldest and the newest number and text, and looks the numbers up. KeyringError says which key is missing.

    A sample: a key between the oldest and the newest one that was left out is found only when its rows are read.
    """
    ring = keyring_of(connection)
    for newest in (False, True):
        order = phones.c.id.desc() if newest else phones.c.id
        wanted = select(phones.c.organization_id, phones.c.number, phones.c.number_index).order_by(order).limit(1)
        for row in await connection.execute(wanted):
            if ring.blind_index(row.organization_id, row.number) != bytes(row.number_index):
                raise KeyringError(WRONG_INDEX)
        text_order = communications.c.id.desc() if newest else communications.c.id
        (await connection.execute(select(communications.c.body).order_by(text_order).limit(1))).all()
