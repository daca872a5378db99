"""Calling hours and the words of a consent are content: a mistake in them names the file, the line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.content import ContentError, content_root, load_contact_law
from service.domain.contact_hours import Window
from service.domain.contact_law import STATES, words_hash
from tests.flows.test_content import root, spoil

__all__ = ["root"]
HOURS, CONSENT = "flows/shared/calling_hours.yaml", "flows/shared/consent.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (HOURS, "TX: {name: Texas", "TE: {name: Texas", r"calling_hours\.yaml: line \d+, states\.TE: .TE. is no state; write one of"),
        (HOURS, 'sunday: "12:00-21:00"', 'sunday: "noon to 9"', r'line \d+.*write hours such as "09:00-20:00"'),
        (HOURS, 'sunday: "12:00-21:00"', 'sunday: "21:00-12:00"', "the hours end after they begin"),
        (HOURS, 'sunday: "12:00-21:00"', 'sundays: "12:00-21:00"', r"line \d+.*sundays"),
        (HOURS, "source: texas", "source: taxes", '"taxes" is not among sources:; did you mean texas'),
        (CONSENT, "{clinic} may send", "We may send", r"consent\.yaml: line \d+.*the words do not name {clinic}"),
        (CONSENT, "source: part_2", "source: part_3", '"part_3" is not among sources'),
        (CONSENT, 'version: "1"', 'version: "1 a"', r"line \d+"),
        (CONSENT, "      es: >-", "      fr: >-", "the text in es is missing"),
    ],
)
def test_a_mistake_is_told_with_its_line(root: Path, file: str, old: str, new: str, told: str) -> None:
    spoil(root / file, old, new)
    with pytest.raises(ContentError, match=told):
        load_contact_law(root)


def test_the_states_that_are_stricter_are_there_with_their_hours() -> None:
    law = load_contact_law()
    whole = {
        code: {(one.opens // 60, one.closes // 60) for one in law.states[code].days}
        for code in ("FL", "MD", "NJ", "OK", "MA", "CT", "TX", "RI")
    }
    assert whole == {
        "FL": {(8, 20)}, "MD": {(8, 20)}, "NJ": {(8, 20)}, "OK": {(8, 20)}, "MA": {(8, 20)}, "CT": {(9, 20)},
        "TX": {(9, 21), (12, 21)}, "RI": {(9, 18), (10, 17)},
    }  # fmt: skip
    assert law.states["TX"].days[6] == Window(12 * 60, 21 * 60)
    assert law.states.keys() <= STATES
    assert all(one.source for one in law.states.values())


def test_every_version_of_the_words_is_kept_by_its_fingerprint() -> None:
    """What somebody agreed to is never changed: a changed letter needs a version of its own."""
    known = {("1", "en"): "ee79224737d8", ("1", "es"): "8dcc03289bce"}
    shipped = {
        (one.version, language): words_hash(words)[:12]
        for one in load_contact_law(content_root()).words
        for language, words in one.says.items()
    }
    assert shipped == known
