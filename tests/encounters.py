"""A complete encounter note for tests that close an item."""

from __future__ import annotations

from dataclasses import asdict

from service.domain.encounter import Encounter
from service.domain.urgency import Urgency


def complete_encounter(urgency: Urgency = Urgency.URGENT, disposition: str = "") -> Encounter:
    """Nothing is missing for an item of this urgency; `disposition` may differ from what the urgency suggests."""
    suggested = "emergency_services" if urgency is Urgency.EMERGENCY else "seen_today"
    return Encounter(
        spoke_to="patient",
        identifiers=("name", "birth_date"),
        place="home",
        interpreter="not_needed",
        situation="Ankles are swollen.",
        background="Heart failure, takes a water pill.",
        denied=("chest_pain", "fainting"),
        finding="worse",
        disposition=disposition or suggested,
        override="improved" if disposition and disposition != suggested else "",
        advice=("call_911_if_worse",),
        teach_back="correct",
        agreement="agrees",
        notified="prescriber",
        notified_words="Dr. Sample, 10:20, will see her today.",
        minutes=8,
    )


def as_form(note: Encounter) -> list[tuple[str, str]]:
    """The note as the page's form sends it."""
    fields: list[tuple[str, str]] = []
    for name, value in asdict(note).items():
        fields += [(name, str(one)) for one in (value if isinstance(value, tuple) else (value,))]
    return fields
