"""A phone without a known patient, as it stands: who may be writing, and the item that hangs on it."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.patient import OpenItem, PatientContext, Phone, Team
from service.domain.related_person import RelatedPerson


@dataclass(frozen=True, slots=True)
class Nobody:
    """Who may be writing from a number, as far as it is known."""

    phone: Phone
    team: Team
    candidates: tuple[PatientContext, ...] = ()
    """The patients who share it; empty for an unknown sender."""
    item: OpenItem | None = None
    was_a_patients: bool = False
    """It was a patient's number, until it was said to be somebody else's."""
    related: tuple[RelatedPerson, ...] = ()
    """A relative's or carer's of several patients, the candidates: what they may do for each."""
