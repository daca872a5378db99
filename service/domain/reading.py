"""What a reply is, what was asked, and what a parser found in it.

These types travel from `replies` through `triage` and `engine` to the nurse's page. Spans are half-open
`(start, end)` offsets into the reply exactly as the patient wrote it, so that a page can highlight the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Span = tuple[int, int]


class Channel(StrEnum):
    """How words travel between a patient and Rounds."""

    SMS = "sms"
    VOICE = "voice"


class Expects(StrEnum):
    """The kind of answer a question asks for."""

    YES_NO = "yes_no"
    WEIGHT_LB = "weight_lb"
    BLOOD_PRESSURE = "blood_pressure"
    GLUCOSE_MG_DL = "glucose_mg_dl"
    SPO2_PCT = "spo2_pct"
    TEMP_F = "temp_f"
    PULSE = "pulse"
    PEAK_FLOW = "peak_flow"
    INR = "inr"
    SCALE_0_10 = "scale_0_10"
    COUNT = "count"
    CHOICE = "choice"
    MEDICATION_TAKEN = "medication_taken"
    SYMPTOMS = "symptoms"
    FREE_TEXT = "free_text"
    PHQ_ITEM = "phq_item"


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a multiple-choice question: `number` is what the patient types."""

    number: int
    value: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked last: it decides how a bare "no" or "8" is understood."""

    expects: Expects
    step: str = ""
    language: str = "en"
    text: str = ""
    choices: tuple[Choice, ...] = ()
    symptoms: tuple[str, ...] = ()
    """Symptoms that the question names (canonical names), for a yes/no to them."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The patient's own words, unaltered."""

    text: str
    language: str = "en"
    channel: Channel = Channel.SMS
    first_name: str = ""
    """The patient's, so that others may speak of them by it; "" when it is not known whose words these are."""
    by_carer: bool = False
    """A relative or carer of the patient is known to write, about the patient: "she is dizzy" is the patient's."""


class FindingKind(StrEnum):
    """What sort of thing was found; `Finding.name` says which one."""

    ANSWER = "answer"  # yes | no | unsure
    CHOICE = "choice"  # value of the chosen option
    MEDICATION = "medication"  # taken | missed | partly | unsure
    MISSED_REASON = "missed_reason"  # forgot | ran_out | cost | side_effect | felt_better | confused | pharmacy | refused | other
    SYMPTOM = "symptom"  # canonical symptom name
    VALUE = "value"  # weight | blood_pressure | glucose | spo2 | temperature | scale | count | pulse | peak_flow | inr
    REQUEST = "request"  # call_me | refill | appointment | question | human
    CRISIS = "crisis"  # self_harm | violence | medical
    OPT_OUT = "opt_out"  # keyword | intent
    OPT_IN = "opt_in"  # keyword
    HELP = "help"  # keyword
    WRONG_NUMBER = "wrong_number"
    THIRD_PARTY = "third_party"  # caregiver | relative | other
    UNSAFE_TO_CONTACT = "unsafe_to_contact"
    DECEASED = "deceased"
    HOSPICE = "hospice"
    TAPBACK = "tapback"
    AUTO_REPLY = "auto_reply"
    OTHER_LANGUAGE = "other_language"
    UNCLEAR = "unclear"  # no usable answer: name says why (nothing_usable | implausible | ambiguous_unit | off_question)
    SIGN = "sign"  # a circumstance that counts only beside others (power_out, cannot_get_up); never a label
    UNEXPLAINED = "unexplained"  # content words that no rule explains
    SECOND_OPINION = "second_opinion"  # worrying | dangerous | grave: the reply as a whole sounds so, whatever was read in it
    SUPPOSED = "supposed"  # symptom:* | crisis:* that only the second opinion sees; no rule of urgency looks at it


class Assertion(StrEnum):
    """Who and when a finding is about. Only `present` is a current problem of the patient."""

    PRESENT = "present"
    DENIED = "denied"
    ENDED = "ended"
    PAST = "past"
    OTHER_PERSON = "other_person"
    HYPOTHETICAL = "hypothetical"


class Measure(StrEnum):
    """What a number measures."""

    WEIGHT = "weight"
    BLOOD_PRESSURE = "blood_pressure"
    GLUCOSE = "glucose"
    SPO2 = "spo2"
    TEMPERATURE = "temperature"
    PULSE = "pulse"
    PEAK_FLOW = "peak_flow"
    INR = "inr"
    SCALE = "scale"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, in the unit that Rounds stores (lb, mmHg, mg/dL, %, degF, /min, L/min,
    {INR}, {score}, {count}).

    A blood pressure carries systolic in `value` and diastolic in `value_2`. `stated_unit` is what the patient
    wrote ("kg"), empty when it was assumed from the question.
    """

    value: float
    unit: str
    value_2: float | None = None
    stated_unit: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing read from a reply, the words it was read from, and the rule that read it."""

    kind: FindingKind
    name: str
    rule: str
    span: Span
    assertion: Assertion = Assertion.PRESENT
    quantity: Quantity | None = None
    qualifiers: tuple[str, ...] = ()
    """Refinements in sorted order, e.g. severe, mild, sudden, at_rest, exertional, worse, one_sided, today, chronic;
    `doubted` where the second opinion does not see it, `plain` where it reads the whole reply as
    in need of nobody."""

    @property
    def present(self) -> bool:
        """True when it is about the patient, now."""
        return self.assertion is Assertion.PRESENT


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything found in one reply, in the order of the text."""

    findings: tuple[Finding, ...]
    language: str
    lexicon_version: str
    missing: str = ""
    """Why the question is not answered yet ("" when it is): no_answer | implausible | ambiguous_unit | ambiguous."""

    def first(self, kind: FindingKind, name: str | None = None) -> Finding | None:
        """The first finding of this kind (and name) about the patient now, else None."""
        for finding in self.findings:
            if finding.kind is kind and finding.present and (name is None or finding.name == name):
                return finding
        return None

    def has(self, kind: FindingKind, name: str | None = None) -> bool:
        """True when such a finding about the patient now exists."""
        return self.first(kind, name) is not None
