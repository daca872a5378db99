"""What is decided about the number while a call is live: by word, by key, by text."""

from __future__ import annotations

from service.actions.receive_reply import receive_replies
from service.db.communication import communications
from service.db.escalation import concerns
from service.db.patient import consents, patient_phones
from service.telephony.port import InboundMessage
from tests.calls.conftest import Telephones
from tests.seed import SENDER


async def test_a_spoken_opt_out_ends_texts_too_and_no_text_says_it_again(telephones: Telephones) -> None:
    chi = telephones.clinic.chi
    await telephones.agree_to_calls(chi)
    call, _ = await telephones.identified(chi)
    said = await call.speak("please stop calling me and stop texting me", confidence=0.9)
    assert said.over
    assert "9 1 1" in said
    assert all(row.revoked_at is not None for row in await telephones.rows(consents, consents.c.patient_id == chi.id))
    texts = await telephones.rows(communications, communications.c.purpose == "opt_out_confirmation", communications.c.channel == "sms")
    assert texts == []


async def test_a_wrong_number_by_text_during_the_call_breaks_no_step_of_it(telephones: Telephones) -> None:
    chi = telephones.clinic.chi
    await telephones.agree_to_calls(chi)
    call, _ = await telephones.identified(chi)
    message = InboundMessage("twilio", telephones.twilio.options.account_sid, "SMwrong", chi.number, SENDER, "wrong number", 0, "", {})
    await receive_replies(telephones.database, telephones.knowledge, telephones.clock, [message])
    [link] = await telephones.rows(patient_phones, patient_phones.c.phone_id == chi.phone_id)
    assert link.ended_why == "wrong_number"
    said = await call.press("150#")
    assert said.over
    assert "machine.call_failed" not in {row.rule for row in await telephones.rows(concerns)}
