"""Setting a clinic up by commands, from nothing to an enrolled patient."""

import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from service.actions.passwords import hash_password
from service.clock import SystemClock
from service.db.check_in import enrollments
from service.db.communication import communications
from service.db.database import Database
from service.db.organization import coverage_hours, sender_numbers, teams
from service.db.outbox import consents_of
from service.db.patient import patients
from service.db.pauses import pauses
from service.db.staff import find_account, staff_teams
from service.domain.schedule import to_local
from service.settings import Settings
from tests.commands.conftest import Ended
from tests.postgres import run_to_end

Run = Callable[..., Ended]
PASSWORD = "seven green bicycles"


def ask(environment: dict[str, str], question: Callable[..., Awaitable[object]]) -> object:
    """What a question (async, of a reading connection) answers."""

    async def answer() -> object:
        settings = Settings.from_environment(environment)
        database = Database.open(settings.database_url, settings.keyring)
        try:
            async with database.reading() as connection:
                return await question(connection)
        finally:
            await database.close()

    return run_to_end(answer)


def rows(environment: dict[str, str], *columns: object) -> list[tuple[object, ...]]:
    async def question(connection: object) -> object:
        return [tuple(row) for row in (await connection.execute(select(*columns))).all()]  # type: ignore[attr-defined]

    return ask(environment, question)  # type: ignore[return-value]


