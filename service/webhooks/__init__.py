"""Telephony providers call in: verify the signature, parse the provider's form, one action, answer."""

from service.webhooks.calls import Calls, Turn, setup_calls
from service.webhooks.routes import setup
from service.webhooks.staff_calls import setup_staff_calls

__all__ = ["Calls", "Turn", "setup", "setup_calls", "setup_staff_calls"]
