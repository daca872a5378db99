"""Takes in what providers bring: patients' texts, and what came in at the synthetic patient's own telephone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from service.actions.knowledge import Knowledge
from service.actions.receive_reply import receive_replies
from service.clock import Clock
from service.db import synthetic
from service.db.database import Database
from service.domain.synthetic import DRILL_NUMBER, Station
from service.telephony.port import InboundMessage

_PAGE = "/items/"
"""Stands in every page, and in no text to a patient."""


async def receive_texts(
    database: Database, knowledge: Knowledge, clock: Clock, own_phones: Collection[str], messages: Sequence[InboundMessage]
) -> Sequence[object]:
    """One entry a message, in order, after the commit. `own_phones`: numbers at which Rounds itself listens; what comes in there was
    written by Rounds, is noted on the walk under way and stored nowhere."""
    ours = [message for message in messages if message.recipient in own_phones]
    if not ours:
        return await receive_replies(database, knowledge, clock, messages)
    for message in ours:
        if message.recipient == DRILL_NUMBER:  # a drill looks at what was delivered
            continue
        await note_arrival(database, clock, message)
    others = [message for message in messages if message.recipient not in own_phones]
    received = iter(await receive_replies(database, knowledge, clock, others) if others else [])
    return [None if message.recipient in own_phones else next(received) for message in messages]


async def note_arrival(database: Database, clock: Clock, message: InboundMessage) -> None:
    """Marks the station on the walk under way, if there is one: the first text, a page, or the safety text after the answer."""
    async with database.transaction() as connection:
        walk = next(iter(await synthetic.newest(connection)), None)
        if walk is None or walk.ended_at is not None:
            return
        if _PAGE in message.body:
            await synthetic.arrived(connection, Station.PAGE_ARRIVED, clock.now())
        elif Station.REPLIED in walk.reached:
            await synthetic.arrived(connection, Station.ANSWERED, clock.now())
        else:
            from_whom = {"provider": message.provider, "reply_to": message.sender[:64]}
            await synthetic.arrived(connection, Station.ARRIVED, clock.now(), **from_whom)
