"""What is known about a patient when a decision is made: bounded, plain, stored with the item so that it can be re-run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from service.domain.known_finding import KnownFinding
from service.domain.reading import Measure
from service.domain.urgency import Urgency


@dataclass(frozen=True, slots=True)
class PastValue:
    """An earlier reading in the stored unit; `value_2` is the diastolic of a blood pressure."""

    measure: Measure
    value: float
    taken_at: datetime
    value_2: float | None = None


@dataclass(frozen=True, slots=True)
class PastDose:
    """An earlier report of a dose: taken, missed, partly or unsure, and the kinds of medicine it was told of."""

    status: str
    taken_at: datetime
    drugs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PastSymptom:
    """A symptom that the patient reported as their own, of then."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """An answer that a flow has kept under a name: the option, yes or no, or the number with its measure as `answer`."""

    name: str
    answer: str
    at: datetime
    value: float | None = None


@dataclass(frozen=True, slots=True)
class PersonalLimit:
    """A threshold for this patient by a named clinician; `name` is a limit name such as weight_gain_24h."""

    name: str
    amount: float
    unit: str
    author: str
    loosens: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Bounded history and settings of one patient (at most 90 days, 200 each of values, doses, symptoms, kept answers)."""

    language: str = "en"
    conditions: frozenset[str] = frozenset()
    medications: tuple[str, ...] = ()
    """Kinds of medicine, e.g. water_pill, anticoagulant, insulin."""
    high_alert: bool = False
    """True when a medicine asked for is on the high-alert list."""
    history: tuple[PastValue, ...] = ()
    """Oldest first."""
    doses: tuple[PastDose, ...] = ()
    """Oldest first."""
    symptoms: tuple[PastSymptom, ...] = ()
    """Oldest first."""
    recorded: tuple[PastAnswer, ...] = ()
    """What flows have kept under a name, oldest first."""
    day: int | None = None
    """Day of the enrollment on the patient's calendar, the first is 1; None outside of one."""
    emergency_at: datetime | None = None
    """When the patient last had an emergency, wherever it was told; None when that is long ago, never, or not asked for."""
    silent_check_ins: int | None = None
    """How many check-ins of the enrollment, from the last one back, had no answer; None outside of one."""
    educated: tuple[str, ...] = ()
    """Education messages that the patient has had, as "topic/name", oldest first."""
    limits: tuple[PersonalLimit, ...] = ()
    known: tuple[KnownFinding, ...] = ()
    """What a nurse has accepted for a while: it raises nothing unless it is more urgent or worse than then."""
    detail_consent: bool = False
    """True when the patient agreed to drug and disease names in messages."""
    first_name: str = ""
    clinic: str = ""
    emergency_number: str = "911"
    crisis_line: str = "988"
    after_hours_number: str = ""
    emergency_instruction: str = ""
    """Set by a named clinician: replaces "call 911" (hospice line, code status)."""
    promise: str = ""
    """When a nurse will answer, from coverage, in the patient's language: "within 1 hour", "Monday morning"."""
    staffed: bool = True
    minutes_until_unstaffed: int | None = None
    """Whole minutes until nobody is on duty, 0 while nobody is; None when somebody always is."""
    high_risk: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    promises: dict[str, str] = field(default_factory=dict)
    """`promise` per urgency, for texts whose urgency is only known when a rule has fired; `promise` is the fallback."""

    def before(self, instant: datetime) -> Facts:
        """The same with the history before this instant only: what was told since then is judged as findings, not a second time."""
        history = tuple(past for past in self.history if past.taken_at < instant)
        doses = tuple(dose for dose in self.doses if dose.taken_at < instant)
        symptoms = tuple(symptom for symptom in self.symptoms if symptom.at < instant)
        recorded = tuple(kept for kept in self.recorded if kept.at < instant)
        if (history, doses, symptoms, recorded) == (self.history, self.doses, self.symptoms, self.recorded):
            return self
        return replace(self, history=history, doses=doses, symptoms=symptoms, recorded=recorded)

    def last_recorded(self, name: str, before: datetime) -> PastAnswer | None:
        """The newest answer kept under this name before that instant, None without one."""
        return next((kept for kept in reversed(self.recorded) if kept.name == name and kept.at < before), None)

    def in_language(self, language: str) -> Facts:
        """The same for texts in this language."""
        return self if self.language == language else replace(self, language=language)

    def limit(self, name: str) -> PersonalLimit | None:
        """The personal limit of this name, None when the programme default applies."""
        return next((limit for limit in self.limits if limit.name == name), None)

    def promise_for(self, urgency: Urgency | None) -> str:
        """When a nurse will answer something of this urgency, in the patient's language; "" when it is not known."""
        return self.promises.get(urgency, self.promise) if urgency is not None else self.promise
