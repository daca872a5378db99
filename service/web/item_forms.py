"""What an item's forms send, read and bounded; and the way back to its page."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from service.domain.encounter import CHOICES, MANY, WORDS, Encounter

TOO_LONG = 20_000
MOST_CHOSEN = 100


def id_of(request: web.Request) -> UUID:
    """The id in the path."""
    return UUID(request.match_info["id"])


async def text(request: web.Request, name: str) -> str:
    """A field of the form, "" when it is not there."""
    value = (await request.post()).get(name, "")
    return value.replace("\r\n", "\n").replace("\0", "")[:TOO_LONG] if isinstance(value, str) else ""


def seen(version: str) -> int:
    """The version of the item that its form was shown with; 0, which no item has, for none."""
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else 0


async def id_in(request: web.Request, name: str) -> UUID | None:
    """A field that holds an id, None when it is empty. 404 for what is no id."""
    value = await text(request, name)
    try:
        return UUID(value) if value else None
    except ValueError:
        raise web.HTTPNotFound from None


async def encounter(request: web.Request) -> Encounter:
    """The fields of an encounter note."""
    form = await request.post()
    values: dict[str, object] = {name: await text(request, name) for name in (*CHOICES, *WORDS, "minutes")}
    for name in MANY:
        values[name] = [str(value) for value in form.getall(name, [])[:MOST_CHOSEN]]
    return Encounter.of(values)


def back(item_id: UUID, part: str = "") -> web.Response:
    """To the item's page, at this part of it."""
    return web.Response(status=303, headers={"Location": f"/items/{item_id}" + (f"#{part}" if part else "")})
