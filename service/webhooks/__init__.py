"""Telephony providers call in: verify the signature, parse the provider's form, one action, answer."""

from service.webhooks.routes import setup

__all__ = ["setup"]
