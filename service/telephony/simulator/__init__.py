"""Simulated phones for the demo: same port, same webhook paths and same outbox as a real provider."""

from service.telephony.simulator.build import Simulator, build
from service.telephony.simulator.phones import SimulatedPhones

__all__ = ["SimulatedPhones", "Simulator", "build"]
