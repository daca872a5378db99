"""How an action says no: to be shown to the member of staff who asked."""

from __future__ import annotations


class NotFound(Exception):
    """There is no such thing, or it belongs to another team: the two are not told apart."""


class Refused(Exception):
    """The action was not done; the text says what is missing and what to do, and names nobody."""


class Held(Refused):
    """It cannot be done because the item is not (or no longer) claimed by the one who asks."""
