"""What a flow says: frozen models of a reviewed file. `parse.py` reads one, `version` names its exact content.

A flow is read from the top: the first step that is open and whose `only_if` is not false comes next, so a conversation
always comes to an end. The steps of subflows stand in it, so that a stored version is complete.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr, field_validator

from service.domain.cadence import Cadence, cadence_text, parse_cadence
from service.domain.urgency import Urgency
from service.domain.wording import Wording
from service.engine.steps import NAME, AskStep, RedFlag, Step, When
from service.engine.written import Days, Localized, Minutes, Model
from service.triage import Condition, Rule, build_condition, build_rule, steps_named

MAX_STEPS = 60
SOONER = "silence:"
"""Among the conditions that are built once: when silence counts sooner. No step is called so."""
MIN_LATE = timedelta(hours=4)
"""How long after the silence an answer still counts, unless the question says otherwise. Own choice."""


class Silence(Model):
    """What happens when no answer comes; times count from the question."""

    remind_after: Minutes
    """When the question is asked again."""
    remind: Localized
    """Stands before the question when it is asked again for lack of an answer."""
    silent_after: Minutes
    """When the patient counts as silent."""
    silent_after_high_risk: Minutes
    """The same where silence counts sooner: for a high-risk patient, after a red flag, after an answer that was not understood, and as
    the next two words say."""
    sooner_when: When | None = None
    """Silence counts sooner where this holds too, such as {day: {at_most: 6}}; what is not known counts as if it held."""
    sooner_after_emergency: Minutes = 72 * 60
    """Silence counts sooner for so long after an emergency of this patient's; 72 h (own choice) unless said otherwise."""
    urgency: Urgency
    """Of the nurse's item."""
    urgency_high_risk: Urgency
    """The same where silence counts sooner."""
    source: str = Field(min_length=3)
    """A key of the flow's `sources:`."""

    def after(self, high_risk: bool) -> timedelta:
        """How long after the question the patient counts as silent."""
        return timedelta(minutes=self.silent_after_high_risk if high_risk else self.silent_after)


class Quicken(Model):
    """When a check-in's findings fulfil this, check-ins go back to an earlier phase for some days."""

    when: When
    """The condition."""
    phase: int = Field(ge=1)
    """The phase of the cadence, 1 is the first."""
    for_: Days = Field(alias="for")
    """For how long, such as 14 d."""


class Lesson(Model):
    """One message of a topic in education.yaml."""

    name: str = Field(pattern=NAME, max_length=40)
    """Unique in its topic: what a patient has had is remembered by it."""
    text: Localized
    """The message in each language (en: and es: in the file)."""
    say: Localized | None = None
    """The same, spoken."""
    source: str = Field(min_length=3)
    """A key of the file's `sources:`."""


@dataclass(slots=True)
class Built:
    """What a flow's steps have been made into; "" among the conditions is that of `quicken`."""

    steps: dict[str, Step]
    rules: dict[tuple[str, str], Rule] = field(default_factory=dict)
    conditions: dict[str, tuple[Condition, ...]] = field(default_factory=dict)
    any_flag: dict[str, Condition] = field(default_factory=dict)


