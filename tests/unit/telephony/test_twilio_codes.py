"""The one table of Twilio's error codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.telephony.meaning import Kind, pause, shown
from service.telephony.port import PermanentFailure, TransientFailure, UnknownOutcome
from service.telephony.twilio.codes import CODES
from service.telephony.twilio.dialect import TWILIO

EFFECTS = {"", "opted_out", "invalid_number", "not_mobile", "recycled", "filtered", "configuration", "content", "validity_over"}


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_known_effect_and_plain_words(code: int) -> None:
    meaning = CODES[code]
    assert meaning.effect in EFFECTS
    assert meaning.words[0].islower()
    assert not re.search(r"\d{3}", meaning.words)
    assert meaning.effect == "" or meaning.kind is Kind.PERMANENT


@pytest.mark.parametrize(
    ("code", "effect"),
    [
        *[(21610, "opted_out"), (21211, "invalid_number"), (21614, "not_mobile"), (30006, "not_mobile"), (30005, "recycled")],
        *[(30007, "filtered"), (20003, "configuration"), (30034, "configuration"), (21617, "content"), (30004, ""), (63033, "")],
    ],
)
def test_a_permanent_code_says_what_follows(code: int, effect: str) -> None:
    failure = TWILIO.failure(code, 400)
    assert isinstance(failure, PermanentFailure)
    assert (failure.code, failure.effect) == (str(code), effect)


@pytest.mark.parametrize("code", [20429, 21611, 30001, 30017, 30022, 30410, 63018, 63010, 63012])
def test_a_code_that_was_not_processed_may_be_tried_again(code: int) -> None:
    assert isinstance(TWILIO.failure(code, 400), TransientFailure)


def test_a_daily_limit_waits_for_the_next_day_and_a_dark_handset_for_hours() -> None:
    assert pause(TWILIO.meaning(30023)) == 24 * 3600
    assert pause(TWILIO.meaning("30003")) == 2 * 3600
    assert pause(TWILIO.meaning(30001)) == 60
    assert pause(TWILIO.meaning(21610)) is None


@pytest.mark.parametrize(("code", "status"), [(20500, 500), (20503, 503), (500, 500), (21610, 502), (99999, 503), (20500, 400), (408, 408)])
def test_an_http_5xx_is_an_unknown_outcome_whatever_code_it_names(code: int, status: int) -> None:
    assert isinstance(TWILIO.failure(code, status), UnknownOutcome)


def test_a_redirect_is_an_unknown_outcome() -> None:
    assert isinstance(TWILIO.failure(302, 302), UnknownOutcome)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407])
def test_a_refusal_without_a_code_is_about_our_set_up(status: int) -> None:
    with capture_logs() as logs:
        failure = TWILIO.failure(status, status)
    assert isinstance(failure, PermanentFailure)
    assert failure.effect == "configuration"
    assert logs == []


@pytest.mark.parametrize(("code", "status"), [(64999, 400), (64999, None), ("64999", None), (400, 400), (64999, 401)])
def test_an_unknown_code_is_permanent_and_loud(code: int | str, status: int | None) -> None:
    with capture_logs() as logs:
        failure = TWILIO.failure(code, status)
    assert isinstance(failure, PermanentFailure)
    assert failure.effect == ""
    assert [(log["event"], log["code"], log["log_level"]) for log in logs] == [("unknown provider code", str(code), "error")]


@pytest.mark.law(10)
@pytest.mark.parametrize("code", ["+12025550101", "12025550101", "Ana", "30003; drop", "٣٠٠٠٣"])
def test_what_is_not_a_code_never_reaches_a_log_or_an_exception(code: str) -> None:
    with capture_logs() as logs:
        failure = TWILIO.failure(code)
    assert code not in str(failure)
    assert code not in str(logs)
    assert failure.code == "unreadable"


@pytest.mark.parametrize("code", [None, "", 0, "0"])
def test_no_code_shows_as_nothing(code: int | str | None) -> None:
    assert shown(code) == ""


def test_the_stand_in_refuses_only_with_codes_that_we_know() -> None:
    rules = Path(__file__).parents[2] / "stand_in_twilio" / "rules.py"
    used = {int(code) for code in re.findall(r"\b(2\d{4})\b", rules.read_text(encoding="utf-8"))} - {20001}
    assert used <= CODES.keys()
    assert len(used) > 8
