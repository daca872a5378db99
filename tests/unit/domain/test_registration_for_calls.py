"""Consent to calls and the code for the telephone, as a list of patients gives them."""

from __future__ import annotations

from datetime import date

import pytest

from service.domain.registration import NewPatient, RowProblems, read_row

TODAY = date(2026, 11, 23)
ROW = {"name": "Eva Estrada", "birth_date": "1950-03-01", "record_number": "R5", "phone": "+12025550105", "language": "es"}


def read(**more: str) -> NewPatient:
    return read_row(ROW | more, TODAY)


def test_a_patient_may_agree_to_calls_alone() -> None:
    eva = read(consent_voice="2026-11-01", consent_detail="yes", per_day="2", call_pin="482913")
    assert eva.consent is None
    assert eva.call_consent is not None
    assert (eva.call_consent.given_on, eva.call_consent.detail, eva.call_consent.per_day) == (date(2026, 11, 1), True, 2)
    assert eva.call_pin == "482913"


def test_consent_to_texts_is_none_to_calls() -> None:
    eva = read(consent_sms="2026-11-01")
    assert eva.consent is not None
    assert eva.call_consent is None


@pytest.mark.parametrize("pin", ["12", "123456789", "12ab", "12 34"])
def test_a_code_that_keys_cannot_type_is_refused(pin: str) -> None:
    with pytest.raises(RowProblems) as problems:
        read(call_pin=pin)
    [problem] = problems.value.problems
    assert (problem.field, "4 to 8 digits" in problem.what) == ("call_pin", True)
