"""Puts the simulator together: provider, receiver and phones share one secret that lives as long as the process."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from service.telephony.simulator.line import Line
from service.telephony.simulator.phones import SimulatedPhones
from service.telephony.simulator.provider import STEP_SECONDS, SimulatorProvider
from service.telephony.simulator.receiver import SimulatorReceiver


@dataclass(frozen=True, slots=True)
class Simulator:
    """The three faces of the simulator."""

    provider: SimulatorProvider
    receiver: SimulatorReceiver
    phones: SimulatedPhones


def build(
    *,
    public_base_url: str,
    sender: str,
    now: Callable[[], datetime],
    connect_to: str = "",
    step_seconds: float = STEP_SECONDS,
) -> Simulator:
    """A simulator whose webhooks go to `public_base_url` (or by way of `connect_to`); `sender` is the service's number."""
    secret = secrets.token_urlsafe(32)
    provider = SimulatorProvider(line=Line(public_base_url, secret, connect_to), sender=sender, now=now, step_seconds=step_seconds)
    return Simulator(provider, SimulatorReceiver(secret), provider.phones)