def test_an_organization_sends_from_the_number_of_the_settings(a_clinic: Run, environment: dict[str, str]) -> None:
    found = rows(environment, sender_numbers.c.provider, sender_numbers.c.sender, sender_numbers.c.purpose)
    assert sorted(found) == [("twilio", "+12025550100", purpose) for purpose in ("emergency", "pages", "patients")]
    assert sorted(rows(environment, teams.c.name, teams.c.on_call_phone)) == [("Team A", "+12025550191"), ("Team B", "+12025550192")]
    assert rows(environment, func.count(coverage_hours.c.id)) == [(10,)]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            [
                "organization",
                "add",
                "--name",
                "Other",
                "--zone",
                "Mars/Olympus",
                "--clinic-phone",
                "2025550190",
                "--after-hours",
                "2025550199",
            ],
            "zone is not known",
        ),
        (
            ["organization", "add", "--name", "Other", "--zone", "UTC", "--clinic-phone", "2025550190", "--after-hours", "2025550199"],
            "sends from this number already",
        ),
        (
            ["organization", "add", "--name", "Other", "--zone", "UTC", "--clinic-phone", "12", "--after-hours", "2025550199"],
            "--clinic-phone",
        ),
        (["team", "add", "--name", "Team A", "--on-call", "2025550193", "--hours", "always"], "a team of this name already"),
        (["team", "add", "--name", "C", "--on-call", "2025550193", "--hours", "weekdays"], "--hours"),
        (
            ["team", "add", "--name", "C", "--on-call", "2025550193", "--hours", "always", "--organization", "X"],
            "there are: Riverside Clinic",
        ),
        (["staff", "add", "--email", "nora@example.org", "--name", "Nora", "--role", "nurse"], "--password-stdin"),
        (["enroll", "--record-number", "R-9", "--flow", "heart_failure/daily", "--at", "09:00"], "no patient of this organization"),
        (["enroll", "--record-number", "R-9", "--flow", "heart_failure/daily", "--at", "25:00"], "--at"),
        (["flows", "publish", "heart_failure/weekly"], "there is no flow heart_failure/weekly"),
        (
            ["flows", "approve", "heart_failure/daily", "--version", "0123456789", "--clinician", "Dr. Sol Serrano"],
            "names no member of staff",
        ),
        (["patients", "import", "nowhere.csv"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(a_clinic: Run, command: list[str], said: str) -> None:
    ended = a_clinic(*command)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_staff_can_sign_in_with_the_password_from_standard_input(
    a_clinic: Run, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nora = ("--email", "Nora@example.org", "--name", "Nora Nowak", "--role", "nurse", "--password-stdin")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert "Teams: Team A, Team B" in a_clinic("staff", "add", *nora, "--team", "Team C").err
    for password, said in ((f"{PASSWORD}\n", ""), (f"{PASSWORD}\n", "e-mail address already"), ("short\n", "at least 12")):
        monkeypatch.setattr("sys.stdin", io.StringIO(password))
        ended = a_clinic("staff", "add", *nora, "--team", "Team A", "--team", "Team A")
        assert (ended.code, said in ended.err) == (2 if said else 0, True)

    async def account(connection: object) -> object:
        return await find_account(connection, " nora@example.org ")  # type: ignore[arg-type]

    found = ask(environment, account)
    assert found is not None
    assert found.password_hash.startswith("$argon2id$")  # type: ignore[attr-defined]
    assert found.password_hash != hash_password(PASSWORD)  # type: ignore[attr-defined]
    assert len(rows(environment, staff_teams.c.team_id)) == 1


HEADER = (
    "name,birth_date,record_number,phone,team,language,zone,conditions,medications,consent_sms,consent_detail,per_day,number_confirmed\n"
)
ANA = "Ana Alvarez,1951-04-12,R-1,202-555-0101,Team A,en,,heart_failure,Furosemide 40 mg:water_pill,2026-01-05,yes,2,2026-01-05\n"
EVA = "Eva Estrada,1955-07-19,R-2,202-555-0105,Team B,es,America/Chicago,heart_failure,,2026-01-05,no,1,\n"
BEN = "Ben Brooks,1946-09-30,R-3,202-555-0102,Team A,en,,,,,,,\n"


def imported(run: Run, folder: Path) -> None:
    path = folder / "patients.csv"
    path.write_text("\ufeff" + HEADER + ANA + EVA + BEN, encoding="utf-8")
    assert run("patients", "import", str(path)) == Ended(
        0, "3 patients were registered.\n1 of them have no consent to texts: they get none until it is recorded.\n", ""
    )


def approved(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sol = ("--email", "sol@example.org", "--name", "Dr. Sol Serrano", "--role", "clinician", "--password-stdin")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert run("staff", "add", *sol).code == 0
    listed = run("flows", "list").out.splitlines()
    (line,) = [line for line in listed if line.startswith("heart_failure/daily")]
    version = line.split()[1]
    assert "draft" in line
    assert "not published" in run("flows", "approve", "heart_failure/daily", "--version", version, "--clinician", "Dr. Sol Serrano").err
    assert run("flows", "publish").code == 0
    assert "published, not approved" in run("flows", "list").out
    assert run("flows", "approve", "heart_failure/daily", "--version", version, "--clinician", "Dr. Sol Serrano").code == 0
    assert "approved by Dr. Sol Serrano" in run("flows", "list").out


def enroll(run: Run, number: str, *more: str) -> Ended:
    return run("enroll", "--record-number", number, "--flow", "heart_failure/daily", "--at", "10:30", *more)


@pytest.mark.law(4)
def test_nobody_is_enrolled_without_consent_or_in_a_flow_that_nobody_approved(
    a_clinic: Run, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(a_clinic, tmp_path)
    assert "No version of heart_failure/daily is approved" in enroll(a_clinic, "R-1").err
    approved(a_clinic, monkeypatch)
    assert "has not agreed to texts" in enroll(a_clinic, "R-3").err
    assert "quiet hours" in a_clinic("enroll", "--record-number", "R-1", "--flow", "heart_failure/daily", "--at", "22:00").err
    assert "lies in the past" in enroll(a_clinic, "R-1", "--starts-on", "2026-01-05").err
    assert rows(environment, enrollments.c.id) == []
    assert rows(environment, communications.c.id) == []


def test_a_nurse_pauses_and_resumes_check_ins_by_name(
    a_clinic: Run, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(a_clinic, tmp_path)
    for email, name, role in (("nora@example.org", "Nora", "nurse"), ("ada@example.org", "Ada", "administrator")):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
        team = ("--team", "Team A") if role == "nurse" else ()
        assert a_clinic("staff", "add", "--email", email, "--name", name, "--role", role, "--password-stdin", *team).code == 0
    pause = ("patients", "pause", "--kind", "hospital", "--reason", "Admitted", "--by")
    assert a_clinic(*pause, "Nora", "--record-number", "R-1") == Ended(0, "Check-ins are paused until somebody resumes them.\n", "")
    assert rows(environment, pauses.c.kind, pauses.c.state, pauses.c.reason) == [("hospital", "on", "Admitted")]
    assert sorted(rows(environment, patients.c.status)) == [("active",), ("active",), ("paused",)]
    assert "no patient of this member's teams" in a_clinic(*pause, "Nora", "--record-number", "R-2").err, "Eva is in team B"
    assert "only a nurse or a supervisor" in a_clinic(*pause, "Ada", "--record-number", "R-1").err
    assert "staff is Nobody Known" in a_clinic(*pause, "Nobody Known", "--record-number", "R-1").err
    assert "has no end date" in a_clinic(*pause, "Nora", "--record-number", "R-1", "--until", "2099-01-01").err
    resume = ("patients", "resume", "--by", "nora@example.org", "--record-number", "R-1")
    assert a_clinic(*resume).out == "Check-ins run again. The next one comes at its usual time.\n"
    assert set(rows(environment, patients.c.status)) == {("active",)}
    assert "are not paused" in a_clinic(*resume).err


def test_enrolling_sends_the_opening_texts_in_the_patients_language(
    a_clinic: Run, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(a_clinic, tmp_path)
    approved(a_clinic, monkeypatch)
    assert enroll(a_clinic, "R-1", "--high-risk").code == 0
    assert "in this programme already" in enroll(a_clinic, "R-1").err
    ((rule, starts_on, stops_on, high_risk, planned),) = rows(
        environment,
        enrollments.c.rule,
        enrollments.c.starts_on,
        enrollments.c.stops_on,
        enrollments.c.high_risk,
        enrollments.c.planned_through,
    )
    today = to_local(SystemClock().now(), "America/New_York").date()
    assert (rule, high_risk, planned) == ("daily for 30 d, then FREQ=WEEKLY;BYDAY=MO,WE,FR for 30 d, then weekly", True, None)
    assert starts_on - today in (timedelta(), timedelta(days=1))  # type: ignore[operator]
    assert stops_on - starts_on == timedelta(days=29)  # type: ignore[operator]
    texts = rows(environment, communications.c.purpose, communications.c.status, communications.c.body)
    assert [text[:2] for text in texts] == [("opening", "due")] * 2
    (first,) = [str(text[2]) for text in texts if "Reply HELP" in str(text[2])]
    (second,) = [str(text[2]) for text in texts if "not encrypted" in str(text[2])]
    assert first.startswith("Riverside Clinic: your nurses will check on you by text, up to 2 times a day.")
    assert "911" in second
    assert enroll(a_clinic, "R-2").code == 0
    spanish = [str(row[0]) for row in rows(environment, communications.c.body) if "ALTO" in str(row[0])]
    assert "una vez diaria" in spanish[0]


def test_a_list_becomes_patients_with_numbers_consent_and_medicines(
    a_clinic: Run, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(a_clinic, tmp_path)
    found = rows(environment, patients.c.name, patients.c.zone, patients.c.language, patients.c.birth_date)
    assert sorted(found) == [
        ("Ana Alvarez", "America/New_York", "en", "1951-04-12"),
        ("Ben Brooks", "America/New_York", "en", "1946-09-30"),
        ("Eva Estrada", "America/Chicago", "es", "1955-07-19"),
    ]

    async def consents(connection: object) -> object:
        ids = [row[0] for row in (await connection.execute(select(patients.c.id))).all()]  # type: ignore[attr-defined]
        return await consents_of(connection, ids, [])  # type: ignore[arg-type]

    given = ask(environment, consents)
    assert sorted((one.detail, per_day) for id in given for one, per_day in given[id] if one.patient_id == id) == [
        (False, 1),
        (True, 2),
    ]  # type: ignore[attr-defined]
