"""Simulated phones, as a page shows them: what lies on a phone, and what a visitor can do with it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Author(StrEnum):
    """Whose text lies on a simulated phone."""

    SERVICE = "service"  # Rounds
    PATIENT = "patient"  # typed on the phone
    CARRIER = "carrier"  # the provider's own answer to STOP and START


@dataclass(frozen=True, slots=True)
class PhoneText:
    """One text on a simulated phone; `state` is accepted, sent, delivered, undelivered (service) or sending, received, lost (patient)."""

    provider_id: str
    author: Author
    body: str
    at: datetime
    state: str


class HandsetState(StrEnum):
    """How a call stands on a simulated phone."""

    RINGING = "ringing"
    TALKING = "talking"  # Rounds speaks, then listens
    CONNECTING = "connecting"  # the clinic's telephone is ringing
    CONNECTED = "connected"  # somebody at the clinic has answered
    OVER = "over"


@dataclass(frozen=True, slots=True)
class CallLine:
    """One thing said in a call. `how` is "" for words, pressed, mumbled (heard unsurely) or silent."""

    author: Author
    words: str
    language: str = "en"
    how: str = ""


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """One call on a simulated phone; `lines` oldest first."""

    provider_id: str
    at: datetime
    state: HandsetState
    outgoing: bool = False
    """This phone has called the clinic."""
    lines: Sequence[CallLine] = ()
    listening: bool = False
    """Keys and words are taken now."""
    typed: str = ""
    """Keys that wait for more, or for #."""
    other: str = ""
    """The number that the call is put through to (E.164)."""
    outcome: str = ""
    """Once it is over: ended, declined, engaged, voicemail, dead (the service could not be reached)."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One simulated phone as a page shows it; `texts` and `calls` oldest first."""

    number: str
    switched_on: bool
    blocked: bool
    """True between STOP and START: the carrier lets nothing through."""
    texts: Sequence[PhoneText]
    calls: Sequence[PhoneCall] = ()


class ReplyLost(Exception):
    """The service did not take a reply from a simulated phone."""


class PhoneWatcher(Protocol):
    """One live page's view of what has changed."""

    async def changed(self) -> frozenset[str]:
        """Waits for a change; the numbers whose conversation has changed since the last call."""


class Phones(Protocol):
    """The simulated phones, as the demo's page sees them."""

    def conversations(self) -> Sequence[Conversation]:
        """Every phone, the most recently active first."""

    def conversation(self, number: str) -> Conversation:
        """One phone; an unknown number is an empty one."""

    async def reply(self, number: str, text: str) -> str:
        """Sends what a visitor typed to the service by its real webhook; the message id. Raises ValueError or ReplyLost."""

    def add(self, number: str) -> None:
        """Puts a phone on the table before any text has come."""

    def switch(self, number: str, *, on: bool) -> None:
        """Switches a phone on or off; texts to one that is off come back undelivered."""

    def watch(self) -> AbstractContextManager[PhoneWatcher]:
        """A watcher for one live page."""
