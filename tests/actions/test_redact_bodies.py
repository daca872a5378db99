"""The words of texts are emptied at the provider once their way is over: asked of the real adapter and its stand-in, both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import insert

from service.actions.redact_bodies import AFTER, GIVEN_UP_AFTER, redact_bodies
from service.db.communication import communications
from service.db.escalation import escalations
from service.db.schema import new_id
from service.telephony.port import OutgoingText, PermanentFailure
from service.telephony.twilio import TwilioProvider
from tests.jobs.world import World
from tests.stand_in_twilio import Options, StandIn
from tests.unit.telephony.conftest import make_provider

SOON = AFTER.total_seconds() + 1


class Desk:
    """A clinic, the stand-in and our provider."""

    def __init__(self, world: World, twilio: StandIn, provider: TwilioProvider) -> None:
        self.world, self.twilio, self.provider = world, twilio, provider

    async def sent(self, body: str, status: str = "delivered") -> tuple[UUID, str]:
        """One text of ours whose way stands so; our id and the provider's."""
        id = await self.world.text(self.world.clinic.ana, body)
        accepted = await self.provider.send_text(OutgoingText(id, "+12025550101", body))
        await self.world.set(communications, id, status=status, provider="twilio", provider_id=accepted.provider_id)
        if status == "delivered":
            self.twilio.store.move(self.twilio.store.messages[accepted.provider_id], "delivered")
        return id, accepted.provider_id

    async def heard(self, body: str) -> tuple[UUID, str]:
        """One text of a patient, stored; our id and the provider's."""
        await self.twilio.inbound("+12025550101", body)
        [message] = self.twilio.store.inbound
        [like] = [row for row in await self.world.rows(communications) if row.direction == "out"][:1]
        values = {**like._mapping, "id": new_id(self.world.now), "direction": "in", "status": "received", "body": body}
        values |= {"provider": "twilio", "provider_id": message.sid, "attempt_id": None, "redaction": "", "redact_at": None}
        async with self.world.database.transaction() as connection:
            await connection.execute(insert(communications).values(values))
        return values["id"], message.sid

    async def round(self, **forward: float) -> int:
        self.world.clock.forward(**forward)
        return await redact_bodies(self.world.database, {"twilio": self.provider}, self.world.clock)

    def words(self, sid: str) -> str:
        """What the provider still has."""
        return self.twilio.store.messages[sid].body

    async def word(self, id: UUID) -> str:
        [row] = await self.world.rows(communications, communications.c.id == id)
        return str(row.redaction)


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    world = await World.open(database_url)
    async with StandIn(Options(callbacks=[])).running() as twilio:
        provider = make_provider(twilio)
        yield Desk(world, twilio, provider)
        await provider.close()
    await world.database.close()


@pytest.mark.law(10)
async def test_the_words_of_a_delivered_and_of_a_patients_text_are_gone_at_the_provider_and_kept_here(desk: Desk) -> None:
    ours, sid = await desk.sent("How is your weight?")
    theirs, their_sid = await desk.heard("183, and my chest hurts")
    assert await desk.round() == 0, "not at once: a word that contradicts the last may still come"
    assert desk.words(sid) == "How is your weight?"
    assert await desk.round(seconds=SOON) == 2
    assert (desk.words(sid), desk.words(their_sid)) == ("", "")
    assert (await desk.word(ours), await desk.word(theirs)) == ("done", "done")
    kept = {row.id: row.body for row in await desk.world.rows(communications)}
    assert (kept[ours], kept[theirs]) == ("How is your weight?", "183, and my chest hurts")
    assert await desk.round(days=30) == 0


@pytest.mark.parametrize("status", ["accepted", "sent", "unknown", "claimed"])
async def test_a_text_that_is_still_on_its_way_keeps_its_words(desk: Desk, status: str) -> None:
    id, sid = await desk.sent("on its way", status)
    await desk.round()
    assert await desk.round(days=1) == 0
    assert (desk.words(sid), await desk.word(id)) == ("on its way", "")


