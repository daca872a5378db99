"""Staff record consents, withdrawals and what has changed from the command line; what is wrong is one line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from service.db.patient import consent_wordings, consents, patients
from tests.commands.test_clinic import PASSWORD, Run, imported, rows

NORA = ("--by", "Nora", "--record-number", "R-1")


@pytest.fixture
def nurse(a_clinic: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    imported(a_clinic, tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    who = ("--email", "nora@example.org", "--name", "Nora", "--role", "nurse", "--team", "Team A")
    assert a_clinic("staff", "add", *who, "--password-stdin").code == 0
    return a_clinic


def test_a_consent_is_recorded_listed_and_withdrawn(nurse: Run, environment: dict[str, str], tmp_path: Path) -> None:
    form = tmp_path / "form.txt"
    form.write_text("I agree to check-ins by text. They are not encrypted.", encoding="utf-8")
    words = ("consents", "words", str(form), "--version", "form-2026", "--language", "en", "--by", "Nora")
    assert nurse(*words).out == "The words of version form-2026 are on record.\n"
    assert nurse(*words).code == 0, "the same words again"
    record = ("consents", "record", "--for", "sms", "--how", "paper", *NORA)
    assert "its words have to be on record" in nurse(*record, "--version", "form-2027").err
    assert nurse(*record, "--version", "form-2026", "--per-day", "1", "--programme", "heart_failure").code == 0
    listed = nurse("consents", "list", *NORA).out.splitlines()
    [line] = [line for line in listed if "heart_failure" in line]
    assert "holds  texts to the number that ends in 0101, heart_failure; 1 a day, 7 in seven days; paper" in line
    assert "202555" not in "".join(listed)
    id = line.split()[0]
    withdraw = ("consents", "withdraw", "--consent", id, "--why", "called us", *NORA)
    assert nurse(*withdraw).code == 0
    assert "withdrawn already" in nurse(*withdraw).err
    ended = rows(environment, consents.c.programme, consents.c.revoked_why)
    assert ("heart_failure", "called us") in ended
    assert rows(environment, consent_wordings.c.version, consent_wordings.c.words) == [("form-2026", form.read_text())]


def test_words_that_somebody_agreed_to_are_never_changed(nurse: Run, tmp_path: Path) -> None:
    form = tmp_path / "form.txt"
    form.write_text("first", encoding="utf-8")
    words = ("consents", "words", str(form), "--version", "form-2026", "--language", "en", "--by", "Nora")
    assert nurse(*words).code == 0
    form.write_text("second", encoding="utf-8")
    assert "give the changed words a version of their own" in nurse(*words).err
    assert "cannot be read as text" in nurse("consents", "words", str(tmp_path), *words[3:]).err


def test_what_has_changed_is_recorded(nurse: Run, environment: dict[str, str]) -> None:
    assert nurse("patients", "care", "--status", "hospice", *NORA).out == "Everything automatic has stopped. Nothing was sent about it.\n"
    assert "on record already" in nurse("patients", "care", "--status", "hospice", *NORA).err
    assert nurse("patients", "care", "--status", "active", *NORA).out == "Check-ins run again.\n"
    place = ("patients", "place", *NORA, "--zone", "America/Chicago")
    assert nurse(*place, "--state", "tx", "--hours", "10:00-18:00", "--days", "mon; tue").code == 0
    found = rows(environment, patients.c.zone, patients.c.state, patients.c.contact_days)
    assert ("America/Chicago", "TX", "1100000") in found
    assert "two letters" in nurse(*place, "--state", "Texas").err
    assert "no such patient" in nurse("patients", "care", "--status", "left", "--by", "Nora", "--record-number", "R-2").err
