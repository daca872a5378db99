"""Whose failed sign-ins are counted together: the address of the browser, also behind one's own proxies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network
MOST_HOPS = 10


def own_address(request: web.Request) -> str:
    """The address of the connection itself."""
    return request.remote or ""


def address_behind(proxies: Sequence[Network]) -> Callable[[web.Request], str]:
    """Reads X-Forwarded-For from the right, as far as the hops are one's own proxies: what stands further left anybody may write."""

    def is_proxy(text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in proxies)

    def find(request: web.Request) -> str:
        address = own_address(request)
        hops = [hop.strip() for header in request.headers.getall("X-Forwarded-For", []) for hop in header.split(",")]
        for hop in reversed(hops[-MOST_HOPS:]):
            if not is_proxy(address):
                break
            address = hop
        return address

    return find
