"""One call as its phone has it: what was said, what is listened for, and which keys wait. Without I/O."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.prompt import Connect, Gather, HangUp, Prompt, Say
from service.telephony.handsets import Author, CallLine, HandsetState, PhoneCall
from service.telephony.port import OutgoingCall

LINES = 200
MOST_KEYS = 32
KEYS = "123456789*0#"


@dataclass(slots=True)
class Handset:
    """A call on a phone. `placed` is what the service asked for, None for a call from this phone to the clinic."""

    id: str
    number: str
    at: datetime
    placed: OutgoingCall | None
    state: HandsetState = HandsetState.RINGING
    outcome: str = ""
    word: str = "ringing"
    """The carrier's name for how the call stands."""
    path: str = ""
    """Where the next step goes, below the webhooks' root; "" when nothing follows."""
    listening: Gather | None = None
    typed: str = ""
    other: str = ""
    lines: deque[CallLine] = field(default_factory=lambda: deque(maxlen=LINES))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is picked up, and when it is over."""
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state is HandsetState.OVER

    def walk(self, prompt: Prompt, path: str) -> bool:
        """Does what a prompt says up to the point at which this end must act; False when the prompt ends the call."""
        self.listening, self.typed, self.other, self.path = None, "", "", path
        for part in prompt.parts:
            match part:
                case Say():
                    self.says(part)
                case Gather():
                    for say in part.says:
                        self.says(say)
                    self.listening = part
                    return True
                case Connect():
                    self.state, self.other = HandsetState.CONNECTING, part.number
                    return True
                case HangUp():
                    return False
        return False

    def says(self, say: Say) -> None:
        """Words that the service speaks."""
        if say.text.strip():
            self.lines.append(CallLine(Author.SERVICE, say.text, say.language))

    def press(self, key: str) -> str | None:
        """One key: all keys once there are as many as are listened for, or # has closed them; None while more may come."""
        gather = self.listening
        if gather is None or key not in KEYS or len(key) != 1:
            return None
        if key != "#":
            self.typed += key
            if len(self.typed) < (gather.digits or MOST_KEYS):
                return None
        typed, self.typed = self.typed, ""
        return typed

    def end(self, outcome: str, word: str = "completed") -> None:
        """The call is over."""
        self.state, self.outcome, self.word = HandsetState.OVER, outcome, word
        self.listening, self.typed, self.path = None, "", ""
        self.changed.set()

    def shown(self) -> PhoneCall:
        """As a page shows it."""
        return PhoneCall(
            provider_id=self.id,
            at=self.at,
            state=self.state,
            outgoing=self.placed is None,
            lines=tuple(self.lines),
            listening=self.listening is not None,
            typed=self.typed,
            other=self.other,
            outcome=self.outcome,
        )
