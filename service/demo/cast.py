"""The people of the demo: all invented, numbers from the range kept for fiction (555 01xx)."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.registration import NewMedication
from service.domain.staff import Role

CLINIC = "Riverside Clinic"
ZONE = "America/New_York"
SENDER = "+12025550100"
CLINIC_PHONE = "+12025550190"
AFTER_HOURS = "+12025550199"
PASSWORD = "seven green bicycles"  # noqa: S105  (printed by the demo; opens nothing else)
UNKNOWN_NUMBER = "+12025550150"

TEAM_A, TEAM_B = "Team A", "Team B"
ON_CALL = {TEAM_A: "+12025550191", TEAM_B: "+12025550192"}

NORA, OMAR, SOL = "Nora Nowak", "Omar Osei", "Sol Serrano"
STAFF_NUMBERS = {NORA: "+12025550171", OMAR: "+12025550172", SOL: "+12025550173"}
"""On which they are paged, by name."""
STAFF_PIN = "4071"
ANSWERING_SERVICE = "+12025550198"

HEART_FAILURE, HOME_AGAIN, DIABETES = "heart_failure/daily", "post_discharge/check_in", "diabetes_type_2/check_in"
"""The check-ins that the demo runs."""

WATER_PILL = NewMedication("Furosemide 40 mg", "water_pill", high_alert=False)
ANTICOAGULANT = NewMedication("Apixaban 5 mg", "anticoagulant", high_alert=True)
METFORMIN = NewMedication("Metformin 1000 mg", "diabetes", high_alert=False)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of staff."""

    name: str
    email: str
    role: Role
    teams: tuple[str, ...]
    who: str


@dataclass(frozen=True, slots=True)
class Person:
    """A patient, and how their days in the programme went (`history.py`); `due`: a check-in is due when the demo starts."""

    key: str
    name: str
    born: str
    number: str
    who: str
    due: bool
    first_weight: float = 0.0
    """In lb, of those who weigh themselves."""
    team: str = TEAM_A
    language: str = "en"
    conditions: tuple[str, ...] = ("heart_failure",)
    medications: tuple[NewMedication, ...] = (WATER_PILL,)
    high_risk: bool = False
    flow: str = HEART_FAILURE
    days: int = 21
    """Days in the programme before the demo starts."""
    texts: bool = True
    """Has agreed to texts."""
    calls: bool = False
    """Has agreed to calls: alone, or where texts stay unanswered."""


STAFF = (
    Member(NORA, "nora@example.org", Role.NURSE, (TEAM_A,), "nurse of team A: has the items of all but Eva"),
    Member(OMAR, "omar@example.org", Role.NURSE, (TEAM_B,), "nurse of team B: has Eva, and never sees team A"),
    Member(SOL, "sol@example.org", Role.SUPERVISOR, (TEAM_A, TEAM_B), "supervisor of both teams"),
    Member(
        "Dr. Cleo Costa", "cleo@example.org", Role.CLINICIAN, (), "clinician: reads, publishes and approves check-ins; sees no patients"
    ),
    Member("Ada Adeyemi", "ada@example.org", Role.ADMINISTRATOR, (), "administrator: teams and accounts; sees no patients"),
    Member("Cora Castle", "cora@example.org", Role.COORDINATOR, (TEAM_A,), "coordinator of team A: arranges, and judges nothing"),
    Member("Abe Abbot", "abe@example.org", Role.AUDITOR, (), "auditor: reads and verifies who did what"),
)

PATIENTS = (
    Person("ana", "Ana Alvarez", "1951-04-12", "+12025550101", "Answers every day.", due=True, first_weight=168.0),
    Person(
        "ben",
        "Ben Brooks",
        "1946-09-30",
        "+12025550102",
        "Often silent: is called when his texts stay unanswered. Born in 1946.",
        due=True,
        first_weight=203.5,
        high_risk=True,
        calls=True,
    ),
    Person("chi", "Chi Chen", "1958-01-23", "+12025550103", "Has reported red flags before.", due=True, first_weight=181.0, high_risk=True),
    Person("dov", "Dov Dayan", "1962-11-05", "+12025550104", "Has opted out, in his own words.", due=False, first_weight=176.0),
    Person(
        "eva",
        "Eva Estrada",
        "1955-07-19",
        "+12025550105",
        "Speaks Spanish and wants calls, no texts; is in the care of team B. Born in 1955.",
        due=True,
        first_weight=149.0,
        team=TEAM_B,
        language="es",
        texts=False,
        calls=True,
    ),
    Person(
        "fay",
        "Fay Foster",
        "1949-02-28",
        "+12025550106",
        "Shares this telephone with Gus.",
        due=False,
        first_weight=138.5,
        medications=(WATER_PILL, ANTICOAGULANT),
    ),
    Person(
        "gus",
        "Gus Grant",
        "1947-12-14",
        "+12025550106",
        "Shares this telephone with Fay.",
        due=False,
        first_weight=214.0,
        conditions=("heart_failure", "copd"),
    ),
    Person(
        "hal",
        "Hal Haddad",
        "1953-06-08",
        "+12025550107",
        "Home from the hospital for three days.",
        due=True,
        conditions=("pneumonia",),
        medications=(),
        flow=HOME_AGAIN,
        days=2,
    ),
    Person(
        "ida",
        "Ida Ito",
        "1960-08-17",
        "+12025550108",
        "Has type 2 diabetes; measures her sugar every morning.",
        due=True,
        conditions=("diabetes",),
        medications=(METFORMIN,),
        flow=DIABETES,
        days=10,
    ),
)
