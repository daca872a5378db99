"""Findings that a nurse knows of and has accepted for a while: they open no item unless they are more urgent or worse than then.

The rule, own choice, on the safe side. What is told again is shown anew
- when its class is higher, or its figure worse, than what was accepted;
- when the figure is a change (a gain, a loss, against a baseline) and the reading itself has gone further the same way: three pounds more
  a day, day after day, are no three pounds;
- when it cannot be compared, and when the patient gets a safety answer to it;
- when its time is over: 72 hours at most for what is urgent, 90 days for the rest, or when somebody takes the acceptance back.
An emergency, and what is about despair, violence or death, is always shown. What is not shown leaves a line in the trail each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from service.domain.decision import Fired
from service.domain.schedule import to_utc
from service.domain.urgency import Urgency

LONGEST_DAYS = 90
LONGEST_URGENT = timedelta(hours=72)
NEVER = (
    *("self_harm", "suicid", "phq", "hopeless", "crisis", "depression/", "mood_item", "thoughts", "dying"),
    *("violence", "abuse", "unsafe", "deceased", "second_opinion_grave"),
)
"""Parts of the names of rules about despair, violence and death: nobody gets used to these, whatever their class."""
LONGEST_REASON = 300
RISING = frozenset({"at_least", "above", "gain_over", "loss_over", "worse_by", "percent_over"})
"""Sides of a limit on which a larger figure is worse (a loss is told as what was lost)."""
FALLING = frozenset({"below", "at_most", "percent_of_best"})
"""Sides on which a smaller one is."""


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """What was accepted: the rule, its class then, the figure that it compared ("" and None for words), the reading where that figure is a
    change, and until when.
    """

    rule: str
    urgency: Urgency
    side: str = ""
    amount: float | None = None
    level: float | None = None
    until: datetime | None = None


def figure(measured: Mapping[str, str]) -> tuple[str, float | None]:
    """The side of the limit and the figure that a rule compared: the change, the mean, else the value; ("", None) for words."""
    side = measured.get("side", "")
    name = next((name for name in ("change", "mean", "value") if name in measured), "")
    return side, _number(measured, name) if side else None


def level(measured: Mapping[str, str]) -> float | None:
    """The reading itself where the figure that was compared is a change, else None."""
    return _number(measured, "value") if "change" in measured else None


def _number(measured: Mapping[str, str], name: str) -> float | None:
    try:
        return float(measured[name])
    except (KeyError, ValueError):
        return None


def may_be_known(rule: str, urgency: Urgency, amount: float | None) -> bool:
    """Whether a finding can be accepted at all: no emergency, nothing of `NEVER`, and an urgent one only with a figure, so that "worse"
    can be told.
    """
    if urgency is Urgency.EMERGENCY or any(part in rule for part in NEVER):
        return False
    return urgency is not Urgency.URGENT or amount is not None


def why_not_acceptable(rule: str, urgency: Urgency, measured: Mapping[str, str], answered: bool | None) -> str:
    """Why accepting a finding would hide nothing, or must not; "" when it has an effect: told again as it is, it raises no item.

    `answered`: the rule gives the patient a safety answer; None: what was found is of no rule that acceptances are looked up for.
    """
    side, amount = figure(measured)
    if urgency is Urgency.EMERGENCY:
        return "An emergency is never accepted as known."
    if not may_be_known(rule, urgency, amount):
        return "This finding is never accepted as known: despair, violence and death are not, nor what is urgent and told in words."
    if answered is None:
        return "This is no finding of a rule about what the patient tells: it is shown each time, and accepting it would change nothing."
    if answered:
        return "The patient gets a safety answer to this, so it is shown each time: accepting it would change nothing."
    again = Fired(rule, "", urgency, "", "", measured=measured)
    if not is_known(again, [KnownFinding(rule, urgency, side, amount, level(measured))]):
        return "No single figure of this can be compared the next time, so it is shown each time: accepting it would change nothing."
    return ""


def longest_days(urgency: Urgency) -> int:
    """For how many days a finding of this class can be accepted."""
    return LONGEST_URGENT.days if urgency is Urgency.URGENT else LONGEST_DAYS


def known_until(urgency: Urgency, day: date, zone: str, now: datetime) -> datetime:
    """When the acceptance to the end of that day, where the patient is, is over: what is urgent never later than 72 hours from now."""
    end = to_utc(day + timedelta(days=1), time(), zone)
    return min(end, now + LONGEST_URGENT) if urgency is Urgency.URGENT else end


def is_known(fired: Fired, known: Iterable[KnownFinding]) -> bool:
    """True when this is accepted, by the rule above."""
    if fired.answer or not may_be_known(fired.rule, fired.urgency, figure(fired.measured)[1]):
        return False
    return any(one.rule == fired.rule and fired.urgency.rank >= one.urgency.rank and _no_worse(fired, one) for one in known)


def _no_worse(fired: Fired, one: KnownFinding) -> bool:
    """What cannot be compared counts as worse: also a blood pressure, of which either number may have risen."""
    side, amount = figure(fired.measured)
    if side != one.side or "value_2" in fired.measured or (amount is None) != (one.amount is None):
        return False
    if amount is None or one.amount is None:
        return not side
    if "change" in fired.measured and not _no_further(fired.measured, one.level):
        return False
    return amount <= one.amount if side in RISING else side in FALLING and amount >= one.amount


def _no_further(measured: Mapping[str, str], accepted: float | None) -> bool:
    """Whether the reading has gone no further the way that it was going; one without a baseline goes the way of its side."""
    here, baseline = level(measured), _number(measured, "baseline")
    if here is None or accepted is None:
        return False
    falls = here < baseline if baseline is not None else measured["side"] == "loss_over"
    return here >= accepted if falls else here <= accepted
