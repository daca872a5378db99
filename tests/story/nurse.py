"""A nurse at a browser without JavaScript: cookies, forms with their token, the pages as they are served."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import aiohttp

_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


class Nurse:
    """Signed in; `Nurse.at(base, email, password)` opens one."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    @classmethod
    @asynccontextmanager
    async def at(cls, base: str, email: str, password: str) -> AsyncIterator[Nurse]:
        """Signs in as a person does."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            nurse = cls(session, base)
            assert await nurse.submit("/sign-in", "/sign-in", {"email": email, "password": password}) == 303
            yield nurse

    async def page(self, path: str) -> str:
        """The page's markup; AssertionError unless it is served with 200."""
        async with self._session.get(self._base + path, allow_redirects=False) as response:
            assert response.status == 200, f"{path}: {response.status}"
            return await response.text()

    async def submit(self, page: str, action: str, form: Mapping[str, str] | Iterable[tuple[str, str]]) -> int:
        """Sends a form with the token that its page holds; the status (303: done)."""
        found = _TOKEN.search(await self.page(page))
        assert found is not None, f"{page} has no form"
        fields = [*form.items()] if isinstance(form, Mapping) else [*form]
        headers = {"Sec-Fetch-Site": "same-origin"}
        data = [("form_token", found[1]), *fields]
        async with self._session.post(self._base + action, data=data, allow_redirects=False, headers=headers) as response:
            return response.status

    async def queue(self, tab: str = "unclaimed") -> dict[str, str]:
        """The rows of the queue in their order: item id -> the row's words."""
        text = await self.page(f"/queue?tab={tab}")
        rows = re.findall(r'<li class="row row-\w+" id="item-([0-9a-f-]{36})"(.*?)</li>', text, re.DOTALL)
        return {item_id: words(row) for item_id, row in rows}

    async def item_of(self, name: str) -> str:
        """The id of the one item that bears this name in the queue's unclaimed part."""
        found = [item_id for item_id, row in (await self.queue()).items() if name in row]
        assert len(found) == 1, f"{len(found)} items"
        return found[0]


def words(markup: str) -> str:
    """What a reader sees of a piece of markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def part(markup: str, element_id: str) -> str:
    """The markup of a card or form of a page, from its id up to the next one."""
    _, found, rest = markup.partition(f'id="{element_id}"')
    assert found, element_id
    return re.split(r'<(?:div|form|p) class="card', rest, maxsplit=1)[0]


def marks(markup: str) -> list[str]:
    """The highlighted words."""
    return [words(found) for found in re.findall(r"<mark>(.*?)</mark>", markup, re.DOTALL)]
