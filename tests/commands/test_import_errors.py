"""Every mistake in a list is told by line and field, never by its value; and nobody is registered."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.db.patient import patients
from tests.commands.conftest import Ended
from tests.commands.test_clinic import rows

Run = Callable[..., Ended]
GOOD = {"name": "Ana Alvarez", "birth_date": "1951-04-12", "record_number": "R-1", "phone": "202-555-0101", "team": "Team A"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is tested here is read before any database is asked; one kind will do."""
    return sqlite_url


def listed(folder: Path, *lines: dict[str, str]) -> str:
    columns = list(dict.fromkeys(name for line in lines for name in line))
    quoted = [",".join('"' + line.get(name, "").replace('"', '""') + '"' for name in columns) for line in lines]
    path = folder / "list.csv"
    path.write_text("\n".join([",".join(columns), *quoted]) + "\n", encoding="utf-8")
    return str(path)


WRONG = [
    ({"name": " "}, "name: is empty"),
    ({"name": "A" * 201}, "name: is longer than 200 letters"),
    ({"birth_date": "12.04.1951"}, "birth_date: is no date"),
    ({"birth_date": "2999-01-01"}, "birth_date: lies in the future"),
    ({"birth_date": "1851-04-12"}, "birth_date: is before 1900"),
    ({"birth_date": "2020-04-12", "consent_sms": "2026-01-05"}, "consent_sms: is of a person under 18"),
    ({"record_number": ""}, "record_number: is empty"),
    ({"phone": "555-0101"}, "phone: is not in use as a telephone number"),
    ({"phone": "call her"}, "phone: is no telephone number"),
    ({"phone": "+1 202 555 0101 ext. 7"}, "phone: is not in use as a telephone number"),
    ({"phone_2": "1"}, "phone_2: "),
    ({"language": "fr"}, "language: must be one of en, es"),
    ({"zone": "New York"}, "zone: is no time zone"),
    ({"team": "Team C"}, "team: is not known. Teams: Team A, Team B"),
    ({"team": ""}, "team: is empty. Teams: Team A, Team B"),
    ({"conditions": "CHF!"}, "conditions: lists codes"),
    ({"conditions": "hart_failure"}, "conditions: lists a word that no rule knows; did you mean heart_failure? Known are"),
    ({"conditions": "copd; CHF"}, "conditions: lists a word that no rule knows; known are"),
    ({"medications": "Furosemide:waterpill"}, "medications: lists a word that no rule knows; did you mean water_pill? Known are"),
    ({"medications": "Furosemide"}, "medications: lists medicines as name:kind"),
    ({"medications": "Furosemide:water_pill:maybe"}, "medications: says high_alert"),
    ({"consent_sms": "yes"}, "consent_sms: is no date"),
    ({"consent_detail": "yes"}, "consent_sms: is empty although consent_detail is yes"),
    ({"consent_detail": "perhaps"}, "consent_detail: must be one of yes, no"),
    ({"per_day": "0"}, "per_day: must be a number from 1 to 10"),
    ({"per_day": "11"}, "per_day: must be a number from 1 to 10"),
    ({"per_day": "two"}, "per_day: must be a number from 1 to 10"),
    ({"per_week": "71"}, "per_week: must be a number from 1 to 70"),
    ({"consent_method": "fax"}, "consent_method: must be one of paper, verbal"),
    ({"consent_sms": "2026-01-05", "consent_wording": "ours"}, "consent_wording: is a version whose words are not on record"),
    ({"state": "Texas"}, "state: is no state: write its two letters"),
    ({"contact_hours": "10-18"}, "contact_hours: is no time of day"),
    ({"contact_hours": "18:00-10:00"}, "contact_hours: end before they begin"),
    ({"contact_hours": "18:30-20:00", "state": "RI"}, "contact_hours: leave no hour in common with the law"),
    ({"contact_days": "weekdays"}, "contact_days: lists days of the week"),
    ({"on_holidays": "x"}, "on_holidays: must be one of yes, no"),
    ({"related_phone": "202-555-0115"}, "related_name: is empty although related_phone is not"),
    ({"number_confirmed": "x"}, "number_confirmed: is no date"),
]


