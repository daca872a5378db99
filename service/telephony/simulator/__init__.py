"""Simulated phones for the demo: same port, same webhook paths, same outbox and calls as a real provider."""

from service.telephony.simulator.build import Simulator, build
from service.telephony.simulator.phones import SimulatedPhones
from service.telephony.simulator.telephone import SimulatorTelephone

__all__ = ["SimulatedPhones", "Simulator", "SimulatorTelephone", "build"]
