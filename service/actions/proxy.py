"""What the words of a relative or carer count for: within their scope they answer for the patient, beyond it a nurse reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.actions.heard import Heard
from service.actions.knowledge import Knowledge
from service.domain.decision import Fired
from service.domain.patient import PatientContext
from service.domain.reading import Expects, Finding, FindingKind
from service.domain.related_person import ANSWERS, Scope
from service.domain.schedule import to_local
from service.engine import Flow, Session, question_of
from service.replies.proxy import speaks_of_themself

_READINGS = frozenset(
    (
        Expects.WEIGHT_LB,
        Expects.BLOOD_PRESSURE,
        Expects.GLUCOSE_MG_DL,
        Expects.SPO2_PCT,
        Expects.TEMP_F,
        Expects.PULSE,
        Expects.PEAK_FLOW,
        Expects.INR,
        Expects.COUNT,
        Expects.MEDICATION_TAKEN,
    )
)
_NEVER = frozenset({Expects.PHQ_ITEM})
"""A mood questionnaire is the patient's own."""
_RECORDED = {
    FindingKind.VALUE: Scope.READINGS,
    FindingKind.MEDICATION: Scope.READINGS,
    FindingKind.MISSED_REASON: Scope.READINGS,
    FindingKind.SYMPTOM: Scope.SYMPTOMS,
}


def weigh(knowledge: Knowledge, context: PatientContext, flow: Flow | None, heard: Heard) -> Heard:
    """The words with what they count for, in the light of the patient's open question. The patient's own always answer."""
    person = heard.related
    if person is None:
        return heard
    first_name = context.name.split()[0] if context.name.split() else ""
    if speaks_of_themself(knowledge.lexicon, heard.body, first_name):
        return replace(heard, answers=False, of_themself=True)
    on = to_local(heard.received_at, context.zone).date()
    answers = person.may(*ANSWERS, on=on)
    if answers and flow is not None and context.session is not None:
        question = question_of(flow, Session.from_json(context.session.state))
        wanted = Scope.READINGS if question is not None and question.expects in _READINGS else Scope.SYMPTOMS
        answers = person.may(wanted, on=on) and (question is None or question.expects not in _NEVER)
    return replace(heard, answers=answers)


def recorded(context: PatientContext, heard: Heard, findings: Sequence[Finding]) -> list[Finding]:
    """What of this is kept as the patient's: of a relative only what their scope names, and nothing that they say of themself."""
    person = heard.related
    if person is None:
        return list(findings)
    if heard.of_themself:
        return []
    on = to_local(heard.received_at, context.zone).date()
    return [one for one in findings if one.kind in _RECORDED and person.may(_RECORDED[one.kind], on=on)]


def told_by(heard: Heard, fired: Sequence[Fired]) -> list[Fired]:
    """The reasons for an item, with who said it: "Said by the daughter: ..."."""
    if heard.related is None:
        return list(fired)
    who = heard.related.called
    words = f"Said by {who} of themself or of the patient, ask who: " if heard.of_themself else f"Said by {who}: "
    return [replace(one, reason=words + one.reason) for one in fired]
