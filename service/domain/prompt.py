"""What is said and asked on the telephone, without a vendor's word: providers render it (TwiML and the like).

A prompt is a list of parts, done in order. After the last one the call is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ANSWER_SECONDS = 10
"""How long a caller may be silent before that counts as no answer (facts, 5.4: ten seconds, twice)."""
LONGEST_SPEECH = 4_000
"""Letters of one spoken text; providers take at most 4,096."""


@dataclass(frozen=True, slots=True)
class Say:
    """Words to be spoken in a language (en, es); `slow` for what is said again."""

    text: str
    language: str
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Gather:
    """Speaks, and takes keys or speech meanwhile and afterwards. The input, or none, brings the call's next step.

    `digits`: the keys are taken without the closing # once there are so many; 0: as many as are typed, # ends.
    """

    says: tuple[Say, ...]
    language: str
    digits: int = 0
    speech: bool = True
    hints: tuple[str, ...] = ()
    """Words the caller may be expected to say."""
    seconds: int = ANSWER_SECONDS


@dataclass(frozen=True, slots=True)
class Connect:
    """Puts the caller through to a number (E.164); when that ends, or does not come about, the call's next step follows."""

    number: str
    seconds: int = 30
    caller: str = ""
    """Which number of ours is shown there (E.164), "" for the provider's default."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Ends the call."""


Part = Say | Gather | Connect | HangUp


@dataclass(frozen=True, slots=True)
class Prompt:
    """One turn of the service on the telephone."""

    parts: tuple[Part, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """Plain JSON values; `from_json` gives an equal prompt."""
        return [_part_out(part) for part in self.parts]

    @classmethod
    def from_json(cls, data: Sequence[Mapping[str, Any]]) -> Prompt:
        """The prompt that `to_json` wrote. KeyError when it is something else."""
        return cls(tuple(_part_in(part) for part in data))


def goodbye(*says: Say) -> Prompt:
    """Says these and hangs up."""
    return Prompt((*says, HangUp()))


def _part_out(part: Part) -> dict[str, Any]:
    match part:
        case Say():
            return {"kind": "say", "text": part.text, "language": part.language, "slow": part.slow}
        case Gather():
            return {
                "kind": "gather",
                "says": [_part_out(say) for say in part.says],
                "language": part.language,
                "digits": part.digits,
                "speech": part.speech,
                "hints": list(part.hints),
                "seconds": part.seconds,
            }
        case Connect():
            return {"kind": "connect", "number": part.number, "seconds": part.seconds, "caller": part.caller}
        case HangUp():
            return {"kind": "hang_up"}


def _part_in(data: Mapping[str, Any]) -> Part:
    match data["kind"]:
        case "say":
            return _say(data)
        case "gather":
            return Gather(
                tuple(_say(say) for say in data["says"]),
                data["language"],
                data["digits"],
                data["speech"],
                tuple(data["hints"]),
                data["seconds"],
            )
        case "connect":
            return Connect(data["number"], data["seconds"], data.get("caller", ""))
    return HangUp()


def _say(data: Mapping[str, Any]) -> Say:
    return Say(data["text"], data["language"], data["slow"])
