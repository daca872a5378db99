"""A patient, their numbers, and everything about them that a decision needs: loaded together, used by pure code."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID

from service.domain.coverage import Coverage
from service.domain.escalation import Reached
from service.domain.facts import Facts, PastAnswer, PastDose, PastSymptom, PastValue, PersonalLimit
from service.domain.known_finding import KnownFinding
from service.domain.pause import Pause
from service.domain.related_person import Alerted
from service.domain.schedule import to_local
from service.domain.urgency import Urgency


class PatientStatus(StrEnum):
    """Whether check-ins run. Only `active` patients get scheduled texts."""

    ACTIVE = "active"
    PAUSED = "paused"
    DECEASED = "deceased"
    HOSPICE = "hospice"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Organization:
    """A clinic or health system with its zone, quiet hours and numbers (decisions 23)."""

    id: UUID
    name: str
    zone: str
    quiet_start: time
    quiet_end: time
    emergency_number: str
    crisis_line: str
    after_hours_number: str
    clinic_phone: str = ""
    is_demo: bool = False


@dataclass(frozen=True, slots=True)
class Team:
    """A team of nurses: its coverage and the number that is texted for an emergency."""

    id: UUID
    organization: Organization
    name: str
    on_call_phone: str
    coverage: Coverage | None


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone number (E.164) and what is known about texting it; several patients may share it."""

    id: UUID
    number: str
    unsafe_since: datetime | None = None
    opted_out_at: datetime | None = None
    neutral_answer_at: datetime | None = None
    answering_id: UUID | None = None
    """On a shared phone: the patient who has said that they are the one who answers ..."""
    answering_until: datetime | None = None
    """... and until when that counts."""

    def answering(self, now: datetime) -> UUID | None:
        """Who answers from this shared phone at `now`, None when nobody has said so lately."""
        return self.answering_id if self.answering_until is not None and now < self.answering_until else None


@dataclass(frozen=True, slots=True)
class OpenItem:
    """What an incoming message needs to know about the patient's open clinical item."""

    id: UUID
    urgency: Urgency
    due_at: datetime
    state: str
    reached: Reached
    acknowledged: bool
    paged_at: datetime | None = None
    """When it was last paged for."""
    concerns: tuple[tuple[str, str], ...] = ()
    """(rule, communication id) of every concern so far."""
    safety_texts: tuple[str, ...] = ()
    """Keys of the safety answers already given in this incident."""
    safety_phones: frozenset[UUID] = frozenset()
    """The phones that they went to."""
    safety_text_at: datetime | None = None
    safety_answer_at: datetime | None = None
    """When the newest answer to a safety text was taken in."""
    concern_at: datetime | None = None
    """When the newest concern was raised."""

    def with_safety_text(self, key: str, phone_id: UUID, at: datetime) -> OpenItem:
        """The item once the safety text of this key is on its way to this phone."""
        phones = self.safety_phones | {phone_id}
        return replace(self, safety_texts=(*self.safety_texts, key), safety_phones=phones, safety_text_at=at, reached=Reached.ON_ITS_WAY)


@dataclass(frozen=True, slots=True)
class WaitingSession:
    """A conversation under way (or one that may yet be answered late), in the engine's own plain JSON."""

    id: UUID
    flow_version_id: UUID
    phone_id: UUID
    state: dict[str, Any]
    started_at: datetime
    check_in_id: UUID | None = None
    enrollment_id: UUID | None = None
    programme: str = ""
    check_in_useful_until: datetime | None = None
    live_call: bool = False
    """It is being held on the telephone just now: only safety answers go by text (decisions 19)."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A patient's place in a programme."""

    id: UUID
    programme: str
    flow: str
    high_risk: bool
    starts_on: date | None = None
    """Its first day on the patient's calendar."""
    silent_check_ins: int = 0
    """How many of its check-ins, from the last one back, had no answer."""
    rule: str = ""
    """On which days check-ins are due (`domain.cadence`); "" when it is not known."""
    wall_time: time = time()
    stops_on: date | None = None

    def day(self, today: date) -> int | None:
        """Which day of the enrollment `today` is, the first is 1; None before it and when its start is not known."""
        days = (today - self.starts_on).days + 1 if self.starts_on is not None else 0
        return days if days >= 1 else None


