"""What law and agreement say of contacting patients, as reviewed data: calling hours by state, programmes with a consent of their own,
and the words that people agree to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from service.domain.contact_hours import StateHours

STATES = frozenset(
    "AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK OR PA RI SC SD TN TX "
    "UT VA VT WA WI WV WY AS GU MP PR VI".split()
)
"""Postal codes of the states, the District of Columbia and the territories."""


@dataclass(frozen=True, slots=True)
class ConsentWords:
    """A version of the words that people agree to."""

    version: str
    warning_version: str
    """Of the warning, among these words, that texts are not encrypted."""
    says: Mapping[str, str]
    """By language."""


@dataclass(frozen=True, slots=True)
class ContactLaw:
    """All of it, read once at start."""

    states: Mapping[str, StateHours] = field(default_factory=dict)
    """States whose hours are stricter than the federal ones, by their two letters."""
    own_consent: frozenset[str] = frozenset()
    """Programmes that a consent to everything does not cover, such as those on substance use (42 CFR Part 2)."""
    confidential: frozenset[str] = frozenset()
    """Programmes that adolescents may agree to themselves: never on a parent's number, never by a parent's consent."""
    words: tuple[ConsentWords, ...] = ()
    """The first is the current version."""

    def words_of(self, version: str) -> ConsentWords | None:
        """This version of the words, None when the files hold none of this name."""
        return next((one for one in self.words if one.version == version), None)


def words_hash(words: str) -> str:
    """SHA-256 (hex) of the words as they are kept: a changed letter is another text."""
    return sha256(words.encode()).hexdigest()
