"""A call that joins a nurse and a patient: the nurse's own telephone rings, she presses 1, then the patient is called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Stage(StrEnum):
    """How far it has come."""

    RINGING = "ringing"  # at the nurse's telephone
    ASKED = "asked"  # whether to go on
    JOINING = "joining"  # the patient's telephone rings, or the two talk
    OVER = "over"


class Outcome(StrEnum):
    """What became of it. That somebody picked up at the patient's end says not who: the nurse logs whom she has reached."""

    NONE = ""
    JOINED = "joined"
    NOT_TAKEN = "not_taken"
    NOT_CONFIRMED = "not_confirmed"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Said(StrEnum):
    """What is said next: keys of the script."""

    PRESS = "nurse_press"
    JOINING = "nurse_joining"
    NOT_REACHED = "nurse_not_reached"
    GOODBYE = "nurse_goodbye"
    NOTHING = ""


MOST_ASKED = 2
"""Times that the nurse is asked to press 1."""


@dataclass(frozen=True, slots=True)
class NurseCall:
    """Where the call stands; `turn` is the number of the open prompt."""

    stage: Stage = Stage.RINGING
    turn: int = 0
    outcome: Outcome = Outcome.NONE

    @property
    def over(self) -> bool:
        """Nothing more is said."""
        return self.stage is Stage.OVER


def step(call: NurseCall, *, pressed: str, machine: bool, connected: bool | None) -> tuple[NurseCall, Said]:
    """What follows on what was heard: the next state and what is said.

    A patient is never called unless a person has pressed 1: a machine at the nurse's end ends the call.
    """
    call = replace(call, turn=call.turn + 1)
    if call.stage is Stage.RINGING:
        return (_over(call, Outcome.NOT_TAKEN), Said.NOTHING) if machine else (replace(call, stage=Stage.ASKED), Said.PRESS)
    if call.stage is Stage.ASKED:
        if pressed == "1":
            return replace(call, stage=Stage.JOINING), Said.JOINING
        if not pressed and call.turn <= MOST_ASKED:
            return call, Said.PRESS
        return _over(call, Outcome.NOT_CONFIRMED), Said.GOODBYE
    if call.stage is Stage.JOINING:
        if connected is None:
            return _over(call, Outcome.UNKNOWN), Said.NOTHING
        return (_over(call, Outcome.JOINED), Said.NOTHING) if connected else (_over(call, Outcome.NO_ANSWER), Said.NOT_REACHED)
    return call, Said.NOTHING


def hung_up(call: NurseCall) -> NurseCall:
    """The line has ended: who has pressed nothing was not put through; while joining it is not known how far it came."""
    ends = {Stage.RINGING: Outcome.NOT_TAKEN, Stage.ASKED: Outcome.NOT_CONFIRMED, Stage.JOINING: Outcome.UNKNOWN}
    return call if call.over else _over(call, ends[call.stage])


def _over(call: NurseCall, outcome: Outcome) -> NurseCall:
    return replace(call, stage=Stage.OVER, outcome=outcome)
