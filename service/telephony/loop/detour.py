"""A provider with the loop beside it: what goes to the loop's numbers takes the detour, everything else is the provider's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.telephony.loop.loop import PREFIX, Loop
from service.telephony.port import Accepted, OutgoingCall, OutgoingText, Provider, RemoteCall, RemoteText, Telephone, Webhooks


class DetourProvider:
    """The port's Provider."""

    def __init__(self, provider: Provider, loop: Loop) -> None:
        self._provider = provider
        self._loop = loop
        self.name = provider.name
        self.account = provider.account
        self.list_is_sure = provider.list_is_sure

    async def send_text(self, text: OutgoingText) -> Accepted:
        """See the port."""
        return self._loop.take(self._provider, text) if text.to in self._loop.numbers else await self._provider.send_text(text)

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        """See the port; the loop remembers nothing."""
        return [] if to in self._loop.numbers else await self._provider.list_texts(to=to, since=since, limit=limit)

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        """See the port."""
        return None if provider_id.startswith(PREFIX) else await self._provider.fetch_text(provider_id)

    async def close(self) -> None:
        """Frees the real provider's connections; the loop's are its own."""
        await self._provider.close()


class DetourTelephone:
    """The port's Telephone."""

    def __init__(self, telephone: Telephone, loop: Loop) -> None:
        self._telephone = telephone
        self._loop = loop
        self.name = telephone.name
        self.account = telephone.account
        self.list_is_sure = telephone.list_is_sure

    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        """See the port."""
        if call.to in self._loop.numbers:
            return self._loop.ring(self._telephone, call)
        return await self._telephone.place_call(call)

    async def list_calls(self, *, to: str, since: datetime, inbound: bool = False, limit: int = 50) -> Sequence[RemoteCall]:
        """See the port."""
        if to in self._loop.numbers:
            return []
        return await self._telephone.list_calls(to=to, since=since, inbound=inbound, limit=limit)

    async def fetch_call(self, provider_id: str) -> RemoteCall | None:
        """See the port."""
        return None if provider_id.startswith(PREFIX) else await self._telephone.fetch_call(provider_id)

    async def go_on(self, provider_id: str, call_id: UUID, turn: int, webhooks: Webhooks = Webhooks.VOICE) -> bool:
        """See the port; a call in the loop is never interrupted."""
        return False if provider_id.startswith(PREFIX) else await self._telephone.go_on(provider_id, call_id, turn, webhooks)

    async def close(self) -> None:
        """Frees the real telephone's connections."""
        await self._telephone.close()
