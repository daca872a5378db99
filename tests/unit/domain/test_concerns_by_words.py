"""Several rules over the same words are one thing to read and to answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.domain.escalation import Concern, by_words
from service.domain.reading import Span
from service.domain.urgency import Urgency

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TEXT, OTHER = UUID(int=1), UUID(int=2)


def concern(rule: str, urgency: Urgency, *spans: Span, text: UUID | None = TEXT, answered: bool = False) -> Concern:
    return Concern(UUID(int=hash(rule) & 0xFFFF), rule, "1", urgency, rule, "", NOW, text, spans, NOW + timedelta(1) if answered else None)


def rules(*concerns: Concern) -> list[list[str]]:
    return [[one.rule for one in group] for group in by_words(concerns)]


def test_rules_over_the_same_words_are_together_led_by_the_most_urgent() -> None:
    pill, flow_pill = concern("dose_missed", Urgency.SAME_DAY, (2, 20)), concern("water_pill.missed", Urgency.SAME_DAY, (2, 20))
    ankles, mild = concern("swelling_marked", Urgency.URGENT, (28, 44)), concern("symptom_any", Urgency.SAME_DAY, (28, 44))
    assert rules(pill, mild, flow_pill, ankles) == [["swelling_marked", "symptom_any"], ["dose_missed", "water_pill.missed"]]


def test_a_rule_about_the_whole_text_joins_the_most_urgent_and_merges_nothing() -> None:
    pill, ankles = concern("dose_missed", Urgency.SAME_DAY, (2, 20)), concern("swelling_marked", Urgency.URGENT, (28, 44))
    whole = concern("unclear", Urgency.SAME_DAY, (0, 44))
    assert rules(pill, ankles, whole) == [["swelling_marked", "unclear"], ["dose_missed"]]


def test_other_texts_silence_and_what_is_answered_stay_apart() -> None:
    first, second = concern("a", Urgency.URGENT, (0, 5)), concern("b", Urgency.URGENT, (0, 5), text=OTHER)
    silence, done = concern("c", Urgency.URGENT, text=None), concern("d", Urgency.URGENT, (0, 5), answered=True)
    assert rules(first, second, silence, done) == [["a"], ["b"], ["c"], ["d"]]
