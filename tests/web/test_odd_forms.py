"""Forms as no browser sends them: refused or understood, never an error of ours (and nothing half-done)."""

from __future__ import annotations

import re
from urllib.parse import urlencode
from uuid import UUID

import pytest
from yarl import URL

from service.db.database import Database
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, Browser, NewBrowser

FORM = "application/x-www-form-urlencoded"
NUMBER = "9" * 30

ODD: dict[str, tuple[str, dict[str, str], bytes, str]] = {
    "a NUL in a note": ("note", {"note": "a\0b"}, b"", FORM),
    "a NUL in a message and its reason": ("reply", {"text": "a\0b", "reason": "x\0y"}, b"", FORM),
    "a NUL wherever an item is closed": (
        "resolve",
        {"version": "2", "disposition": "advised\0", "closing_note": "x\0", "spoke_to": "\0", "follow_up": "\0"},
        b"",
        FORM,
    ),
    "a version beyond every integer": ("resolve", {"version": NUMBER, "disposition": "advised", "closing_note": "x"}, b"", FORM),
    "a version of 5,000 digits": ("resolve", {"version": "9" * 5000, "disposition": "advised", "closing_note": "x"}, b"", FORM),
    "bytes that are no UTF-8": ("note", {}, b"&note=\xff\xfe", FORM),
    "percent-encoded bytes that are no UTF-8": ("note", {}, b"&note=%ff", FORM),
    "half a surrogate pair": ("note", {}, b"&note=%ed%a0%80", FORM),
    "a character set that nobody knows": ("note", {"note": "a"}, b"", FORM + "; charset=klingon"),
    "UTF-16": ("note", {"note": "a"}, b"", FORM + "; charset=utf-16"),
    "a multipart form without a boundary": ("note", {"note": "a"}, b"", "multipart/form-data"),
    "a broken multipart form": ("note", {"note": "a"}, b"--x\r\nabc", "multipart/form-data; boundary=x"),
    "JSON": ("note", {"note": "a"}, b"", "application/json"),
    "thirty thousand fields": ("note", {"note": "a"}, b"&a=b" * 30_000, FORM),
    "a phone that is no id": ("reply", {"text": "a", "phone": "zzz"}, b"", FORM),
    "concerns that are no ids": ("resolve", {"version": "2", "answered": "zzz"}, b"", FORM),
}


async def _signed_in(browse: NewBrowser, clinic: Clinic, database: Database) -> tuple[Browser, UUID, str]:
    item_id = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    status, _, _ = await nora.post(f"/items/{item_id}/claim", {})
    assert status == 303
    _, text, _ = await nora.get("/queue")
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', text)
    assert found is not None
    return nora, item_id, found[1]


