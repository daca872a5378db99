"""Texts whose webhook never arrived are fetched from the provider's list: the real twilio library, a stand-in over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from service.actions.receive_reply import receive_replies
from service.actions.recover_replies import JOB, NotRecovered, recover_replies
from service.clock import SystemClock
from service.db.communication import communications, inbound_events
from service.db.escalation import concerns, escalations
from service.db.health import beat
from service.db.organization import sender_numbers
from service.domain.communication import Status
from service.domain.urgency import Urgency, by_rank
from service.telephony.port import InboundMessage, NotOffered, PermanentFailure, RemoteText, TransientFailure
from service.telephony.twilio import TwilioProvider
from tests.actions.house import House
from tests.seed import NOBODY, SENDER
from tests.stand_in_twilio import Options, StandIn


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with StandIn(Options(numbers=[SENDER], sms_url="")).running() as running:
        yield running


@pytest.fixture
async def provider(stand_in: StandIn) -> AsyncIterator[TwilioProvider]:
    made = TwilioProvider(
        account_sid=stand_in.options.account_sid,
        auth_token=stand_in.options.auth_token,
        sender=SENDER,
        public_base_url="https://rounds.example",
        api_base=stand_in.url,
    )
    yield made
    await made.close()


@pytest.mark.law(2)
async def test_a_red_flag_whose_webhook_was_lost_is_found_in_the_list_once(
    house: House, stand_in: StandIn, provider: TwilioProvider
) -> None:
    house.clock.time = datetime.now(UTC)
    await stand_in.inbound(house.clinic.chi.number, "I have chest pain")
    await stand_in.inbound(house.clinic.ana.number, "hello there")
    providers = {provider.name: provider}
    assert await recover_replies(house.database, providers, house.knowledge, SystemClock()) == 2
    said = await house.rows(communications, communications.c.direction == "in")
    assert [one.body for one in said] == ["I have chest pain", "hello there"]
    assert "emergency" in {by_rank(item.urgency_rank) for item in await house.rows(escalations)}
    assert await recover_replies(house.database, providers, house.knowledge, SystemClock()) == 0
    assert len(await house.rows(inbound_events)) == 2


@pytest.mark.law(3)
async def test_a_text_that_came_by_webhook_is_not_taken_again_from_the_list(
    house: House,
    stand_in: StandIn,
    provider: TwilioProvider,
) -> None:
    await stand_in.inbound(house.clinic.ana.number, "hello there")
    [listed] = await provider.list_texts(to=None, since=datetime.now(UTC) - timedelta(hours=1))
    message = InboundMessage("twilio", provider.account, listed.provider_id, listed.sender, listed.to, listed.body, raw={})
    await receive_replies(house.database, house.knowledge, SystemClock(), [message])
    assert await recover_replies(house.database, {provider.name: provider}, house.knowledge, SystemClock()) == 0


class Lister:
    """A provider that only lists: inbound texts of the last hours, newest first."""

    name, account, list_is_sure = "twilio", "AC1", True

    def __init__(self, texts: Sequence[RemoteText]) -> None:
        self.texts = texts

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        return [text for text in self.texts if text.created_at >= since][:limit]


def _lost(house: House, number: str, hours_ago: int, place: int) -> RemoteText:
    at = house.clock.now() - timedelta(hours=hours_ago)
    return RemoteText(f"SM{place:032x}", SENDER, number, "can you call me please", Status.RECEIVED, "received", at, inbound=True)


@pytest.mark.law(2)
async def test_a_lost_text_that_cannot_be_stored_is_looked_at_again_in_the_next_round(house: House) -> None:
    endless = RemoteText("9" * 80, SENDER, house.clinic.ana.number, "hello", Status.RECEIVED, "received", house.clock.now(), inbound=True)
    lister: Any = Lister([endless, _lost(house, house.clinic.chi.number, 1, 1)])
    if not house.database.is_postgresql:
        pytest.skip("SQLite stores ids of any length")
    for _ in range(2):
        with pytest.raises(NotRecovered, match="1 of"):
            await recover_replies(house.database, {"twilio": lister}, house.knowledge, house.clock)
    assert len(await house.rows(inbound_events)) == 1  # its neighbour was taken, once


@pytest.mark.law(2)
async def test_after_a_long_standstill_more_is_read_than_a_usual_round_reads(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.actions.recover_replies.PAGES", (3, 6, 100))
    lister: Any = Lister([_lost(house, house.clinic.chi.number, hours, hours) for hours in range(1, 9)])
    assert await recover_replies(house.database, {"twilio": lister}, house.knowledge, house.clock) == 8


@pytest.mark.law(2)
async def test_what_a_list_holds_beyond_the_largest_page_is_an_item(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.actions.recover_replies.PAGES", (3, 6))
    lister: Any = Lister([_lost(house, house.clinic.chi.number, hours, hours) for hours in range(1, 9)])
    for _ in range(2):
        await recover_replies(house.database, {"twilio": lister}, house.knowledge, house.clock)
    assert [row.rule for row in await house.rows(concerns)].count("recovery_incomplete") == 1


class Asked(Lister):
    """The same, and what it was asked for."""

    def __init__(self, texts: Sequence[RemoteText]) -> None:
        super().__init__(texts)
        self.asked: list[tuple[str | None, datetime, int]] = []

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        self.asked.append((to, since, limit))
        return await super().list_texts(to=to, since=since, limit=limit)


async def test_a_usual_round_asks_for_one_small_page_of_each_own_number_since_the_last_round(house: House) -> None:
    lister: Any = Asked([])
    async with house.database.transaction() as connection:
        await beat(connection, "node-1", {JOB: house.clock.now() - timedelta(minutes=1)})
    await recover_replies(house.database, {"twilio": lister}, house.knowledge, house.clock)
    assert lister.asked == [(SENDER, house.clock.now() - timedelta(minutes=11), 100)]


async def test_a_list_that_lags_is_looked_at_further_back(house: House) -> None:
    lister: Any = Asked([])
    lister.list_is_sure = False
    async with house.database.transaction() as connection:
        await beat(connection, "node-1", {JOB: house.clock.now() - timedelta(minutes=1)})
    await recover_replies(house.database, {"twilio": lister}, house.knowledge, house.clock)
    assert [since for _, since, _ in lister.asked] == [house.clock.now() - timedelta(minutes=121)]


async def test_where_texts_come_in_at_a_pool_the_whole_account_is_asked_for(house: House) -> None:
    pool = insert(sender_numbers).values(
        id=NOBODY, organization_id=house.clinic.organization_id, provider="twilio", sender="MG" + "1" * 32, purpose="other"
    )
    async with house.database.transaction() as connection:
        await connection.execute(pool)
    lister: Any = Asked([])
    await recover_replies(house.database, {"twilio": lister}, house.knowledge, house.clock)
    assert [to for to, _, _ in lister.asked] == [None]


@pytest.mark.law(2)
async def test_a_provider_that_cannot_be_asked_keeps_no_other_from_being_asked_and_the_round_does_not_count(house: House) -> None:
    class Away(Lister):
        name = "signalwire"

        async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
            raise TransientFailure("20503", "away")

    away: Any = Away([])
    lister: Any = Lister([_lost(house, house.clinic.chi.number, 1, 1)])
    with pytest.raises(TransientFailure):
        await recover_replies(house.database, {"signalwire": away, "twilio": lister}, house.knowledge, house.clock)
    assert len(await house.rows(inbound_events)) == 1


@pytest.mark.law(2, 12)
@pytest.mark.parametrize("refusal", [PermanentFailure("20404", "not a number of this account"), None], ids=["not listed", "not stored"])
async def test_what_is_wrong_with_one_of_our_numbers_keeps_no_other_from_being_read(house: House, refusal: Exception | None) -> None:
    endless = RemoteText("9" * 80, SENDER, house.clinic.ana.number, "hello", Status.RECEIVED, "received", house.clock.now(), inbound=True)

    class Half(Lister):
        async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
            if to == SENDER and refusal is not None:
                raise refusal
            return [text for text in self.texts if text.to == to]

    if refusal is None and not house.database.is_postgresql:
        pytest.skip("SQLite stores ids of any length")
    second = "+12025550199"
    assert second > SENDER, "the number with the fault is read first"
    values = {"organization_id": house.clinic.organization_id, "provider": "twilio", "sender": second, "purpose": "other"}
    async with house.database.transaction() as connection:
        await connection.execute(insert(sender_numbers).values(id=NOBODY, **values))
    lost = replace(_lost(house, house.clinic.chi.number, 1, 1), to=second, body="I have chest pain")
    half: Any = Half([endless, lost])
    with pytest.raises((PermanentFailure, NotRecovered)):
        await recover_replies(house.database, {"twilio": half}, house.knowledge, house.clock)
    [item] = await house.rows(escalations)
    assert by_rank(item.urgency_rank) is Urgency.EMERGENCY


async def test_a_provider_without_a_list_is_no_failure(house: House) -> None:
    class Listless(Lister):
        async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
            raise NotOffered("no list")

    listless: Any = Listless([])
    assert await recover_replies(house.database, {"twilio": listless}, house.knowledge, house.clock) == 0


async def test_what_came_in_at_a_telephone_of_rounds_itself_is_missed_by_nobody(house: House) -> None:
    lister: Any = Lister([_lost(house, house.clinic.chi.number, 1, 1)])
    assert await recover_replies(house.database, {"twilio": lister}, house.knowledge, house.clock, {SENDER}) == 0
