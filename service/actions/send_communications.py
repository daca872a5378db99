"""Sends what is due in one lane: claim and judge in one transaction, call the provider in none, record in another.

Every attempt is a row before its call, and is called at most once. A process that dies in between leaves a claim whose
lease runs out: the text becomes `unknown`, is looked up at the provider, and is never sent again blindly (law 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.actions.claim_texts import Claiming, claim_texts
from service.actions.hand_over import hand_over
from service.clock import Clock
from service.db.database import Database
from service.domain.communication import Lane
from service.domain.contact_law import ContactLaw
from service.telephony.port import Provider


@dataclass(frozen=True, slots=True)
class Sent:
    """What one round did; `claimed` texts were handed over, `refused` ones held, expired or cancelled by policy."""

    claimed: int = 0
    refused: int = 0


async def send_communications(
    database: Database,
    providers: Mapping[str, Provider],
    lane: Lane,
    clock: Clock,
    node: str,
    law: ContactLaw,
    *,
    limit: int = 100,
    concurrency: int = 20,
    default_rate: float | None = None,
    began: Callable[[int, int], object] = lambda claimed, refused: None,
    done: Callable[[], object] = lambda: None,
) -> Sent:
    """One round: hands over at most `limit` due texts of a lane, at most `concurrency` calls at a time, and waits for their end.

    `began` is told how many were claimed and refused as soon as that is committed, `done` of each text whose call is over.
    Routine texts leave as far as their senders' buckets have room (`default_rate` in segments a second for senders without a rate of
    their own), so that a provider's own queue never stands in front (decisions 15).
    """
    batch = await claim_texts(Claiming(database, providers, law, node, default_rate), lane, clock.now(), limit)
    began(len(batch.calls), batch.refused)
    if batch.calls:
        await hand_over(database, batch, clock, concurrency, done=done)
    return Sent(len(batch.calls), len(batch.refusals))
