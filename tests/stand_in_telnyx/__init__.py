"""A stateful stand-in for Telnyx over HTTP: messages API v2, detail records and TeXML calls, signed with a real Ed25519 key.

In tests: `async with StandIn(...).running() as telnyx:`. By hand: `python -m tests.stand_in_telnyx --port 4020`.
"""

from tests.stand_in_telnyx.options import Options
from tests.stand_in_telnyx.server import StandIn

__all__ = ["Options", "StandIn"]