class Head(Model):
    """What stands at the head of every reviewed file."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$")
    title: str = Field(min_length=3)
    """What the flow is, for nurses."""
    owner: str = Field(min_length=3)
    """The team that keeps it right."""
    approver: str | None
    """null, or the clinician who approved it."""
    approved_on: date | None = None
    """The day of the approval."""
    status: str = Field(min_length=3)
    """Without an approver: draft, not clinically approved."""
    review_by: date
    """After this date the content is to be reviewed anew."""
    sources: dict[str, str] = Field(min_length=1)
    """Where numbers and rules come from, each under a short name."""
    languages: tuple[str, ...] = Field(min_length=1)
    """en, es."""


class Written(Head):
    """What every flow file holds, a check-in as well as a subflow."""

    model_config = ConfigDict(ignored_types=(cached_property,))

    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    """The steps, read from the top."""
    phrases: dict[str, dict[str, str]] = Field(default_factory=dict)
    """The texts of the shared wording that this version uses: pinned with it."""

    _version: str = PrivateAttr(default="")
    _wording: Wording = PrivateAttr(default=Wording({}, {}))

    def model_post_init(self, context: Any, /) -> None:
        """Names the version: the SHA-256 of the canonical JSON."""
        self._version = content_hash(self.to_json())
        self._wording = Wording(self.phrases, {})

    @property
    def version(self) -> str:
        """SHA-256 (hex) of the content: a changed letter is another version."""
        return self._version

    @property
    def wording(self) -> Wording:
        """The shared texts as they were when this version was made."""
        return self._wording

    @cached_property
    def questions(self) -> tuple[AskStep, ...]:
        """The steps that ask something, in order."""
        return tuple(step for step in self.steps if isinstance(step, AskStep))

    @cached_property
    def built(self) -> Built:
        """Steps by name, and the rules and conditions made of them so far: making one takes longer than judging it."""
        return Built({step.key: step for step in self.steps})

    def step(self, key: str) -> Step:
        """The step of this name. KeyError when there is none."""
        return self.built.steps[key]

    def question(self, key: str) -> AskStep:
        """The question of this name. KeyError when there is none, TypeError when that step asks nothing."""
        step = self.built.steps[key]
        if not isinstance(step, AskStep):
            raise TypeError(f"{key} asks nothing")
        return step

    def rule(self, step: AskStep, flag: RedFlag) -> Rule:
        """The triage rule of a red flag, built once. TablesError when `when` is no condition (checked when parsed)."""
        rules = self.built.rules
        if (step.key, flag.name) not in rules:
            row = {
                "id": f"{self.key}.{step.key}.{flag.name}",
                "when": flag.when,
                "urgency": flag.urgency.value,
                "reason": flag.reason,
                "source": self.sources[flag.source],
            }
            rules[step.key, flag.name] = build_rule(row, file=self.key, version=self.version)
        return rules[step.key, flag.name]

    def any_flag(self, step: AskStep) -> Condition:
        """True when one of the step's red flags is: most steps are passed over at once by what it needs."""
        found = self.built.any_flag
        if step.key not in found:
            found[step.key] = Condition("any_of", parts=tuple(self.rule(step, flag).when for flag in step.red_flags))
        return found[step.key]

    def only_if(self, step: Step) -> tuple[Condition, ...]:
        """The step's conditions, all of which must hold, built once. ConditionError when one is none (checked when parsed)."""
        conditions = self.built.conditions
        if step.key not in conditions:
            conditions[step.key] = tuple(build_condition(written) for written in step.only_if)
        return conditions[step.key]

    def language(self, wanted: str) -> str:
        """The wanted language if this flow speaks it, else its first."""
        return wanted if wanted in self.languages else self.languages[0]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON to be stored as the immutable version."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A stored version. Its `version` is the hash of what was stored, also where a later release knows more fields."""
        flow = cls.model_validate(dict(data))
        flow._version = content_hash(data)
        return flow


class Subflow(Written):
    """Steps that several flows run; it is never a check-in of its own."""

    kind: Literal["subflow"]
    """Says that this is a subflow."""


