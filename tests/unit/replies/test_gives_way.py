"""A wider symptom name gives way to the one that says more; the finding stays, so that the urgency table still judges it."""

from __future__ import annotations

import pytest

from service.content import load_lexicon, load_tables
from service.domain.reading import Expects, FindingKind, Question, Reply
from service.evaluation import judge_given
from service.replies import LexiconError, build_lexicon, read
from service.replies.gives_way import GAVE_WAY
from service.replies.labels import labels

LEXICON = load_lexicon()
QUESTION = Question(Expects.SYMPTOMS)
ENTRY = {"kind": "symptom", "name": "vomiting", "phrases": "throwing up"}
BLOOD = {"kind": "symptom", "name": "vomiting_blood", "phrases": "throwing up ~ blood"}


def _told(text: str) -> list[str]:
    return list(labels(read(LEXICON, Reply(text), QUESTION), QUESTION).get("symptoms_present", []))


@pytest.mark.parametrize(
    ("text", "reported", "kept"),
    [
        ("I'm throwing up blood", "vomiting_blood", "vomiting"),
        ("coughing up blood this morning", "coughing_blood", "cough"),
    ],
)
def test_the_wider_name_is_not_reported_and_still_judged(text: str, reported: str, kept: str) -> None:
    assert _told(text) == [reported]
    findings = read(LEXICON, Reply(text), QUESTION).findings
    assert any(GAVE_WAY in finding.qualifiers for finding in findings if finding.name == kept)


def test_both_names_are_reported_when_they_are_told_apart() -> None:
    assert {"vomiting", "nosebleed"} <= set(_told("Been throwing up all day. I also had a nosebleed"))


def test_what_gives_way_never_lowers_the_urgency() -> None:
    without = build_lexicon({"en/a.yaml": {"format": 1, "source": "test", "entries": [ENTRY]}})
    both = build_lexicon(
        {
            "en/a.yaml": {"format": 1, "source": "test", "entries": [ENTRY, BLOOD]},
            "shared/g.yaml": {"format": 1, "source": "test", "gives_way": [{"name": "vomiting", "to": "vomiting_blood"}]},
        }
    )
    reading = read(both, Reply("throwing up some blood"), QUESTION)
    assert {f.name for f in reading.findings if f.kind is FindingKind.SYMPTOM} == {"vomiting", "vomiting_blood"}
    assert labels(reading, QUESTION)["symptoms_present"] == ["vomiting_blood"]
    assert read(without, Reply("throwing up some blood"), QUESTION).has(FindingKind.SYMPTOM, "vomiting")
    given = {"expects": "symptoms", "reply": "throwing up blood", "lang": "en", "channel": "sms", "condition": "", "question": ""}
    assert judge_given(LEXICON, load_tables(), given).urgency == "emergency"


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([{"name": "vomiting", "to": "vomitting_blood"}], "vomitting_blood"),
        ([{"name": "vomiting"}], "write name, to"),
        ([{"name": "vomiting", "to": "vomiting_blood", "near": "page"}], "near is one of"),
        ([{"name": "vomiting", "to": "vomiting_blood"}, {"name": "vomiting_blood", "to": "vomiting"}], "yields to itself"),
        ("vomiting", "write a list"),
    ],
)
def test_a_wrong_line_is_an_error_at_start(lines: object, what: str) -> None:
    files = {
        "en/a.yaml": {"format": 1, "source": "test", "entries": [ENTRY, BLOOD]},
        "shared/g.yaml": {"format": 1, "source": "test", "gives_way": lines},
    }
    with pytest.raises(LexiconError, match=what):
        build_lexicon(files)
