"""A stateful stand-in for Twilio's messaging API over HTTP: it keeps what it accepts, signs, calls back, blocks and fails on demand.

In tests: `async with StandIn(...).running() as twilio:`. For fault runs: `python -m tests.stand_in_twilio --port 4010`.
"""

from tests.stand_in_twilio.options import Options, signalwire
from tests.stand_in_twilio.server import StandIn

__all__ = ["Options", "StandIn", "signalwire"]
