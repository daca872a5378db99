"""The encounter note: what must stand in it before an urgent item closes, and how it reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.domain.encounter import CHOICES, MANY, Encounter, missing, needs_override, perhaps_missing
from service.domain.encounter_words import PHRASES, as_text
from service.domain.escalation import Disposition
from service.domain.urgency import Urgency
from tests.encounters import complete_encounter

WHOLE = complete_encounter()


def test_a_whole_note_lacks_nothing_at_any_urgency() -> None:
    for urgency in Urgency:
        assert list(missing(complete_encounter(urgency), urgency)) == []


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"spoke_to": ""}, ["spoke_to"]),
        ({"spoke_to": "caregiver"}, ["who"]),
        ({"identifiers": ("name",)}, ["identifiers"]),
        ({"place": ""}, ["place"]),
        ({"place": "other"}, ["place_words"]),
        ({"interpreter": ""}, ["interpreter"]),
        ({"situation": ""}, ["situation"]),
        ({"finding": "", "assessment": ""}, ["finding"]),
        ({"disposition": ""}, ["disposition"]),
        ({"disposition": "advice_given"}, ["override"]),
        ({"disposition": "advice_given", "override_words": "Seen an hour ago."}, []),
        ({"advice": (), "advice_words": ""}, ["advice"]),
        ({"teach_back": "not_done"}, ["teach_back"]),
        ({"agreement": "not_asked"}, ["agreement"]),
        ({"notified": ""}, ["notified"]),
        ({"disposition": "prescriber_informed", "notified": "nobody_needed"}, ["notified"]),
        ({"minutes": 0}, ["minutes"]),
    ],
)
def test_each_required_field_is_missed_when_it_is_empty(change: dict[str, object], lacks: list[str]) -> None:
    assert list(missing(replace(WHOLE, **change), Urgency.URGENT)) == lacks  # type: ignore[arg-type]


def test_where_nobody_was_spoken_to_only_what_can_be_known_is_asked_for() -> None:
    note = Encounter(
        spoke_to="nobody", situation="s", finding="unclear", disposition="could_not_reach", notified="nobody_needed", minutes=2
    )
    assert list(missing(note, Urgency.URGENT)) == []
    assert list(missing(note, Urgency.URGENT, called=False)) == ["override"]
    assert list(missing(replace(note, override_words="He has no telephone."), Urgency.EMERGENCY, called=False)) == []


SPOKEN = ("identifiers", "place", "interpreter", "advice", "teach_back", "agreement")


@pytest.mark.parametrize(
    ("note", "may_lack"),
    [
        (WHOLE, set()),
        (Encounter(), {"who", *SPOKEN, "place_words", "override"}),
        (replace(WHOLE, spoke_to=""), {"who"}),
        (replace(WHOLE, spoke_to="", teach_back="not_done", identifiers=("name",)), {"who", "teach_back", "identifiers"}),
        (replace(WHOLE, disposition="", notified="emergency_contact"), {"override"}),
        (replace(WHOLE, place=""), {"place_words"}),
        (Encounter(spoke_to="nobody", disposition="seen_today"), set()),
    ],
)
def test_what_the_answer_to_a_missing_field_may_ask_for_is_known_beforehand(note: Encounter, may_lack: set[str]) -> None:
    assert set(perhaps_missing(note, Urgency.URGENT)) == may_lack
    routine = set(perhaps_missing(note, Urgency.ROUTINE))
    assert routine == may_lack - {"override"}


def test_less_than_the_urgency_suggests_asks_why_and_routine_items_suggest_nothing() -> None:
    assert needs_override(Disposition.SEEN_TODAY, Urgency.EMERGENCY)
    assert not needs_override(Disposition.SEEN_TODAY, Urgency.URGENT)
    assert not any(needs_override(one, Urgency.ROUTINE) for one in Disposition)


def test_a_note_is_the_same_after_it_was_stored() -> None:
    assert Encounter.from_json(WHOLE.to_json()) == WHOLE


def test_odd_fields_are_cut_or_count_as_not_chosen() -> None:
    note = Encounter.of({"teach_back": "splendid", "situation": "x" * 9000, "minutes": "9999999999", "denied": ["fever", "boredom"]})
    assert (note.teach_back, len(note.situation), note.minutes, note.denied) == ("", 2000, 0, ("fever",))
    assert Encounter.of({"minutes": "999"}).minutes == 240


def test_every_code_has_its_words() -> None:
    for field, codes in {**CHOICES, **MANY}.items():
        assert set(PHRASES[field]) == set(codes), field


def test_the_note_reads_in_the_order_situation_background_assessment_recommendation() -> None:
    text = as_text(WHOLE)
    order = [text.index(f"{word}:") for word in ("Situation", "Background", "Assessment", "Recommendation", "Teach-back")]
    assert order == sorted(order)
    assert "Denies: chest pain, fainting" in text
