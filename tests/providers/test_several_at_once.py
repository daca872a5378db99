"""Three providers set at once, as a site would set them, in one process: what comes in by each is one patient's, and danger acts."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.db.communication import communications, inbound_events
from service.db.escalation import escalations
from service.domain.urgency import Urgency, by_rank
from tests import stand_in_telnyx, stand_in_twilio
from tests.stand_in_twilio import StandIn
from tests.story.clinic import CAST, set_up
from tests.story.rows import opened, rows, until
from tests.story.served import Served


@pytest.mark.law(1, 3)
async def test_texts_by_each_provider_reach_the_same_patient_and_keep_its_name(database_url: str, tmp_path: Path) -> None:
    number = CAST["Chi Chen"]
    first, second, third = StandIn(), StandIn(stand_in_twilio.signalwire()), stand_in_telnyx.StandIn()
    async with first.running(), second.running(), third.running(), opened(database_url) as database:
        await set_up(database, CAST)
        node = Served(database_url, first, tmp_path)
        node.environment |= second.settings() | third.settings()
        await node.start()
        try:
            for name, stand_in in (("twilio", first), ("signalwire", second), ("telnyx", third)):
                stand_in.options.sms_url = f"{node.base}/webhooks/{name}/sms"
                answer = await stand_in.inbound(number, f"by {name}: I have chest pain", to=stand_in.options.numbers[0])
                assert answer is not None
                assert answer.status == 200, answer.body
            told = await rows(database, inbound_events)
            assert [event.provider for event in told] == ["twilio", "signalwire", "telnyx"]
            texts = [row for row in await rows(database, communications) if row.direction == "in"]
            assert {row.patient_id for row in texts} == {texts[0].patient_id}
            [item] = await rows(database, escalations, escalations.c.patient_id == texts[0].patient_id)
            assert by_rank(item.urgency_rank) is Urgency.EMERGENCY
            await until(lambda: any("911" in message.body for message in first.store.accepted))
        finally:
            await node.stop()
