"""What actions know besides the database: reviewed content and the address of our own pages. Made once by app.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import flows
from service.domain.contact_law import ContactLaw
from service.domain.wording import Wording
from service.engine import Flow
from service.engine.follow_through import FollowThrough
from service.engine.opening import Opening
from service.replies import Lexicon
from service.triage import Tables


@dataclass(slots=True)
class Knowledge:
    """Content as loaded at start: vocabulary, urgency table, texts, what follows a safety text; and the flow versions met so far."""

    lexicon: Lexicon
    tables: Tables
    wording: Wording
    public_base_url: str
    follow_through: FollowThrough
    opening: Opening
    law: ContactLaw
    _flows: dict[UUID, Flow] = field(default_factory=dict)

    async def flows(self, connection: AsyncConnection, version_ids: Iterable[UUID]) -> dict[UUID, Flow]:
        """The pinned flow versions by id; those not met before are read from the database in one statement."""
        wanted = set(version_ids)
        missing = wanted - self._flows.keys()
        if missing:
            for id, content in (await flows.contents_of(connection, missing)).items():
                self._flows[id] = Flow.from_json(content)
        return {id: self._flows[id] for id in wanted if id in self._flows}

    def item_link(self, escalation_id: UUID) -> str:
        """The address of an item's page."""
        return f"{self.public_base_url}/items/{escalation_id}"
