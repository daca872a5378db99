"""The kinds of step that a flow is made of: frozen models of what stands under `steps:` in a reviewed file."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from service.domain.reading import Expects
from service.domain.urgency import Urgency
from service.engine.written import Days, Localized, Minutes, Model, WrittenAmount

MAX_FLAGS = 40
"""Red flags of one flow."""
MAX_CHOICES = 9
KEY = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,3}$"
"""A step's name; the steps of a subflow stand behind the name of the step that runs it: missed.reason."""
NAME = r"^[a-z][a-z0-9_]*$"
FLOW_KEY = r"^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$"
SHORTEST_WAIT_MINUTES, LONGEST_WAIT_MINUTES = 15, 240
MOST_DAYS_AHEAD = 30
MOST_SUMMED = 40


def _waitable(minutes: int) -> int:
    if not SHORTEST_WAIT_MINUTES <= minutes <= LONGEST_WAIT_MINUTES:
        raise ValueError("write a wait from 15 min to 4 h")
    return minutes


def _soon(days: int) -> int:
    if days > MOST_DAYS_AHEAD:
        raise ValueError(f"write 1 d to {MOST_DAYS_AHEAD} d")
    return days


When = Annotated[dict[str, Any], Field(min_length=1)]
"""A condition in the language of `when` (see the README)."""


class Option(Model):
    """One answer of a choice; its number is its place in the list."""

    value: str = Field(pattern=NAME)
    """The name under which the answer is kept."""
    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Other words for it, by language."""


class Confirm(Model):
    """A value that jumps by more than this from the last one is asked again, without delaying any red flag."""

    change_over: WrittenAmount
    """From this difference on, e.g. 10 lb."""
    ask: Localized
    """The question that asks for the value once more."""
    say: Localized | None = None
    """The same, spoken."""


class Unclear(Model):
    """What becomes of an answer that was not understood twice."""

    urgency: Urgency
    """Of the nurse's item. Without `unclear:` it is same_day, and urgent for a high-risk patient."""


class RedFlag(Model):
    """When a nurse must look: a rule of `triage`, how urgent, why in plain words, on what ground, what the patient hears."""

    name: str = Field(pattern=NAME)
    """Unique in the file; cases name it as step.name."""
    when: When
    """The condition."""
    urgency: Urgency
    """emergency, urgent, same_day or routine."""
    reason: str = Field(min_length=3)
    """What the nurse reads; may name {value} {value_2} {change} {threshold} {name} {unit}."""
    source: str = Field(min_length=3)
    """A key of the flow's `sources:`."""
    answer: str = ""
    """What the patient hears: the key of a text in shared/wording.yaml, or the words in each language."""

    recheck: str = Field(default="", pattern=rf"^$|{FLOW_KEY}")
    """The safety re-check that begins when the check-in is over, such as shared/glucose_again."""


class Run(Model):
    """Steps of a subflow stand here, under this step's only_if, at most 3 subflows deep."""

    run: str = Field(pattern=FLOW_KEY)
    """The subflow, such as shared/missed_dose."""
    only_if: When | None = None
    """All of them are skipped when this is false."""


class _Step(Model):
    key: str = Field(pattern=KEY)
    only_if: tuple[When, ...] = ()
    """The step is skipped when this is false; what is not known is asked."""


class AskStep(_Step):
    """A question: what is asked, how an answer is understood, what in it is a red flag."""

    kind: Literal["ask"] = "ask"
    ask: Localized
    """The question as a text."""
    ask_again: Localized
    """The second try, when the reply did not answer the question."""
    say: Localized
    """The spoken question: no "reply". The keys of a choice stand in it; for other answers they are said by themselves."""
    expects: Expects
    """The kind of answer."""
    about: tuple[str, ...] = ()
    """Symptoms the question names, by their canonical names; with expects: symptoms."""
    choices: tuple[Option, ...] = Field(default=(), max_length=MAX_CHOICES)
    """The answers offered; with expects: choice."""
    range: tuple[int, int] | None = None
    """Plausible values of a count, both included; another one is asked again."""
    also_answered_by: str = ""
    """A kind of finding that answers this question too, e.g. missed_reason."""
    confirm: Confirm | None = None
    """Ask again for a value far from the last one."""
    red_flags: tuple[RedFlag, ...] = ()
    """What in the answer a nurse must see."""
    late: Minutes | None = None
    """How long after it was asked an answer still counts; without it 4 h longer than silent_after, or useful_for if that is more."""
    can_raise_emergency: bool = False
    """Not asked in the last 2 h before nobody is on duty."""
    recheck: bool = False
    """A safety re-check after a wait: no answer in 30 min raises the urgency by one class."""
    unclear: Unclear | None = None
    """What becomes of an answer that was not understood twice."""


