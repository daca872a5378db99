"""The invented weeks of each patient in the programme: check-ins, conversations, readings, and the items that came of them.

The same every time (nothing is drawn by chance); all of it ends before `now`. Rows are gathered and written in bulk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from service.db.changes import Changes
from service.db.check_in import check_ins, flow_sessions
from service.db.communication import communication_statuses, communications
from service.db.escalation import concerns, escalation_events, escalations, notes
from service.db.observation import observations
from service.db.schema import new_id
from service.demo.cast import Person
from service.domain.communication import Direction, Lane, Purpose, Status
from service.domain.escalation import Disposition, Kind, Reached, State
from service.domain.reading import Channel
from service.domain.schedule import to_local, to_utc
from service.domain.texts import fill
from service.domain.urgency import Urgency
from service.engine import Flow

DAYS = 21
WEIGHED, BREATHED, SWALLOWED = timedelta(minutes=40), timedelta(minutes=43), timedelta(minutes=45)
"""How long after the first question the three answers came: late enough that yesterday's weight is not yet a day old."""
TREND = (0.0, 0.4, -0.2, 0.6, 0.2, -0.4, 0.0, 0.8, 0.2, -0.6)
"""How a weight moves from day to day around the first one (lb): a swing that means nothing."""
_PROMPTLY = timedelta(seconds=2)
ANSWERS = {"en": ("no", "yes"), "es": ("no", "sí")}
SAID = {"en": ("none, feeling fine", "yes took it"), "es": ("no, me siento bien", "sí, ya la tomé")}


@dataclass(frozen=True, slots=True)
class Kept:
    """A registered patient of the demo with the rows that history hangs on."""

    person: Person
    id: UUID
    organization_id: UUID
    team_id: UUID
    phone_id: UUID
    enrollment_id: UUID


