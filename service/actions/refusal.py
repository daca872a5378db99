"""How an action says no: to be shown to the member of staff who asked."""

from __future__ import annotations


class NotFound(Exception):
    """There is no such thing, or it belongs to another team: the two are not told apart."""


class Refused(Exception):
    """The action was not done; the sentence says what is missing and what to do, and names nobody.

    Write what differs from case to case as values, `Refused("At most {most} texts.", most=2)`: so the pages can translate the
    sentence. `str()` is English, with the values filled in.
    """

    def __init__(self, sentence: str, /, **values: object) -> None:
        """`values` fill the {names} of the sentence."""
        super().__init__(sentence.format(**values) if values else sentence)
        self.sentence = sentence
        self.values = values


class Held(Refused):
    """It cannot be done because the item is not (or no longer) claimed by the one who asks."""