class TellStep(_Step):
    """A text without a question; it goes out together with the next question where both fit into two segments."""

    kind: Literal["tell"] = "tell"
    tell: Localized
    """The text."""
    say: Localized | None = None
    """The same, spoken; without it the text is."""


class EducateStep(_Step):
    """The next message of a topic in the programme's education.yaml that this patient has not had."""

    kind: Literal["educate"] = "educate"
    educate: str = Field(pattern=NAME)
    """The topic."""
    say: Localized | None = None
    """Spoken before the message."""


class WaitStep(_Step):
    """Nothing is asked for this long; then the re-check that follows. A reply meanwhile is read as always."""

    kind: Literal["wait"] = "wait"
    wait: Annotated[Minutes, AfterValidator(_waitable)]
    """15 min to 4 h."""


class HandOver(Model):
    """A nurse's item that the flow raises by itself."""

    urgency: Urgency
    """emergency, urgent, same_day or routine."""
    reason: str = Field(min_length=3)
    """What the nurse reads."""
    source: str = Field(min_length=3)
    """A key of the flow's `sources:`."""
    answer: str = ""
    """What the patient hears, as in a red flag."""


class HandOverStep(_Step):
    """Hands the patient to a nurse; with only_if it is the branch "if ..., a nurse looks"."""

    kind: Literal["hand_over"] = "hand_over"
    hand_over: HandOver
    """How urgent, why, on what ground, and what the patient hears."""


class FollowUp(Model):
    """One extra check-in; it replaces an earlier one that is still planned."""

    after: Annotated[Days, AfterValidator(_soon)]
    """1 d to 30 d: on that day, at the usual hour."""
    of: str = Field(pattern=FLOW_KEY)
    """Which check-in of the same programme, such as heart_failure/daily."""


class FollowUpStep(_Step):
    """Plans one extra check-in."""

    kind: Literal["follow_up"] = "follow_up"
    follow_up: FollowUp
    """When, and which."""


class Pause(Model):
    """Check-ins rest. A stay in the hospital ends by a nurse, a journey after its days or when the patient texts that they are back."""

    kind: Literal["hospital", "away"]
    """hospital, or away for what the patient has agreed to."""
    days_from: str = Field(default="", pattern=rf"^$|{KEY}")
    """With away: the question (expects: count) after how many days the patient is back."""
    for_: Annotated[Days, AfterValidator(_soon)] | None = Field(default=None, alias="for")
    """With away: for how long, where no number of days was told (or 0, not known); 1 d to 30 d."""

    @model_validator(mode="after")
    def _journeys_end(self) -> Self:
        if self.kind == "away" and self.for_ is None:
            raise ValueError("a pause for a journey needs for: such as 7 d, where nobody knows how many days")
        if self.kind == "hospital" and (self.days_from or self.for_ is not None):
            raise ValueError("a pause for the hospital has no days: a nurse ends it")
        return self


class PauseStep(_Step):
    """Check-ins rest from now on; this one goes on to its end."""

    kind: Literal["pause"] = "pause"
    pause: Pause
    """Why, and for how long."""


class Record(Model):
    """Keeps the answer to an earlier step, or the sum of several, under a name. Later check-ins know it as `recorded`."""

    name: str = Field(pattern=NAME, max_length=24)
    """The name in the patient's record."""
    from_: str = Field(default="", alias="from", pattern=rf"^$|{KEY}")
    """The step whose answer is kept."""
    total: tuple[Annotated[str, Field(pattern=KEY)], ...] = Field(default=(), max_length=MOST_SUMMED)
    """Instead of from: the steps whose scores are added up; nothing is kept while one of them has no answer."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.from_) == bool(self.total):
            raise ValueError("write from: with one step, or total: with a list of steps")
        return self

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that it keeps something of."""
        return self.total or (self.from_,)


class RecordStep(_Step):
    """Keeps an answer under a name in the patient's record."""

    kind: Literal["record"] = "record"
    record: Record
    """Which answer, and under which name."""


Step = Annotated[
    AskStep | TellStep | EducateStep | WaitStep | HandOverStep | FollowUpStep | RecordStep | PauseStep, Field(discriminator="kind")
]
KINDS: dict[str, type[Model]] = {
    "ask": AskStep,
    "tell": TellStep,
    "educate": EducateStep,
    "wait": WaitStep,
    "hand_over": HandOverStep,
    "follow_up": FollowUpStep,
    "record": RecordStep,
    "pause": PauseStep,
}