async def test_odd_forms_are_refused_or_understood(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    nora, item_id, token = await _signed_in(browse, clinic, database)
    answers: dict[str, int] = {}
    for name, (page, fields, more, content_type) in ODD.items():
        body = urlencode({"form_token": token, **fields}).encode() + more
        headers = {"Content-Type": content_type, **nora.headers}
        async with nora.session.post(f"{nora.base}/items/{item_id}/{page}", data=body, headers=headers, allow_redirects=False) as answer:
            answers[name] = answer.status
    assert {name: status for name, status in answers.items() if status >= 500} == {}


@pytest.mark.parametrize(
    "fields", [{"email": "a\0b@example.org", "password": "x\0"}, {"email": "é" * 300, "password": "x" * 20_000}], ids=["NUL", "long"]
)
async def test_odd_letters_at_sign_in_are_a_wrong_password(browse: NewBrowser, clinic: Clinic, fields: dict[str, str]) -> None:
    visitor = await browse()
    status, _, _ = await visitor.post("/sign-in", fields)
    assert status == 422


@pytest.mark.parametrize(
    "more", [b"&email=%ff&password=%ff", b"&email=%ed%a0%80&password=%ed%a0%80", b"&email=\xff&password=\xff"], ids=str
)
async def test_bytes_that_are_no_text_are_no_sign_in(browse: NewBrowser, clinic: Clinic, more: bytes) -> None:
    visitor = await browse()
    _, text, _ = await visitor.get("/sign-in")
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', text)
    assert found is not None
    headers = {"Content-Type": FORM, **visitor.headers}
    body = f"form_token={found[1]}".encode() + more
    async with visitor.session.post(visitor.base + "/sign-in", data=body, headers=headers, allow_redirects=False) as answer:
        assert 400 <= answer.status < 500


@pytest.mark.parametrize(
    "path",
    [
        "/items/%00",
        "/static/../../etc/passwd",
        "/static/%2e%2e/%2e%2e%2fsettings.py",
        "/static/x/%00",
        "/%ff",
        "//evil.example",
        "/x%0d%0aSet-Cookie:%20a=b",
    ],
)
async def test_odd_addresses_are_not_found_and_lead_nowhere(browse: NewBrowser, clinic: Clinic, path: str) -> None:
    nora = await browse(clinic.nora)
    async with nora.session.get(URL(nora.base + path, encoded=True), allow_redirects=False) as answer:
        assert answer.status == 404
        assert "Set-Cookie" not in answer.headers
    visitor = await browse()
    async with visitor.session.get(URL(visitor.base + path, encoded=True), allow_redirects=False) as answer:
        assert answer.status in (303, 404)
        assert answer.headers.get("Location", "/sign-in").startswith("/sign-in")


ODD_VALUES = (
    "\0",
    "a\0b",
    NUMBER,
    "9" * 5000,
    "-62135596800000000",
    "0001-01-01",
    "9999-12-31",
    "0001-01-01T00:00",
    "9999-12-31T23:59",
    "0001-01-01T00:00:00+14:00_" + str(UUID(int=1)),
    "9999-12-31T23:59:59-12:00_" + str(UUID(int=1)),
    "253402300799999999_" + "0" * 32,
    "-62135596800000000." + "0" * 32,
    "0.-62135596800000000.253402300799999999." + "0" * 32,
    "\N{RIGHT-TO-LEFT OVERRIDE}",
    "\u0663",
)
ASKED = {
    "/queue": ("tab", "urgency", "programme", "kind", "waiting", "holder", "who", "after"),
    "/patients": ("programme", "status", "team", "before"),
    "/patients/{chi}": ("type", "before", "merged"),
    "/patients/{chi}/charts": ("days",),
    "/patients/{chi}/doses": ("month",),
    "/oncall/promises": ("state", "team", "before"),
    "/rota": ("team", "week"),
    "/who": ("team", "at", "urgency"),
    "/supervisor/report": ("week", "team"),
    "/access": ("before",),
    "/audit": ("who", "whom", "action", "since", "until", "after"),
}


async def test_odd_values_in_addresses_are_not_found_or_not_heeded(browse: NewBrowser, clinic: Clinic) -> None:
    sol, abe = await browse(clinic.sol), await browse(clinic.abe)
    failed: list[tuple[str, str]] = []
    for page, names in ASKED.items():
        reader = abe if page == "/audit" else sol
        for name in names:
            for value in ODD_VALUES:
                path = f"{page.format(chi=clinic.chi.id)}?{urlencode({name: value})}"
                async with reader.session.get(URL(reader.base + path, encoded=True), allow_redirects=False) as answer:
                    if answer.status >= 500:
                        failed.append((f"{page}?{name}", value[:60]))
    assert failed == []


@pytest.mark.parametrize("seen", ["0.0.-62135596800000000", "0.0.253402300799999999", "0.0." + NUMBER, "\u0663"])
async def test_a_page_that_has_seen_nonsense_last_is_told_where_it_stands(browse: NewBrowser, clinic: Clinic, seen: str) -> None:
    nora = await browse(clinic.nora)
    async with nora.session.get(nora.base + "/queue/live", headers={"Last-Event-ID": seen}) as answer:
        assert answer.status == 200
        assert (await answer.content.readline()).startswith(b"id: 0.0.0")
