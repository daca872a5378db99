"""Telephony providers call in: verify the signature, parse the provider's form, one action, answer."""

from service.webhooks.calls import Calls, Turn, setup_calls
from service.webhooks.nurse_calls import NurseCalls, setup_nurse_calls
from service.webhooks.page_calls import PageCalls, setup_page_calls
from service.webhooks.routes import setup

__all__ = ["Calls", "NurseCalls", "PageCalls", "Turn", "setup", "setup_calls", "setup_nurse_calls", "setup_page_calls"]
