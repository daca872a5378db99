"""A conversation between two steps: a frozen value that is plain JSON when it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.domain.reading import Assertion, Finding, FindingKind, Quantity
from service.domain.urgency import Urgency

MAX_KEPT = 120
"""Findings kept in a session; the oldest go first (all of them are in the patient's record)."""
UNKNOWN = ".unknown"
"""Ends the name of the item that says what could not be judged."""


class Status(StrEnum):
    """Where a session stands: it waits for the patient, or it is over."""

    WAITING = "waiting"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a session ended; what SessionEnded says."""

    COMPLETED = "completed"
    SILENT = "silent"
    RED_FLAG = "red_flag"
    STOPPED = "stopped"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Kept:
    """A finding of this session and the step it answers."""

    step: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Session:
    """One run of one flow version with one patient, between two events."""

    flow: str
    version: str
    language: str
    started_at: datetime
    """What was told from here on are the session's findings; what was told before is history."""
    status: Status = Status.WAITING
    outcome: str = ""
    step: str = ""
    """The step whose question is open, or that waits for a re-check; "" when ended."""
    asked_at: datetime | None = None
    wait_until: datetime | None = None
    reminders: int = 0
    tries: int = 0
    """Replies to the open question that did not answer it."""
    confirming: bool = False
    """True while the open question asks to confirm a value that is already recorded."""
    done: tuple[str, ...] = ()
    """Steps that were answered."""
    given_up: tuple[str, ...] = ()
    """Steps that a nurse looks at because the answer was not understood."""
    kept: tuple[Kept, ...] = ()
    fired: tuple[str, ...] = ()
    """Red flags and hand-overs, so that none fires twice."""
    urgency: str = ""
    """The highest urgency of the session so far, "" for none."""
    quickened: bool = False
    """True once more frequent check-ins were asked for."""
    left_open: str = ""
    """The question that was open when nobody answered any more, and since when: a late answer is matched to it."""
    left_at: datetime | None = None
    turns: int = 0

    def findings(self, step: str | None = None) -> tuple[Finding, ...]:
        """What the patient has reported in this session, to one step or to all, oldest first."""
        return tuple(kept.finding for kept in self.kept if step is None or kept.step == step)

    @property
    def dangers(self) -> tuple[str, ...]:
        """What this check-in has raised but for what could not be judged: that there was nothing to compare with is no danger."""
        return tuple(name for name in self.fired if not name.endswith(UNKNOWN))

    @property
    def raised(self) -> bool:
        """True when this check-in has raised something, or a reply in it was the same day's concern, or more, of the general red flags."""
        return bool(self.dangers) or (self.urgency != "" and Urgency(self.urgency).rank < Urgency.ROUTINE.rank)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal session."""
        return {
            "flow": self.flow,
            "version": self.version,
            "language": self.language,
            "started_at": self.started_at.isoformat(),
            "status": self.status.value,
            "outcome": self.outcome,
            "step": self.step,
            "asked_at": _instant_out(self.asked_at),
            "wait_until": _instant_out(self.wait_until),
            "reminders": self.reminders,
            "tries": self.tries,
            "confirming": self.confirming,
            "done": list(self.done),
            "given_up": list(self.given_up),
            "kept": [{"step": kept.step, **finding_to_json(kept.finding)} for kept in self.kept],
            "fired": list(self.fired),
            "urgency": self.urgency,
            "quickened": self.quickened,
            "left_open": self.left_open,
            "left_at": _instant_out(self.left_at),
            "turns": self.turns,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Session:
        """The session that `to_json` wrote. KeyError or ValueError when it is something else."""
        return cls(
            flow=data["flow"],
            version=data["version"],
            language=data["language"],
            started_at=datetime.fromisoformat(data["started_at"]),
            status=Status(data["status"]),
            outcome=data["outcome"],
            step=data["step"],
            asked_at=_instant_in(data["asked_at"]),
            wait_until=_instant_in(data["wait_until"]),
            reminders=data["reminders"],
            tries=data["tries"],
            confirming=data["confirming"],
            done=tuple(data["done"]),
            given_up=tuple(data["given_up"]),
            kept=tuple(Kept(each["step"], finding_from_json(each)) for each in data["kept"]),
            fired=tuple(data["fired"]),
            urgency=data["urgency"],
            quickened=data["quickened"],
            left_open=data["left_open"],
            left_at=_instant_in(data["left_at"]),
            turns=data["turns"],
        )


_KINDS = {kind.value: kind for kind in FindingKind}
_ASSERTIONS = {assertion.value: assertion for assertion in Assertion}


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """A finding as plain JSON values."""
    quantity = finding.quantity
    return {
        "kind": finding.kind.value,
        "name": finding.name,
        "rule": finding.rule,
        "span": list(finding.span),
        "assertion": finding.assertion.value,
        "quantity": None if quantity is None else [quantity.value, quantity.unit, quantity.value_2, quantity.stated_unit],
        "qualifiers": list(finding.qualifiers),
    }


def finding_from_json(data: Mapping[str, Any]) -> Finding:
    """The finding that `finding_to_json` wrote."""
    quantity = data["quantity"]
    start, end = data["span"]
    return Finding(
        kind=_KINDS[data["kind"]],
        name=data["name"],
        rule=data["rule"],
        span=(start, end),
        assertion=_ASSERTIONS[data["assertion"]],
        quantity=None if quantity is None else Quantity(*quantity),
        qualifiers=tuple(data["qualifiers"]),
    )


def _instant_out(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant_in(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