class Flow(Written):
    """One reviewed check-in. Made by `parse_flow`, `parse_recheck` or `Flow.from_json` only, which name its version."""

    kind: Literal["check_in", "recheck"] = "check_in"
    """A check-in (the default), a safety re-check or a subflow."""
    cadence: str
    """How often: a rule, phases, or days counted from the start."""
    stop_after: Days
    """How long the programme lasts at most, such as 180 d."""
    quicken: Quicken | None = None
    """When check-ins come more often again."""
    useful_for: Minutes
    """How long after it was due a check-in is still worth sending."""
    greeting: Localized
    """Stands before the first question."""
    silence: Silence
    """What happens when no answer comes."""
    education: dict[str, tuple[Lesson, ...]] = Field(default_factory=dict)
    """The topics of education.yaml that this flow uses: pinned with it."""

    @field_validator("cadence", mode="before")
    @classmethod
    def _cadence(cls, value: Any) -> str:
        return cadence_text(value)

    @property
    def date_rule(self) -> Cadence:
        """On which dates the check-in is due; anchor it to the enrollment's first day."""
        return parse_cadence(self.cadence)

    @property
    def useful(self) -> timedelta:
        """How long after it was due a check-in is still worth sending."""
        return timedelta(minutes=self.useful_for)

    def late(self, step: AskStep) -> timedelta:
        """How long after it was asked an answer to this question still counts: `late`, else some hours longer than silence takes."""
        return timedelta(minutes=step.late) if step.late is not None else max(self.useful, self.silence.after(False) + MIN_LATE)

    @cached_property
    def named(self) -> frozenset[str]:
        """The steps that some condition of the flow names: what was told to the others is of no account to it."""
        conditions = [condition for step in self.steps for condition in self.only_if(step)]
        conditions += [self.any_flag(step) for step in self.questions]
        conditions += [self.quicken_when] if self.quicken_when is not None else []
        return frozenset[str]().union(*(steps_named(condition) for condition in conditions))

    @property
    def sooner_when(self) -> Condition | None:
        """The condition under which silence counts sooner, built once; None when there is none."""
        if self.silence.sooner_when is None:
            return None
        conditions = self.built.conditions
        if SOONER not in conditions:
            conditions[SOONER] = (build_condition(self.silence.sooner_when),)
        return conditions[SOONER][0]

    @property
    def quicken_when(self) -> Condition | None:
        """The condition for more frequent check-ins, built once; None when there is none."""
        if self.quicken is None:
            return None
        conditions = self.built.conditions
        if "" not in conditions:
            conditions[""] = (build_condition(self.quicken.when),)
        return conditions[""][0]


_CLINIC = {"en": "Hello from {clinic}.", "es": "Le saluda {clinic}."}


class Recheck(Written):
    """A safety re-check: it begins by itself after a red flag that names it, waits, asks again, and waits 30 min for the answer."""

    kind: Literal["recheck"]
    """Says that this is a safety re-check."""

    def flow(self) -> Flow:
        """The re-check as a conversation of its own. What only check-ins have stands for the shortest: it is never planned by dates,
        and every question in it is a re-check, which is not asked again when no answer comes.
        """
        clinic = {language: {"plain": _CLINIC[language]} for language in self.languages}
        silence = {"remind_after": 29, "silent_after": 30, "silent_after_high_risk": 30, "urgency": "urgent", "urgency_high_risk": "urgent"}
        filled = {
            "cadence": "daily",
            "stop_after": 1,
            "useful_for": 60,
            "greeting": clinic,
            "silence": {**silence, "remind": clinic, "source": next(iter(self.sources))},
        }
        return Flow.model_validate({**self.to_json(), **filled})


_Topic = Annotated[str, Field(pattern=NAME, max_length=40)]
_Lessons = Annotated[tuple[Lesson, ...], Field(min_length=1, max_length=30)]


class Education(Model):
    """A programme's education.yaml."""

    title: str = Field(min_length=3)
    """What the file holds, for nurses."""
    owner: str = Field(min_length=3)
    """The team that keeps it right."""
    sources: dict[str, str] = Field(min_length=1)
    """Where the advice comes from, each under a short name."""
    messages: dict[_Topic, _Lessons] = Field(min_length=1, max_length=30)
    """The messages by topic, in the order in which a patient gets them."""


def content_hash(data: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of canonical JSON: sorted names, no spaces, UTF-8."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
