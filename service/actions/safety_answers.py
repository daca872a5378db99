"""Where a safety text and the answer to it stand on an item; what they say is content (`flows/shared/follow_through.yaml`)."""

from __future__ import annotations

from datetime import datetime

from service.domain.patient import OpenItem
from service.engine.follow_through import FollowThrough


def asked_for_safety(after: FollowThrough, item: OpenItem | None, at: datetime) -> bool:
    """Whether a bare 1, 2 or 3 at this time answers a safety text of this item: only some of them ask for one."""
    return item is not None and _told_lately(after, item, at) and any(after.asks(key) for key in item.safety_texts)


def owes_safety_answer(after: FollowThrough, item: OpenItem | None, at: datetime) -> bool:
    """As `asked_for_safety`, while none has come."""
    return owes_an_answer(item) and asked_for_safety(after, item, at)


def owes_an_answer(item: OpenItem | None) -> bool:
    """Whether the last safety text of this item has had no answer, whatever it asked and however long ago that was."""
    if item is None or item.safety_text_at is None:
        return False
    return item.safety_answer_at is None or item.safety_answer_at < item.safety_text_at


def may_say_again(after: FollowThrough, item: OpenItem, key: str, at: datetime) -> bool:
    """One safety text an incident (decisions 6): the same one again only when no answer to the last counts any more."""
    return key not in item.safety_texts or not _told_lately(after, item, at)


def _told_lately(after: FollowThrough, item: OpenItem, at: datetime) -> bool:
    return item.safety_text_at is not None and at - item.safety_text_at <= after.within
