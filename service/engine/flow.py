"""What a flow says: frozen models of a reviewed file. `parse.py` reads one, `version` names its exact content.

A flow is read from the top: the first step whose question is open and whose `ask_if` holds is asked next, so a
conversation always comes to an end.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator

from service.domain.reading import Expects
from service.domain.schedule import DateRule, parse_date_rule
from service.domain.urgency import Urgency
from service.domain.wording import Wording
from service.triage import Rule, build_rule

MAX_STEPS = 40
MAX_FLAGS = 40
MAX_CHOICES = 9

_DURATION = re.compile(r"(\d{1,4}) (min|h|d)")
_MINUTES = {"min": 1, "h": 60, "d": 1440}
_AMOUNT = re.compile(r"(\d{1,4}(?:\.\d{1,2})?) (lb|kg|mg/dL|mmHg|%|degF|/min)")


def _minutes(value: Any) -> Any:
    """ "3 h" -> 180; whole minutes stay as they are (a stored flow)."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if match is None:
            raise ValueError('write a time such as "30 min", "4 h" or "2 d"')
        return int(match[1]) * _MINUTES[match[2]]
    return value


def _text(value: Any) -> Any:
    return {"plain": value} if isinstance(value, str) else value


def _amount(value: Any) -> Any:
    if isinstance(value, str):
        match = _AMOUNT.fullmatch(value)
        if match is None:
            raise ValueError('write a number and its unit, such as "10 lb"')
        return {"value": float(match[1]), "unit": match[2]}
    return value


class Model(BaseModel):
    """Frozen, and strict about names: a word that means nothing is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Text(Model):
    """A text in one language; `detail` is used instead once the patient has agreed to drug and disease names."""

    plain: str = Field(min_length=1)
    detail: str = ""

    def pick(self, detail_consent: bool) -> str:
        """The text this patient may get."""
        return self.detail if detail_consent and self.detail else self.plain


Localized = dict[str, Annotated[Text, BeforeValidator(_text)]]
Minutes = Annotated[int, BeforeValidator(_minutes), Field(ge=1, le=30 * 1440)]


class Amount(Model):
    """A number with its unit."""

    value: float = Field(gt=0)
    unit: str


class Option(Model):
    """One answer of a choice; its number is its place in the list."""

    value: str = Field(pattern=r"^[a-z][a-z_]*$")
    words: dict[str, tuple[str, ...]] = {}


class AskIf(Model):
    """Ask a step only after this answer to an earlier one."""

    step: str
    answer: tuple[str, ...] = Field(min_length=1)


class Confirm(Model):
    """A value that jumps by more than this from the last one is asked again, without delaying any red flag."""

    change_over: Annotated[Amount, BeforeValidator(_amount)]
    ask: Localized


class RedFlag(Model):
    """When a nurse must look: a rule of `triage`, how urgent, why in plain words, on what ground, what the patient hears."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    when: dict[str, Any] = Field(min_length=1)
    urgency: Urgency
    reason: str = Field(min_length=3)
    source: str = Field(min_length=3)
    answer: str = ""
    """Key of the text the patient gets, in the flow's own copy of the wording."""


class Step(Model):
    """One question: what is asked, how an answer is understood, what in it is a red flag."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    ask: Localized
    ask_again: Localized
    """Asked once more when the reply did not answer the question."""
    expects: Expects
    about: tuple[str, ...] = ()
    """Symptoms the question names, by their canonical names."""
    choices: tuple[Option, ...] = Field(default=(), max_length=MAX_CHOICES)
    also_answered_by: str = ""
    """A kind of finding that answers this question too, e.g. missed_reason."""
    ask_if: AskIf | None = None
    confirm: Confirm | None = None
    red_flags: tuple[RedFlag, ...] = ()


class Silence(Model):
    """What happens when no answer comes; times count from the question."""

    remind_after: Minutes
    remind: Localized
    """Stands before the question when it is asked again for lack of an answer."""
    silent_after: Minutes
    silent_after_high_risk: Minutes
    urgency: Urgency
    urgency_high_risk: Urgency
    source: str = Field(min_length=3)

    def after(self, high_risk: bool) -> timedelta:
        """How long after the question the patient counts as silent."""
        return timedelta(minutes=self.silent_after_high_risk if high_risk else self.silent_after)


class Flow(Model):
    """One reviewed conversation. Made by `parse_flow` or `Flow.from_json` only, which name its version."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$")
    title: str = Field(min_length=3)
    owner: str = Field(min_length=3)
    approver: str | None
    approved_on: date | None = None
    status: str = Field(min_length=3)
    sources: dict[str, str] = Field(min_length=1)
    languages: tuple[str, ...] = Field(min_length=1)
    cadence: str
    review_by: date
    """After this date the content is to be reviewed anew."""
    useful_for: Minutes
    """How long after it was due a check-in is still worth sending."""
    greeting: Localized
    """Stands before the first question."""
    silence: Silence
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    phrases: dict[str, dict[str, str]] = {}
    """The texts of the shared wording that this version uses: pinned with it."""

    _version: str = PrivateAttr(default="")
    _steps: dict[str, Step] = PrivateAttr(default_factory=dict)
    _wording: Wording = PrivateAttr(default=Wording({}, {}))
    _rules: dict[str, Rule] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any, /) -> None:
        """Names the version: the SHA-256 of the canonical JSON."""
        self._version = content_hash(self.to_json())
        self._steps = {step.key: step for step in self.steps}
        self._wording = Wording(self.phrases, {})

    @field_validator("cadence")
    @classmethod
    def _cadence(cls, value: str) -> str:
        parse_date_rule(value)
        return value

    @property
    def version(self) -> str:
        """SHA-256 (hex) of the content: a changed letter is another version."""
        return self._version

    @property
    def wording(self) -> Wording:
        """The shared texts as they were when this version was made."""
        return self._wording

    @property
    def date_rule(self) -> DateRule:
        """On which dates the check-in is due; anchor it to the enrollment's first day."""
        return parse_date_rule(self.cadence)

    @property
    def useful(self) -> timedelta:
        """How long after it was due a check-in is still worth sending."""
        return timedelta(minutes=self.useful_for)

    def step(self, key: str) -> Step:
        """The step of this name. KeyError when there is none."""
        return self._steps[key]

    def rule(self, step: Step, flag: RedFlag) -> Rule:
        """The triage rule of a red flag, built once. TablesError when `when` is no condition (checked when parsed)."""
        rule_id = f"{self.key}.{step.key}.{flag.name}"
        if rule_id not in self._rules:
            row = {
                "id": rule_id,
                "when": flag.when,
                "urgency": flag.urgency.value,
                "reason": flag.reason,
                "source": self.sources[flag.source],
            }
            self._rules[rule_id] = build_rule(row, file=self.key, version=self.version)
        return self._rules[rule_id]

    def language(self, wanted: str) -> str:
        """The wanted language if this flow speaks it, else its first."""
        return wanted if wanted in self.languages else self.languages[0]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON to be stored as the immutable version."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Flow:
        """A stored version. Its `version` is the hash of what was stored, also where a later release knows more fields."""
        flow = cls.model_validate(dict(data))
        flow._version = content_hash(data)
        flow._rules.clear()
        return flow


def content_hash(data: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of canonical JSON: sorted names, no spaces, UTF-8."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
