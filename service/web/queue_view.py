"""What a queue page shows, read from its address and put in words: filters, storms folded into one line, times to put off to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from service.actions.view_queue import Asked
from service.db.patient_search import MOST_WORDS, TOKEN_BYTES
from service.db.queue import Filters, QueueRow, Tab
from service.domain.escalation import Kind
from service.domain.schedule import to_local, to_utc
from service.domain.urgency import Urgency
from service.web.language import later

TABS = later(
    {
        Tab.MINE: "Mine",
        Tab.UNCLAIMED: "Unclaimed",
        Tab.TEAM: "Team",
        Tab.SNOOZED: "Snoozed",
        Tab.DONE: "Done today",
    }
)
EMPTY = later(
    {
        Tab.UNCLAIMED: "Nobody is waiting. New items appear here by themselves.",
        Tab.MINE: "You hold no item. Claim one from Unclaimed, the first in the list first.",
        Tab.TEAM: "Nothing is open in your team.",
        Tab.SNOOZED: "Nothing is snoozed.",
        Tab.DONE: "Nothing was closed today.",
    }
)
WAITING = later({15: "15 minutes", 60: "1 hour", 240: "4 hours", 1440: "1 day"})
SNOOZE = later(
    {
        "15": "15 minutes",
        "60": "1 hour",
        "240": "4 hours",
        "1440": "1 day",
        "4320": "3 days",
        "10080": "7 days",
        "longest": "As long as it may wait",
    }
)
REASONS = later(
    ("The patient asked to be called later", "Waiting for a call back", "Waiting for the prescriber", "Nobody answers: next attempt later")
)
STORM = 5
"""So many items of one reason and class that nobody has said a word about, on one page, are shown as one line."""
MOST_MINUTES = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: a row, or a storm of several with the same reason."""

    rows: tuple[QueueRow, ...]

    @property
    def storm(self) -> bool:
        """True for several rows in one line."""
        return len(self.rows) > 1


def read_asked(query: Mapping[str, str], zone: str, now: datetime) -> Asked:
    """What an address asks for. ValueError for a value that is none."""
    filters = Filters(
        urgency=Urgency(query["urgency"]) if query.get("urgency") else None,
        programme=query.get("programme", "").replace("\0", "")[:64],
        kind=Kind(query["kind"]) if query.get("kind") else None,
        waiting=timedelta(minutes=_minutes(query["waiting"])) if query.get("waiting") else None,
        holder=UUID(query["holder"]) if query.get("holder") else None,
        who=tuple(_token(one) for one in query["who"].split(".")[:MOST_WORDS]) if query.get("who") else (),
    )
    midnight = to_utc(to_local(now, zone).date(), time(), zone)
    return Asked(Tab(query.get("tab", Tab.UNCLAIMED)), filters, query.get("after", ""), midnight)


def address(asked: Asked, *, tab: Tab | None = None, after: str = "", narrowed: bool = True) -> str:
    """The address of this part of the queue; another tab or page of it keeps the filters (not with `narrowed=False`)."""
    filters = asked.filters
    words = {"tab": str(tab or asked.tab)}
    if narrowed:
        words |= {
            "urgency": str(filters.urgency or ""),
            "programme": filters.programme,
            "kind": str(filters.kind or ""),
            "waiting": str(int(filters.waiting.total_seconds() // 60)) if filters.waiting else "",
            "holder": str(filters.holder or ""),
            "who": ".".join(token.hex() for token in filters.who),
        }
    words["after"] = after
    return "/queue?" + urlencode({name: value for name, value in words.items() if value})


def folded(rows: Sequence[QueueRow]) -> list[Line]:
    """The rows in order, with storms folded where their first row stands: the same reason, raised by the machine and not by anybody's
    words, at most same-day. What is more urgent always stands alone.
    """
    reasons = Counter(_reason(row) for row in rows)
    lines: list[Line] = []
    shown: set[tuple[str, str, str]] = set()
    for row in rows:
        reason = _reason(row)
        if not _foldable(row) or reasons[reason] < STORM:
            lines.append(Line((row,)))
        elif reason not in shown:
            shown.add(reason)
            lines.append(Line(tuple(one for one in rows if _reason(one) == reason)))
    return lines


def _reason(row: QueueRow) -> tuple[str, str, str]:
    return row.item.urgency, row.rule, row.item.summary


def _foldable(row: QueueRow) -> bool:
    calm = row.item.urgency in (Urgency.SAME_DAY, Urgency.ROUTINE) and row.worry is None
    return calm and bool(row.rule) and not row.words and row.concerns == 1 and not row.item.do_not_contact


def snooze_until(choice: str, now: datetime) -> datetime | None:
    """The time that was chosen to put off to; None: as long as the item may wait. ValueError for what is no choice."""
    return None if choice == "longest" else now + timedelta(minutes=_minutes(choice))


def _minutes(text: str) -> int:
    minutes = int(text)
    if not 1 <= minutes <= MOST_MINUTES:
        raise ValueError(f"1 to {MOST_MINUTES} minutes")
    return minutes


def _token(text: str) -> bytes:
    token = bytes.fromhex(text)
    if len(token) != TOKEN_BYTES:
        raise ValueError("no token of the search")
    return token
