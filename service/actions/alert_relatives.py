"""Tells relatives and carers what the patient agreed that they are told, without a word on health (safety rule 36).

A step inside others' transactions; whether it may leave is judged when it does, like any text.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from service.db import audit, communication
from service.db.changes import Changes
from service.domain.communication import Lane, Purpose
from service.domain.patient import PatientContext
from service.domain.related_person import Scope
from service.domain.schedule import to_local
from service.domain.wording import Wording

_TEXTS = {Scope.ALERT_EMERGENCY: "relative_emergency", Scope.ALERT_SILENCE: "relative_silence"}
_USEFUL_FOR = {Scope.ALERT_EMERGENCY: timedelta(hours=1), Scope.ALERT_SILENCE: timedelta(hours=12)}
_VIOLENCE = "abuse"
NEVER_OF = frozenset({_VIOLENCE, "crisis", "danger"})
"""Answers to what nobody at home may hear of: whoever is told might be the one who is feared, or not be meant to know."""


def alert_relatives(changes: Changes, wording: Wording, context: PatientContext, of: Scope, *, heard_on: UUID | None = None) -> int:
    """A text to each whose scope names it; how many. None while any of the patient's numbers is not safe to contact, or violence was told.

    `heard_on`: the phone that has just told it gets none.
    """
    if any(phone.unsafe_since is not None for phone in context.phones):
        return 0
    if context.item is not None and _VIOLENCE in context.item.safety_texts:  # silence after it must not be told to who may be feared
        return 0
    on = to_local(changes.now, context.zone).date()
    told = [one for one in context.related if one.is_told(of, on) and one.phone_id != heard_on]
    for one in told:
        id = communication.outbound(
            changes,
            organization_id=context.organization.id,
            patient_id=context.id,
            phone_id=one.phone_id,
            body=wording.for_patient(_TEXTS[of], context.facts(changes.now)),
            language=context.language,
            purpose=Purpose.RELATIVE,
            lane=Lane.EMERGENCY if of is Scope.ALERT_EMERGENCY else Lane.ROUTINE,
            useful_until=changes.now + _USEFUL_FOR[of],
            related_person_id=one.id,
        )
        audit.record(
            changes, context.organization.id, "relative_told", patient_id=context.id, object_kind="communication", object_id=id,
            detail={"of": of.value, "related_person": str(one.id)},
        )  # fmt: skip
    return len(told)