@dataclass(frozen=True, slots=True)
class PatientContext:
    """A patient with everything a reply, a timeout or a due check-in is judged by. Loaded with the patient's row locked."""

    id: UUID
    organization: Organization
    team: Team
    name: str
    language: str
    zone: str
    status: PatientStatus
    emergency_instruction: str = ""
    phones: tuple[Phone, ...] = ()
    """In order: the first is the number that check-ins go to. By position; those without consent, opted out or unsafe come last."""
    unconfirmed_phones: frozenset[UUID] = frozenset()
    """Never confirmed as the patient's, or in doubt since."""
    doubted_phones: frozenset[UUID] = frozenset()
    """Somebody else may have these: only staff confirms them again."""
    former_phones: tuple[Phone, ...] = ()
    """Numbers that were the patient's; nothing goes to them any more."""
    shared_phones: frozenset[UUID] = frozenset()
    """Numbers that are other patients' too: what is sent there names for whom it is."""
    last_heard_at: datetime | None = None
    """When the patient last wrote or spoke."""
    conditions: frozenset[str] = frozenset()
    medications: tuple[str, ...] = ()
    high_alert: bool = False
    limits: tuple[PersonalLimit, ...] = ()
    known: tuple[KnownFinding, ...] = ()
    """What a nurse has accepted for a while."""
    history: tuple[PastValue, ...] = ()
    doses: tuple[PastDose, ...] = ()
    symptoms: tuple[PastSymptom, ...] = ()
    educated: tuple[str, ...] = ()
    recorded: tuple[PastAnswer, ...] = ()
    detail_consent: bool = False
    related: tuple[Alerted, ...] = ()
    """Relatives and carers with a number of their own, and what they may be told."""
    enrollments: tuple[Enrollment, ...] = ()
    session: WaitingSession | None = None
    late: WaitingSession | None = None
    """The conversation that was given up last, while an answer to its question still counts."""
    item: OpenItem | None = None
    emergency_at: datetime | None = None
    """When the last emergency was told; looked up only where silence is judged."""
    pause: Pause | None = None
    """The pause that is on."""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def conversation(self) -> WaitingSession | None:
        """The one that a text may answer: under way, else given up lately."""
        return self.session or self.late

    @property
    def high_risk(self) -> bool:
        """True when any programme of the patient is a high-risk one."""
        return any(enrollment.high_risk for enrollment in self.enrollments)

    def facts(self, now: datetime, enrollment_id: UUID | None = None) -> Facts:
        """What triage and the engine may know, at this instant.

        Day and silence are those of the enrollment named, else of the conversation's, else of the only one the patient has. The engine
        gets the facts before its conversation began (`Facts.before`): what was told in it stands in the session.
        """
        enrollment = self._enrollment(enrollment_id or (self.conversation.enrollment_id if self.conversation else None))
        return Facts(
            language=self.language,
            conditions=self.conditions,
            medications=self.medications,
            high_alert=self.high_alert,
            history=self.history,
            doses=self.doses,
            symptoms=self.symptoms,
            educated=self.educated,
            recorded=self.recorded,
            day=enrollment.day(to_local(now, self.zone).date()) if enrollment else None,
            silent_check_ins=enrollment.silent_check_ins if enrollment else None,
            emergency_at=self.emergency_at,
            limits=self.limits,
            known=self.known,
            detail_consent=self.detail_consent,
            first_name=self.name.split()[0] if self.name.split() else "",
            emergency_instruction=self.emergency_instruction,
            high_risk=self.high_risk,
            **surroundings(self.team, self.language, self.zone, now),
        )

    def _enrollment(self, id: UUID | None) -> Enrollment | None:
        if id is None:
            return self.enrollments[0] if len(self.enrollments) == 1 else None
        return next((enrollment for enrollment in self.enrollments if enrollment.id == id), None)


NO_PATIENT = "no known patient"
"""What staff are told in the place of initials: an unknown sender's item, or one of the service itself."""


def initials(name: str) -> str:
    """All that a page says of a patient (safety rule 21): "C. M.", "" for no name."""
    return "".join(f"{word[0]}." for word in name.split()[:2])


def surroundings(team: Team, language: str, zone: str, now: datetime) -> dict[str, Any]:
    """The part of Facts that comes from organization and coverage: numbers, promises, whether somebody is on duty.

    Without recorded coverage nobody is promised to answer: the team counts as unstaffed.
    """
    coverage, organization = team.coverage, team.organization
    promises = {} if coverage is None else {u.value: coverage.promise(now, u, language, zone) for u in Urgency}
    return {
        "clinic": organization.name,
        "emergency_number": organization.emergency_number,
        "crisis_line": organization.crisis_line,
        "after_hours_number": organization.after_hours_number or organization.clinic_phone,
        "staffed": coverage is not None and coverage.staffed(now),
        "minutes_until_unstaffed": 0 if coverage is None else coverage.minutes_until_unstaffed(now),
        "promise": promises.get(Urgency.URGENT.value, ""),
        "promises": promises,
    }


def must_hear_of_closing(team: Team, item: OpenItem | None, now: datetime) -> bool:
    """Whether a patient whose text needs a nurse has to be told that none is on duty: once in every unstaffed time.

    `item` is the open item as it stood before this text; its newest concern was answered with the words of its own hour.
    """
    if team.coverage is not None and team.coverage.staffed(now):
        return False
    if item is None or item.concern_at is None:
        return True
    return team.coverage is not None and team.coverage.staffed_between(item.concern_at, now)


def due_at(team: Team, urgency: Urgency, now: datetime) -> datetime:
    """When a nurse must have answered an item of this team; a team without coverage has a day at most."""
    coverage = team.coverage or Coverage(team.organization.zone, _ALWAYS)
    return coverage.answer_due(now, urgency)


_ALWAYS = Coverage.from_json(
    {
        "zone": "UTC",
        "hours": {day: [["00:00", "00:00"]] for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")},
    }
).hours
