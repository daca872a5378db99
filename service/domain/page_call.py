"""A call that pages staff: the PIN first, then one sentence and three keys. Pure: what was pressed leads to what is said next.

Before the right PIN nothing is said but the clinic's name; after it, that an item waits and how urgent it is: no name, no detail of
health (decisions 16, safety rules 21 and 36).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

MOST_WRONG = 3
"""Wrong PINs in one call: then it ends, the ladder goes on at once, and the PIN is locked for a while."""
LOCKED_FOR = timedelta(minutes=15)
"""Own choice: as long as an acknowledged emergency may wait to be taken."""
MOST_UNHEARD = 3
"""Silences and meaningless keys in a row: then the call ends."""
MOST_REPEATS = 5
"""Turns after the PIN in which the sentence is said again."""
ACKNOWLEDGE, DECLINE, REPEAT = "1", "2", "9"


class Stage(StrEnum):
    """What the call waits for."""

    PIN = "pin"
    MESSAGE = "message"
    OVER = "over"


class Outcome(StrEnum):
    """Why a call is over; those of `NOT_REACHED` send the ladder on at once."""

    NONE = ""
    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"
    TOLD = "told"  # the person has heard it and pressed neither key
    NO_PIN_SET = "no_pin_set"  # nobody can prove who they are: they are asked to open Rounds
    GONE = "gone"  # the item does not wait any more
    PIN_REFUSED = "pin_refused"
    PIN_LOCKED = "pin_locked"
    NO_PIN = "no_pin"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"


NOT_REACHED = frozenset(
    {
        Outcome.PIN_REFUSED,
        Outcome.PIN_LOCKED,
        Outcome.NO_PIN,
        Outcome.VOICEMAIL,
        Outcome.NO_ANSWER,
        Outcome.BUSY,
        Outcome.FAILED,
        Outcome.DECLINED,
    }
)


class Said(StrEnum):
    """What is said next, by its key in the script (flows/shared/voice.yaml)."""

    ASK_PIN = "page_ask_pin"
    PIN_AGAIN = "page_pin_again"
    PIN_REFUSED = "page_pin_refused"
    PIN_LOCKED = "page_pin_locked"
    NO_PIN_SET = "page_no_pin_set"
    MESSAGE = "page_message"
    NOT_HEARD = "page_not_heard"
    ACKNOWLEDGED = "page_acknowledged"
    DECLINED = "page_declined"
    STILL_WAITS = "page_still_waits"
    GONE = "page_gone"
    VOICEMAIL = "page_voicemail"


LISTENS = frozenset({Said.ASK_PIN, Said.PIN_AGAIN, Said.MESSAGE, Said.NOT_HEARD})
"""After these a key is waited for; after the others the call is over."""


@dataclass(frozen=True, slots=True)
class PageCall:
    """Where a call stands."""

    turn: int = 0
    stage: Stage = Stage.PIN
    wrong: int = 0
    unheard: int = 0
    outcome: Outcome = Outcome.NONE

    @property
    def over(self) -> bool:
        """Whether nothing more is heard."""
        return self.stage is Stage.OVER


def pick_up(call: PageCall, *, machine: bool, waits: bool, has_pin: bool, locked: bool) -> tuple[PageCall, Said]:
    """The first words. `waits`: nobody has taken note of the item yet."""
    if machine:
        return _end(call, Outcome.VOICEMAIL), Said.VOICEMAIL
    if not waits:
        return _end(call, Outcome.GONE), Said.GONE
    if not has_pin:
        return _end(call, Outcome.NO_PIN_SET), Said.NO_PIN_SET
    if locked:
        return _end(call, Outcome.PIN_LOCKED), Said.PIN_LOCKED
    return replace(call, turn=call.turn + 1), Said.ASK_PIN


def hear_pin(call: PageCall, pressed: str, *, right: bool) -> tuple[PageCall, Said]:
    """What follows a PIN, or silence in its place."""
    if right:
        return replace(call, turn=call.turn + 1, stage=Stage.MESSAGE, wrong=0, unheard=0), Said.MESSAGE
    if not pressed:
        call = replace(call, unheard=call.unheard + 1)
        return (_end(call, Outcome.NO_PIN), Said.STILL_WAITS) if call.unheard >= MOST_UNHEARD else (_next(call), Said.ASK_PIN)
    call = replace(call, wrong=call.wrong + 1)
    return (_end(call, Outcome.PIN_REFUSED), Said.PIN_REFUSED) if call.wrong >= MOST_WRONG else (_next(call), Said.PIN_AGAIN)


def hear_key(call: PageCall, pressed: str, *, waits: bool) -> tuple[PageCall, Said]:
    """What follows a key after the sentence."""
    if not waits:
        return _end(call, Outcome.GONE), Said.GONE
    if pressed == ACKNOWLEDGE:
        return _end(call, Outcome.ACKNOWLEDGED), Said.ACKNOWLEDGED
    if pressed == DECLINE:
        return _end(call, Outcome.DECLINED), Said.DECLINED
    call = replace(call, unheard=call.unheard + 1)
    most = MOST_REPEATS if pressed == REPEAT else MOST_UNHEARD
    if call.unheard >= most:
        return _end(call, Outcome.TOLD), Said.STILL_WAITS
    return _next(call), Said.MESSAGE if pressed == REPEAT else Said.NOT_HEARD


def _next(call: PageCall) -> PageCall:
    return replace(call, turn=call.turn + 1)


def _end(call: PageCall, outcome: Outcome) -> PageCall:
    return replace(call, turn=call.turn + 1, stage=Stage.OVER, outcome=outcome)
