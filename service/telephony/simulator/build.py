"""Puts the simulator together: provider, telephone, receivers and phones share one secret that lives as long as the process."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from service.telephony.simulator.line import Line
from service.telephony.simulator.phones import SimulatedPhones
from service.telephony.simulator.provider import STEP_SECONDS, SimulatorProvider
from service.telephony.simulator.receiver import SimulatorReceiver
from service.telephony.simulator.telephone import RING_SECONDS, SimulatorTelephone
from service.telephony.simulator.voice import SimulatorVoice


@dataclass(frozen=True, slots=True)
class Simulator:
    """The faces of the simulator."""

    provider: SimulatorProvider
    receiver: SimulatorReceiver
    phones: SimulatedPhones
    telephone: SimulatorTelephone
    voice: SimulatorVoice


def build(
    *,
    public_base_url: str,
    sender: str,
    now: Callable[[], datetime],
    connect_to: str = "",
    step_seconds: float = STEP_SECONDS,
    ring_seconds: float = RING_SECONDS,
) -> Simulator:
    """A simulator whose webhooks go to `public_base_url` (or by way of `connect_to`); `sender` is the service's number."""
    secret = secrets.token_urlsafe(32)
    line = Line(public_base_url, secret, connect_to)
    provider = SimulatorProvider(line=line, sender=sender, now=now, step_seconds=step_seconds)
    telephone = SimulatorTelephone(phones=provider.phones, line=line, sender=sender, now=now, ring_seconds=ring_seconds)
    return Simulator(provider, SimulatorReceiver(secret), provider.phones, telephone, SimulatorVoice())
