"""Lays out on the simulated telephones what was written and said before the demo started, and lets live calls go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from service.db.talk import LiveCall, Said
from service.demo.cast import CLINIC_PHONE, PATIENTS
from service.domain.reading import Channel
from service.telephony.handsets import Author, CallLine, HandsetState, PhoneCall, PhoneText
from service.telephony.port import OutgoingCall
from service.telephony.simulator import SimulatedPhones, Simulator
from service.telephony.simulator.provider import STOP_WORDS

HANDED_OVER = frozenset({"accepted", "sent", "delivered", "undelivered", "unknown"})


def lay_out(phones: SimulatedPhones, said: Sequence[Said], silenced: Sequence[str], live: Sequence[LiveCall]) -> None:
    """Puts texts and the calls of each conversation onto the telephones, oldest first; blocks those that opted out by the
    carrier's own word. Those of `live` are not over."""
    ids = {call.session_id: call.provider_id for call in live if call.session_id is not None}
    for one in said:
        if one.channel == Channel.VOICE:
            _lay_call(phones, one, ids)
        elif one.direction == "in":
            phones.put(one.number, PhoneText(str(one.id), Author.PATIENT, one.body, one.at, "received"))
        elif one.status in HANDED_OVER:
            phones.put(one.number, PhoneText(str(one.id), Author.SERVICE, one.body, one.at, one.status))
    at_the_carrier = {
        one.number for one in said if one.channel == Channel.SMS and one.direction == "in" and one.body.strip().upper() in STOP_WORDS
    }
    for number in at_the_carrier.intersection(silenced):
        phones.block(number, blocked=True)


def take_up(simulator: Simulator, live: Sequence[LiveCall]) -> None:
    """The calls that were live when the process ended ring again, or go on where they were. Call inside the running loop."""
    languages = {person.number: person.language for person in PATIENTS}
    for one in live:
        call = OutgoingCall(one.id, one.number, language=languages.get(one.number, "en"), clinic_number=CLINIC_PHONE)
        before = [shown for shown in simulator.phones.conversation(one.number).calls if shown.provider_id == one.provider_id]
        simulator.telephone.take_up(call, one.provider_id, one.at, [line for shown in before for line in shown.lines], one.prompt, one.turn)


def _lay_call(phones: SimulatedPhones, one: Said, live: Mapping[UUID, str]) -> None:
    """Adds what was said to the call of its conversation; one that is live bears the provider's id already."""
    running = live.get(one.session_id, "") if one.session_id is not None else ""
    id = running or f"BEFORE{one.session_id or one.id}"
    known = [call for call in phones.conversation(one.number).calls if call.provider_id == id]
    author = Author.PATIENT if one.direction == "in" else Author.SERVICE
    lines = (*(known[0].lines if known else ()), CallLine(author, one.body, one.language))
    state, outcome = (HandsetState.TALKING, "") if running else (HandsetState.OVER, "ended")
    phones.show(one.number, PhoneCall(id, known[0].at if known else one.at, state, lines=lines, outcome=outcome))