@dataclass(slots=True)
class Diary:
    """Writes a patient's past into the changes."""

    changes: Changes
    kept: Kept
    flow: Flow
    flow_version_id: UUID
    clinic: str
    zone: str

    def day(self, at: datetime, *, weight: float | None, breathing: str, pill: str, taken: bool = True) -> list[UUID]:
        """One answered check-in that was due at `at`; the ids of the patient's replies (weight, breathing, pill).

        With `weight` None the patient said nothing: the check-in stayed silent, with one reminder.
        """
        check_in_id = self._check_in(at, "silent" if weight is None else "answered")
        session_id = self._session(at, check_in_id)
        own = {"check_in_id": check_in_id, "flow_session_id": session_id}
        self.said_to(at, self._question("weight"), Purpose.CHECK_IN, **own)
        if weight is None:
            again = f"{self._reminder()} {self._question('weight')}"
            self.said_to(at + timedelta(minutes=self.flow.silence.remind_after), again, Purpose.REMINDER, **own)
            return []
        replies = [self.heard(at + WEIGHED, f"{weight:g}", **own)]
        self.observed(at + WEIGHED, replies[0], "value", "weight", f"{weight:g}", value=weight, unit="lb", check_in_id=check_in_id)
        self.said_to(at + WEIGHED + _PROMPTLY, self._question("breathing_swelling"), Purpose.ANSWER, **own)
        replies.append(self.heard(at + BREATHED, breathing, **own))
        self.said_to(at + BREATHED + _PROMPTLY, self._question("water_pill"), Purpose.ANSWER, **own)
        replies.append(self.heard(at + SWALLOWED, pill, **own))
        name = "taken" if taken else "missed"
        self.observed(at + SWALLOWED, replies[2], "medication", name, pill, check_in_id=check_in_id)
        return replies

    def answered(self, at: datetime, talk: Sequence[tuple[str, str]]) -> list[UUID]:
        """One answered check-in that was due at `at`: questions by step, each with its reply; the ids of the replies."""
        check_in_id = self._check_in(at, "answered")
        own = {"check_in_id": check_in_id, "flow_session_id": self._session(at, check_in_id)}
        replies, asked = [], at
        for place, (step, reply) in enumerate(talk):
            self.said_to(asked, self._question(step), Purpose.ANSWER if place else Purpose.CHECK_IN, **own)
            heard_at = at + WEIGHED + timedelta(minutes=place)
            replies.append(self.heard(heard_at, reply, **own))
            asked = heard_at + _PROMPTLY
        return replies

    def heard(self, at: datetime, body: str, **own: Any) -> UUID:
        """A text of the patient; its id."""
        return self._text(at, body, Direction.IN, Purpose.REPLY, Status.RECEIVED, **own)

    def said_to(self, at: datetime, body: str, purpose: Purpose, **own: Any) -> UUID:
        """A text to the patient that was delivered; its id."""
        id = self._text(at, body, Direction.OUT, purpose, Status.DELIVERED, **own)
        for seconds, status in enumerate((Status.DUE, Status.CLAIMED, Status.ACCEPTED, Status.DELIVERED)):
            row: dict[str, Any] = {
                "id": new_id(at),
                "organization_id": self.kept.organization_id,
                "communication_id": id,
                "status": status,
                "at": at + timedelta(seconds=seconds),
                "source": "callback" if status is Status.DELIVERED else "sender",
            }
            self.changes.insert(communication_statuses, row)
        return id

    def observed(
        self,
        at: datetime,
        communication_id: UUID,
        kind: str,
        name: str,
        words: str,
        *,
        value: float | None = None,
        unit: str = "",
        check_in_id: UUID | None = None,
    ) -> None:
        """A finding in a reply, all of whose words it was read from."""
        self.changes.insert(
            observations,
            {
                "id": new_id(at),
                "organization_id": self.kept.organization_id,
                "patient_id": self.kept.id,
                "check_in_id": check_in_id,
                "communication_id": communication_id,
                "kind": kind,
                "name": name,
                "value": value,
                "unit": unit,
                "rule": "demo.history",
                "span_start": 0,
                "span_end": len(words),
                "taken_at": at,
            },
        )

    def item(self, at: datetime, urgency: Urgency, due_at: datetime, reasons: Sequence[Reason], *, reached: Reached) -> UUID:
        """An open item with its concerns, raised at `at`; its id."""
        id = new_id(at)
        self.changes.insert(
            escalations,
            {
                "id": id,
                "organization_id": self.kept.organization_id,
                "team_id": self.kept.team_id,
                "patient_id": self.kept.id,
                "kind": Kind.CLINICAL,
                "state": State.OPEN,
                "urgency_rank": urgency.rank,
                "summary": reasons[0].reason,
                "opened_at": at,
                "due_at": due_at,
                "last_patient_event_at": at,
                "reached": reached,
            },
        )
        for reason in reasons:
            row: dict[str, Any] = {
                "id": new_id(at),
                "organization_id": self.kept.organization_id,
                "escalation_id": id,
                "communication_id": reason.communication_id,
                "rule": reason.rule,
                "rule_version": self.flow.version,
                "urgency_rank": reason.urgency.rank,
                "reason": reason.reason,
                "source": reason.source,
                "spans": [list(reason.span)] if reason.span else [],
                "facts": {},
                "raised_at": at + reason.after,
            }
            self.changes.insert(concerns, row)
        self.happened(id, at, "opened", {"urgency": urgency})
        return id

    def resolved(
        self, item_id: UUID, staff_id: UUID, claimed_at: datetime, closed_at: datetime, disposition: Disposition, note: str
    ) -> None:
        """A nurse took the item, wrote a note and closed it."""
        self.changes.update(
            escalations,
            item_id,
            state=State.RESOLVED,
            claimed_by=staff_id,
            claimed_at=claimed_at,
            resolved_at=closed_at,
            resolved_by=staff_id,
            disposition=disposition,
            spoke_to="patient",
        )
        for row in self.changes.inserted[concerns].values():
            if row["escalation_id"] == item_id:
                row["answered_at"] = closed_at
        row = {
            "id": new_id(closed_at),
            "organization_id": self.kept.organization_id,
            "patient_id": self.kept.id,
            "escalation_id": item_id,
            "author_id": staff_id,
            "body": note,
            "created_at": closed_at,
        }
        self.changes.insert(notes, row)
        for at, what in ((claimed_at, "claimed"), (closed_at, "answered"), (closed_at, "note_written"), (closed_at, "resolved")):
            self.happened(item_id, at, what, {}, staff_id)

    def happened(self, item_id: UUID, at: datetime, what: str, detail: dict[str, Any], staff_id: UUID | None = None) -> None:
        """A line of the item's history."""
        row = {
            "id": new_id(at),
            "organization_id": self.kept.organization_id,
            "escalation_id": item_id,
            "staff_id": staff_id,
            "at": at,
            "what": what,
            "detail": detail,
        }
        self.changes.insert(escalation_events, row)

    def _check_in(self, at: datetime, status: str) -> UUID:
        id = new_id(at)
        self.changes.insert(
            check_ins,
            {
                "id": id,
                "organization_id": self.kept.organization_id,
                "patient_id": self.kept.id,
                "enrollment_id": self.kept.enrollment_id,
                "local_date": to_local(at, self.zone).date(),
                "slot": 0,
                "due_at": at,
                "useful_until": at + self.flow.useful,
                "status": status,
                "started_at": at,
                "ended_at": at + SWALLOWED,
            },
        )
        return id

    def _session(self, at: datetime, check_in_id: UUID) -> UUID:
        id = new_id(at)
        self.changes.insert(
            flow_sessions,
            {
                "id": id,
                "organization_id": self.kept.organization_id,
                "patient_id": self.kept.id,
                "phone_id": self.kept.phone_id,
                "enrollment_id": self.kept.enrollment_id,
                "check_in_id": check_in_id,
                "flow_version_id": self.flow_version_id,
                "state": {},
                "status": "ended",
                "started_at": at,
                "changed_at": at + SWALLOWED,
            },
        )
        return id

    def _text(self, at: datetime, body: str, direction: Direction, purpose: Purpose, status: Status, **own: Any) -> UUID:
        id = new_id(at)
        out = direction is Direction.OUT
        self.changes.insert(
            communications,
            {
                "id": id,
                "organization_id": self.kept.organization_id,
                "patient_id": self.kept.id,
                "phone_id": self.kept.phone_id,
                "direction": direction,
                "channel": Channel.SMS if self.kept.person.texts else Channel.VOICE,
                "purpose": purpose,
                "lane": Lane.ROUTINE,
                "status": status,
                "body": body,
                "language": self.kept.person.language,
                "programme": self.flow.key.partition("/")[0] if out else "",
                "created_at": at,
                "due_at": at if out else None,
                "status_at": at + timedelta(seconds=3) if out else at,
                "provider": "simulator",
                "provider_id": f"HISTORY{id.hex}",
                "attempts": int(out),
                **own,
            },
        )
        return id

    def _question(self, step: str) -> str:
        asked = self.flow.question(step)
        text = (asked.ask if self.kept.person.texts else asked.say)[self.flow.language(self.kept.person.language)].pick(True)
        return fill(text, {"clinic": self.clinic})

    def _reminder(self) -> str:
        text = self.flow.silence.remind[self.flow.language(self.kept.person.language)].pick(True)
        return fill(text, {"clinic": self.clinic})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item was raised, and the words it was read from."""

    rule: str
    urgency: Urgency
    reason: str
    source: str
    communication_id: UUID | None = None
    span: tuple[int, int] | None = None
    after: timedelta = timedelta()
    """How long after the item was opened it was added."""


def past_days(anchor: datetime, zone: str, days: int = DAYS) -> list[datetime]:
    """When the check-ins of the three weeks (or so many days) before `anchor` were due (UTC), oldest first, at its time of day."""
    local = to_local(anchor, zone)
    return [to_utc(local.date() - timedelta(days=n), local.time(), zone) for n in range(days, 0, -1)]


def usual_weight(person: Person, day: int) -> float:
    """The weight on the n-th day, in lb: the first one with a small swing."""
    return round(person.first_weight + TREND[(day + ord(person.key[0])) % len(TREND)], 1)


def usual_day(diary: Diary, day: int, at: datetime) -> list[UUID]:
    """A day on which all was well."""
    said = (SAID if day % 4 == 1 else ANSWERS)[diary.kept.person.language]
    return diary.day(at, weight=usual_weight(diary.kept.person, day), breathing=said[0], pill=said[1])
