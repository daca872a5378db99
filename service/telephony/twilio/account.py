"""One account at a provider of Twilio's interface: the library's client over our own HTTP, and where its webhooks go."""

from __future__ import annotations

from urllib.parse import urlsplit

from twilio.rest import Client

from service.telephony.twilio.dialect import Dialect
from service.telephony.twilio.transport import Transport


def connect(transport: Transport, account: str, secret: str, key_id: str = "") -> Client:
    """The library's client. `key_id`: an API key of the account, whose secret `secret` then is; "": the account's own token.

    Region, edge and credentials are all given, so that the library looks for nothing in the environment.
    """
    return Client(  # type: ignore[no-untyped-call]
        key_id or account, secret, account, http_client=transport, environment={"": ""}
    )


def webhooks(dialect: Dialect, public_base_url: str) -> str:
    """The address under which all webhooks of this provider come in. ValueError for one that the provider refuses."""
    host = urlsplit(public_base_url).hostname or ""
    if not host or "_" in host:
        raise ValueError(f"PUBLIC_BASE_URL needs a host name, and {dialect.title} refuses one with an underscore")
    return f"{public_base_url.rstrip('/')}/webhooks/{dialect.name}"
