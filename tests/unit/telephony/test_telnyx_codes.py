"""Telnyx's error codes: each has a meaning, in an answer and in a callback alike."""

from __future__ import annotations

import re

import pytest
from structlog.testing import capture_logs

from service.telephony.meaning import Kind, pause
from service.telephony.port import PermanentFailure, TransientFailure, UnknownOutcome
from service.telephony.telnyx import codes
from service.telephony.telnyx.codes import CODES
from tests.unit.telephony.test_twilio_codes import EFFECTS


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_known_effect_and_plain_words(code: int) -> None:
    meaning = CODES[code]
    assert meaning.effect in EFFECTS
    assert meaning.words[0].islower() or meaning.words.startswith("the API key")
    assert not re.search(r"\d{3}", meaning.words)
    assert meaning.effect == "" or meaning.kind is Kind.PERMANENT


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_means_the_same_in_an_answer_and_in_a_callback(code: int) -> None:
    errors = [{"code": str(code), "title": ""}]
    assert codes.classify(errors, 400) == codes.classify(errors) == (str(code), CODES[code])


@pytest.mark.parametrize(
    ("code", "effect"),
    [
        *[
            ("40300", "opted_out"),
            ("40310", "invalid_number"),
            ("40012", "invalid_number"),
            ("40001", "not_mobile"),
            ("40301", "not_mobile"),
        ],
        *[("40002", "filtered"), ("40322", "filtered"), ("40005", "validity_over"), ("40014", "validity_over"), ("40302", "content")],
        *[("40010", "configuration"), ("40315", "configuration"), ("40321", "configuration"), ("20013", "configuration"), ("40008", "")],
    ],
)
def test_what_follows_from_a_permanent_code(code: str, effect: str) -> None:
    failure = codes.failure([{"code": code}], 422)
    assert isinstance(failure, PermanentFailure)
    assert (failure.code, failure.effect) == (code, effect)


@pytest.mark.parametrize(
    ("code", "seconds"), [("40318", 60), ("40011", 60), ("40018", 60), ("40004", 7_200), ("40006", 7_200), ("40016", 86_400)]
)
def test_what_may_be_tried_again_and_when(code: str, seconds: float) -> None:
    assert isinstance(codes.failure([{"code": code}], 400), TransientFailure)
    assert pause(codes.classify([{"code": code}])[1]) == seconds


def test_a_pause_that_is_asked_for_wins() -> None:
    failure = codes.failure([{"code": "40016"}], 400, 5.0)
    assert isinstance(failure, TransientFailure)
    assert failure.retry_after_seconds == 5.0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("code", ["40300", "40310", "10007", "99999", None])
def test_an_answer_of_the_fives_is_an_unknown_outcome_whatever_its_code(code: str | None, status: int) -> None:
    assert isinstance(codes.failure([{"code": code}], status), UnknownOutcome)


def test_an_unknown_code_is_loud_permanent_and_shows_digits_only() -> None:
    with capture_logs() as logs:
        failure = codes.failure([{"code": "77777", "title": "to +12025550101"}], 400)
    assert isinstance(failure, PermanentFailure)
    assert [(log["event"], log["provider"], log["code"]) for log in logs] == [("unknown provider code", "telnyx", "77777")]
    with capture_logs() as logs:
        assert codes.failure([{"code": "+12025550101"}], 400).code == "unreadable"
    assert logs[0]["code"] == "unreadable"
