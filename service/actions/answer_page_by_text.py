"""A nurse answers the text that paged her: ACK or 1 from her own number takes note of the item, as the key does in a call.

A step inside receive_reply's transaction. Numbers can be forged, so that it does as little as can be: it stops the paging of the one
item that this number was paged for, for as long as an acknowledgement holds (decisions 16); it claims and closes nothing. A number
that is, or was, a patient's or a relative's acknowledges nothing, whoever else has it: their "1" is an answer of their own.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.note_acknowledged import note_acknowledged
from service.db import items, page_texts, pages
from service.db.changes import Changes

WITHIN = timedelta(minutes=30)
"""How long a page can be answered by text: twice as long as an acknowledgement holds (own choice)."""
_ANSWER = re.compile(r"\s*(ack|1)\s*[.!]?\s*", re.IGNORECASE)


def may_answer_page(body: str) -> bool:
    """Whether these words can be an answer to a page: nothing but ACK or 1."""
    return _ANSWER.fullmatch(body) is not None


async def answer_page_by_text(connection: AsyncConnection, organization_id: UUID, number: str, now: datetime) -> bool:
    """True when the text was an answer to a page, and is nobody's words to a nurse; the caller has made sure whose number it is not.

    Where the text does not say which page it answers none is acknowledged: each item that waits notes that it was tried, and the paging
    goes on. So it is with several items waiting, and with one whose own page may never have left while another page has: her words may
    be about that one, and she may know nothing of the item that waits. An answer that comes when somebody has taken note already is an
    answer to a page all the same.
    """
    paged = await page_texts.paged_by_text(connection, organization_id, number, now - WITHIN)
    if paged is None:
        return False
    await pages.lock_items(connection, paged.waiting)
    if paged.clear:
        await note_acknowledged(connection, paged.member, paged.waiting[0], now, how="text")
        return True
    changes = Changes(now)
    detail: dict[str, object] = {"staff_id": str(paged.member.id), "waiting": len(paged.waiting)}
    for item_id in paged.waiting:
        items.add_event(changes, organization_id, item_id, "ack_unclear", detail)
    await changes.write(connection)
    return True
