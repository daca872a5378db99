"""A relative or carer of a patient, and what the patient (or a representative) has agreed that they may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """What a related person may do; nothing unless it was signed for (safety rule 4 and 36)."""

    READINGS = "readings"
    """Report values and doses: their answers count as the patient's."""
    SYMPTOMS = "symptoms"
    """Report symptoms in answer to a check-in's question."""
    MAY_STOP = "may_stop"
    """End the messages for the patient, not only to their own number."""
    ALERT_EMERGENCY = "alert_emergency"
    """Is told that the patient may need somebody now."""
    ALERT_SILENCE = "alert_silence"
    """Is told that the patient has not answered."""


ANSWERS = frozenset({Scope.READINGS, Scope.SYMPTOMS})
MEANINGS: dict[Scope, str] = {
    Scope.READINGS: "May report readings and doses",
    Scope.SYMPTOMS: "May report symptoms",
    Scope.MAY_STOP: "May end the messages for the patient",
    Scope.ALERT_EMERGENCY: "Is told when the patient may need somebody now",
    Scope.ALERT_SILENCE: "Is told when the patient has not answered",
}
"""Each scope in words for staff."""


@dataclass(frozen=True, slots=True)
class RelatedPerson:
    """A related person as a text or a call from their number needs them; their name is not needed for that."""

    id: UUID
    patient_id: UUID
    relation: str
    scope: frozenset[Scope] = frozenset()
    expires_on: date | None = None
    """The last day on which the scope counts, on the patient's calendar; None: it does not end by itself."""

    def may(self, *wanted: Scope, on: date) -> bool:
        """Whether any of these is within the scope on that day."""
        return (self.expires_on is None or on <= self.expires_on) and not self.scope.isdisjoint(wanted)

    @property
    def called(self) -> str:
        """How items name them: their relation to the patient, such as "the daughter"."""
        return f"the {self.relation.lower()}" if self.relation.strip() else "a relative or carer"


@dataclass(frozen=True, slots=True)
class Alerted:
    """A related person with a number of their own, as one who may be told something."""

    id: UUID
    phone_id: UUID
    scope: frozenset[Scope]
    expires_on: date | None = None

    def is_told(self, of: Scope, on: date) -> bool:
        """Whether this is within their scope on that day of the patient's calendar."""
        return of in self.scope and (self.expires_on is None or on <= self.expires_on)


def scopes_of(words: Iterable[str] | None) -> frozenset[Scope]:
    """The scopes of a stored list; a word that is none (any more) allows nothing."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[word] for word in words or () if word in known)