async def test_redaction_too_early_is_asked_for_again(desk: Desk) -> None:
    desk.twilio.options.redact_after_seconds = 3_600  # by the stand-in's own clock: 20009 for now
    id, sid = await desk.sent("too early")
    await desk.round()
    assert await desk.round(seconds=SOON) == 0
    assert (desk.words(sid), await desk.word(id)) == ("too early", "due")
    assert await desk.round(seconds=30) == 0, "not before a minute"
    desk.twilio.options.redact_after_seconds = 0
    assert await desk.round(minutes=5) == 1
    assert desk.words(sid) == ""


async def test_what_is_not_emptied_for_a_week_is_given_up_and_a_person_is_told(desk: Desk) -> None:
    desk.twilio.options.redact_after_seconds = 10**9
    id, _ = await desk.sent("never")
    await desk.round()
    for _ in range(4):
        await desk.round(hours=1)
    assert await desk.world.rows(escalations) == []
    await desk.round(seconds=GIVEN_UP_AFTER.total_seconds())
    assert await desk.word(id) == "given_up"
    [item] = await desk.world.rows(escalations)
    assert item.kind == "operational"
    await desk.round(days=1)
    assert len(await desk.world.rows(escalations)) == 1


async def test_a_text_that_the_provider_has_forgotten_is_done(desk: Desk) -> None:
    id, sid = await desk.sent("forgotten")
    del desk.twilio.store.messages[sid]
    await desk.round()
    assert await desk.round(seconds=SOON) == 1
    assert await desk.word(id) == "done"


async def test_wrong_credentials_wait_for_somebody_to_put_them_right(desk: Desk) -> None:
    id, sid = await desk.sent("locked out")
    await desk.round()
    token, desk.twilio.options.auth_token = desk.twilio.options.auth_token, "another"
    assert await desk.round(seconds=SOON) == 0
    assert await desk.word(id) == "due"
    desk.twilio.options.auth_token = token
    assert await desk.round(hours=7) == 1
    assert desk.words(sid) == ""


async def test_a_provider_that_refuses_for_good_is_not_asked_again(desk: Desk) -> None:
    id, _ = await desk.sent("refused")

    class Refusing:
        name = "twilio"
        asked = 0

        async def redact_text(self, provider_id: str) -> None:
            self.asked += 1
            raise PermanentFailure("30400", "no")

    refusing = Refusing()
    for _ in range(3):
        await redact_bodies(desk.world.database, {"twilio": refusing}, desk.world.clock)
        desk.world.clock.forward(days=1)
    assert refusing.asked == 1
    assert await desk.word(id) == "given_up"


async def test_another_providers_texts_are_left_alone_and_a_round_is_bounded(desk: Desk) -> None:
    elsewhere, sid = await desk.sent("elsewhere")
    await desk.world.set(communications, elsewhere, provider="telnyx")
    many = [await desk.sent(f"text {number}") for number in range(7)]
    await desk.round()
    desk.world.clock.forward(seconds=SOON)
    rounds = [await redact_bodies(desk.world.database, {"twilio": desk.provider}, desk.world.clock, limit=3) for _ in range(4)]
    assert rounds == [3, 3, 1, 0]
    assert all(desk.words(each) == "" for _, each in many)
    assert (desk.words(sid), await desk.word(elsewhere)) == ("elsewhere", "")
    assert await redact_bodies(desk.world.database, {}, desk.world.clock) == 0


async def test_two_nodes_ask_for_no_text_at_the_same_time(desk: Desk) -> None:
    for number in range(6):
        await desk.sent(f"text {number}")
    await desk.round()
    desk.world.clock.forward(seconds=SOON)
    first = await redact_bodies(desk.world.database, {"twilio": desk.provider}, desk.world.clock, limit=4)
    second = await redact_bodies(desk.world.database, {"twilio": desk.provider}, desk.world.clock, limit=4)
    assert (first, second) == (4, 2)
