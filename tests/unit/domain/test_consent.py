"""How often was agreed to, and until when a consent holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from service.domain.consent import Agreed, Consent, agreed_for, agreed_in_all, of_age_on
from service.domain.reading import Channel

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ONE = UUID(int=1)


def given(programme: str, per_day: int, per_week: int | None = None, channel: Channel = Channel.SMS, ended: bool = False) -> Consent:
    since = NOW - timedelta(days=1)
    return Consent(ONE, ONE, channel, programme, since, NOW if ended else None, False, per_day, per_week)


@pytest.mark.parametrize(
    ("consents", "programme", "own", "in_all"),
    [
        ([given("", 1, 3)], "a", Agreed(1, 3), Agreed(1, 3)),
        ([given("", 1)], "a", Agreed(1, 7), Agreed(1, 7)),
        ([given("", 1, 3), given("", 2, channel=Channel.VOICE)], "a", Agreed(2, 14), Agreed(2, 14)),
        ([given("", 1, 3), given("a", 2)], "a", Agreed(2, 14), Agreed(2, 14)),
        ([given("", 1, 3), given("a", 2)], "b", Agreed(1, 3), Agreed(2, 14)),
        ([given("a", 1, 3), given("b", 1, 3)], "a", Agreed(1, 3), Agreed(2, 6)),
        ([given("a", 1, 3)], "b", None, Agreed(1, 3)),
        ([given("", 3, ended=True), given("", 1, 3)], "a", Agreed(1, 3), Agreed(1, 3)),
        ([], "a", None, Agreed(0, 0)),
    ],
)
def test_a_call_instead_of_a_text_is_not_a_second_agreement(
    consents: list[Consent], programme: str, own: Agreed | None, in_all: Agreed
) -> None:
    assert agreed_for(consents, programme, NOW) == own
    assert agreed_in_all(consents, NOW) == in_all


@pytest.mark.parametrize(
    ("born", "of_age"),
    [(date(2008, 11, 23), date(2026, 11, 23)), (date(2008, 2, 29), date(2026, 3, 1)), (date(2008, 12, 31), date(2026, 12, 31))],
)
def test_people_come_of_age_on_their_birthday(born: date, of_age: date) -> None:
    assert of_age_on(born) == of_age
