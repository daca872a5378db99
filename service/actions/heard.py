"""What was heard of a patient, and the question that it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.knowledge import Knowledge
from service.actions.safety_answers import asked_for_safety, owes_safety_answer
from service.domain.facts import Facts
from service.domain.patient import PatientContext, Phone, WaitingSession
from service.domain.reading import Channel, Question, Reading, Reply
from service.domain.related_person import RelatedPerson
from service.engine import Flow, Session, late_question, question_of
from service.engine.follow_through import FollowThrough
from service.engine.opening import NUMBER_QUESTION
from service.engine.steps import AskStep
from service.replies import read

MACHINE = "machine"
"""Version of the rules in this room: items the machine opens for its own reasons (decisions 2)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A text as it arrived, or words (or keys that stand for them) as they were said on the telephone."""

    body: str
    phone: Phone
    provider: str
    provider_id: str
    received_at: datetime
    provider_answered: bool = False
    """The provider has replied to a keyword itself (OptOutType): no text of ours on top."""
    keyword: str = ""
    """STOP | START | HELP as the provider understood it, else ""."""
    unblocked: bool = False
    """The provider took the words (YES) for START and lets texts through again; the patient has not said START."""
    media_count: int = 0
    related: RelatedPerson | None = None
    """The relative or carer from whose number it came; None for the patient's own."""
    answers: bool = True
    """False: not an answer of the patient's, nor for them (a relative without that scope, or speaking of themself)."""
    of_themself: bool = False
    """A relative or carer who says "I": whom it is about is not known."""
    shared: bool = False
    """From a shared phone whose speaker said lately who they are: somebody else may have it in hand by now."""
    communication_id: UUID | None = None
    """Set when the text is already kept and is only now known to be this patient's (shared phone)."""
    channel: Channel = Channel.SMS
    question: Question | None = None
    """What was asked on the telephone; a text finds its question itself."""
    stranger: bool = False
    """Said on the telephone before the identity check: red flags count, nothing is recorded as the patient's."""

    @property
    def by_related_person(self) -> bool:
        """Whether a relative or carer wrote it from their own number."""
        return self.related is not None


def question_and_reading(
    knowledge: Knowledge, context: PatientContext, flow: Flow | None, heard: Heard, facts: Facts
) -> tuple[Question | None, Reading]:
    """The question that the words answer, and what they say in its light.

    While a safety re-check is waited for, the safety text may still have no answer: a bare 1, 2 or 3 is one, and nothing measured.
    """
    by_carer = heard.by_related_person and not heard.of_themself
    reply = Reply(heard.body, context.language, heard.channel, facts.first_name, by_carer=by_carer)
    asks_both = context.session is not None and flow is not None and flow.kind == "recheck" and heard.channel is Channel.SMS
    after = knowledge.follow_through
    if asks_both and _was_told(context, heard) and owes_safety_answer(after, context.item, heard.received_at):
        reading = read(knowledge.lexicon, reply, after.asked)
        if after.answered(reading) is not None:
            return after.asked, reading
    question = _question(after, context, flow, heard)
    return question, read(knowledge.lexicon, reply, question)


def _question(after: FollowThrough, context: PatientContext, flow: Flow | None, heard: Heard) -> Question | None:
    if heard.channel is Channel.VOICE:
        return heard.question
    if context.session is not None and flow is not None and heard.answers:
        return question_of(flow, Session.from_json(context.session.state))
    if _was_told(context, heard) and asked_for_safety(after, context.item, heard.received_at):
        return after.asked
    if may_be_late(context, heard) is not None and (late := _late_question(context, flow, heard)) is not None:
        return late
    return NUMBER_QUESTION if heard.phone.id in context.unconfirmed_phones and not heard.by_related_person else None


def _was_told(context: PatientContext, heard: Heard) -> bool:
    """Whether a safety text may be answered from here: by a relative or carer only what went to their own number."""
    return not heard.by_related_person or (context.item is not None and heard.phone.id in context.item.safety_phones)


def may_be_late(context: PatientContext, heard: Heard) -> WaitingSession | None:
    """The conversation that was given up and may be answered now: by text, by the patient, while no other is under way."""
    answerable = context.session is None and heard.channel is Channel.SMS and not heard.by_related_person
    return context.late if answerable else None


def _late_question(context: PatientContext, flow: Flow | None, heard: Heard) -> Question | None:
    if context.late is None or flow is None:
        return None
    return late_question(flow, Session.from_json(context.late.state), heard.received_at)


def answers_a_recheck(context: PatientContext, flow: Flow | None) -> bool:
    """Whether the words answer a safety re-check that had been asked: no other one follows on it."""
    if context.session is None or flow is None:
        return False
    step = flow.step(Session.from_json(context.session.state).step)
    return isinstance(step, AskStep) and step.recheck
