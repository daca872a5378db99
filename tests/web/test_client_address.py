"""Whose failed sign-ins are counted together."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request

from service.web.client_address import address_behind, own_address

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("connection", "forwarded", "address"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "203.0.113.1", "198.51.100.7"),  # not our proxy: it may write what it likes
        ("10.0.0.2", "203.0.113.1", "203.0.113.1"),
        ("10.0.0.2", "6.6.6.6, 203.0.113.1", "203.0.113.1"),  # the browser wrote the first one itself
        ("10.0.0.2", "6.6.6.6, 203.0.113.1, 10.0.0.3", "203.0.113.1"),
        ("10.0.0.2", "rubbish", "rubbish"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
    ],
)
def test_only_what_our_own_proxies_say_is_believed(connection: str, forwarded: str, address: str) -> None:
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": forwarded} if forwarded else {}).clone(remote=connection)
    assert address_behind(PROXIES)(request) == address
    assert own_address(request) == connection
