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

WATER_PILL = NewMedication("Furosemide 40 mg", "water_pill", high_alert=False)
ANTICOAGULANT = NewMedication("Apixaban 5 mg", "anticoagulant", high_alert=True)


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
    """A patient, and how their three weeks went (`history.py`); `due` says that a check-in is due when the demo starts."""

    key: str
    name: str
    born: str
    number: str
    who: str
    first_weight: float
    due: bool
    team: str = TEAM_A
    language: str = "en"
    conditions: tuple[str, ...] = ("heart_failure",)
    medications: tuple[NewMedication, ...] = (WATER_PILL,)
    high_risk: bool = False


STAFF = (
    Member("Nora Nowak", "nora@example.org", Role.NURSE, (TEAM_A,), "nurse of team A: has the items of Ana, Ben, Chi, Dov, Fay and Gus"),
    Member("Omar Osei", "omar@example.org", Role.NURSE, (TEAM_B,), "nurse of team B: has Eva, and never sees team A"),
    Member("Sol Serrano", "sol@example.org", Role.SUPERVISOR, (TEAM_A, TEAM_B), "supervisor of both teams"),
    Member("Ada Adeyemi", "ada@example.org", Role.ADMINISTRATOR, (), "administrator: sees no patients"),
)

PATIENTS = (
    Person("ana", "Ana Alvarez", "1951-04-12", "+12025550101", "Answers every day.", 168.0, due=True),
    Person("ben", "Ben Brooks", "1946-09-30", "+12025550102", "Often silent.", 203.5, due=True, high_risk=True),
    Person("chi", "Chi Chen", "1958-01-23", "+12025550103", "Has reported red flags before.", 181.0, due=True, high_risk=True),
    Person("dov", "Dov Dayan", "1962-11-05", "+12025550104", "Has opted out, in his own words.", 176.0, due=False),
    Person(
        "eva",
        "Eva Estrada",
        "1955-07-19",
        "+12025550105",
        "Speaks Spanish; is in the care of team B.",
        149.0,
        due=True,
        team=TEAM_B,
        language="es",
    ),
    Person(
        "fay",
        "Fay Foster",
        "1949-02-28",
        "+12025550106",
        "Shares this telephone with Gus.",
        138.5,
        due=False,
        medications=(WATER_PILL, ANTICOAGULANT),
    ),
    Person(
        "gus",
        "Gus Grant",
        "1947-12-14",
        "+12025550106",
        "Shares this telephone with Fay.",
        214.0,
        due=False,
        conditions=("heart_failure", "copd"),
    ),
)