@pytest.mark.parametrize(("change", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_mistake_is_told_by_line_and_field(
    a_clinic: Run, environment: dict[str, str], tmp_path: Path, change: dict[str, str], said: str
) -> None:
    good = GOOD | {"record_number": "R-0"}
    ended = a_clinic("patients", "import", listed(tmp_path, good, GOOD | change))
    problem, last = ended.err.splitlines()
    assert problem.startswith(f"line 3, {said}")
    assert last == "rounds: nobody was registered: 1 problem"
    for value in change.values():
        if len(value.strip()) > 2 and value != "yes":
            assert value not in ended.err
    assert rows(environment, patients.c.id) == []


def test_every_mistake_of_every_line_is_told_at_once(a_clinic: Run, tmp_path: Path) -> None:
    path = listed(tmp_path, GOOD | {"phone": "1", "language": "xx"}, GOOD, GOOD | {"record_number": ""})
    assert [line.partition(":")[0] for line in a_clinic("patients", "import", path).err.splitlines()] == [
        "line 2, phone",
        "line 2, language",
        "line 4, record_number",
        "rounds",
    ]


def test_a_record_number_is_taken_once(a_clinic: Run, tmp_path: Path) -> None:
    assert "line 3, record_number: is the same as on line 2" in a_clinic("patients", "import", listed(tmp_path, GOOD, GOOD)).err
    assert a_clinic("patients", "import", listed(tmp_path, GOOD)).code == 0
    assert "line 2, record_number: is registered already" in a_clinic("patients", "import", listed(tmp_path, GOOD)).err


def test_a_dry_run_registers_nobody(a_clinic: Run, environment: dict[str, str], tmp_path: Path) -> None:
    path = listed(tmp_path, GOOD | {"consent_sms": "2026-01-05"})
    assert a_clinic("patients", "import", path, "--dry-run").out == "1 patients could be registered.\n"
    assert rows(environment, patients.c.id) == []
    assert a_clinic("patients", "import", path).code == 0
    assert "registered already" in a_clinic("patients", "import", path, "--dry-run").err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1 lacks the columns name, birth_date, record_number, phone"),
        ("name,phone\n", "line 1 lacks the columns birth_date, record_number"),
        ("name,name\n", "line 1 names a column twice"),
        ("name,birth_date,record_number,phone,Weight\n", "line 1: column 5 is not known"),
        ("name;birth_date;record_number;phone\n", "line 1: the columns are not separated by commas"),
        ("name\tbirth_date\trecord_number\tphone\n", "line 1: the columns are not separated by commas"),
        ("name,birth_date,record_number,phone\n", "the file has no patient in it"),
        ("name,birth_date,record_number,phone\n,,,\n", "the file has no patient in it"),
        ("name,birth_date,record_number,phone\nAna,1951-04-12,R-1,2025550101,more\n", "line 2, columns: there are more fields"),
        ('name,birth_date,record_number,phone\n"Ana"x,1951-04-12,R-1,2025550101\n', "cannot be read as CSV after line 1"),
    ],
)
def test_a_file_that_is_no_such_list_is_refused(a_clinic: Run, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    ended = a_clinic("patients", "import", str(path))
    assert ended.code == 2
    assert said in ended.err


def test_a_file_that_is_not_utf8_is_refused(a_clinic: Run, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("name,birth_date,record_number,phone\nJosé,1951-04-12,R-1,2025550101\n".encode("latin-1"))
    assert "not UTF-8" in a_clinic("patients", "import", str(path)).err


def test_two_patients_may_share_a_number(a_clinic: Run, environment: dict[str, str], tmp_path: Path) -> None:
    from service.db.patient import patient_phones, phones

    fay, gus = GOOD | {"name": "Fay Foster"}, GOOD | {"name": "Gus Grant", "record_number": "R-2", "phone": "+1 (202) 555-0101"}
    assert a_clinic("patients", "import", listed(tmp_path, fay, gus)).code == 0
    assert rows(environment, phones.c.number) == [("+12025550101",)]
    assert len(rows(environment, patient_phones.c.id)) == 2


def test_a_long_list_tells_how_far_it_is_and_is_written_whole(a_clinic: Run, environment: dict[str, str], tmp_path: Path) -> None:
    lines = [GOOD | {"record_number": f"R-{n}", "phone": f"+120255501{n % 100:02}"} for n in range(5_500)]
    ended = a_clinic("patients", "import", listed(tmp_path, *lines))
    assert (ended.code, ended.err.splitlines()) == (0, ["5000 of 5500 written ...", "5500 of 5500 written ..."])
    assert len(rows(environment, patients.c.id)) == 5_500
