"""The queue: one list in one order, kept current while it is open."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from service.actions.view_queue import Asked, QueueView, view_queue
from service.db.encryption import keyring_of
from service.db.patient_search import tokens_of
from service.db.queue import Tab
from service.db.queue_state import MOST_COUNTED
from service.domain.escalation import Disposition
from service.domain.staff import Permission
from service.evaluation.flows.readable import Shelf
from service.web.flow_pages import SHELF
from service.web.keys import CLOCK, DATABASE, SESSIONS, SHOWN, WEB_SESSION
from service.web.language import _
from service.web.queue_view import EMPTY, REASONS, SNOOZE, TABS, WAITING, address, folded, read_asked
from service.web.render import fragment, page, say
from service.web.sessions import BACKGROUND

MOST_TYPED = 80


async def show_queue(request: web.Request) -> web.Response:
    """GET /queue?tab=&urgency=&programme=&kind=&waiting=&holder=&who=&after=: the page, or only its list when the page asks by itself."""
    session, now = request[WEB_SESSION], request.app[CLOCK].now()
    try:
        asked = read_asked(request.query, session.zone, now)
        cookie, shown = request.app[SESSIONS].load_cookie(request) or "", request.app[SHOWN]
        view = await view_queue(request.app[DATABASE], session.staff, asked, shown.already(cookie), now)
    except ValueError:
        raise web.HTTPNotFound from None
    shown.add(cookie, (row.item.id for row in view.page.rows))
    context = _context(request, asked, view, now)
    if BACKGROUND in request.headers:
        return fragment(request, "queue_list.html", context)
    return await page(request, "queue.html", context)


async def search(request: web.Request) -> web.Response:
    """POST /queue/search: a name, a birth date or the last digits of a number. None of it stands in an address: keyed hashes do."""
    form = await request.post()
    typed, staff = str(form.get("q", ""))[:MOST_TYPED], request[WEB_SESSION].staff
    async with request.app[DATABASE].reading() as connection:
        tokens = tokens_of(keyring_of(connection), staff.organization_id, typed)
    if not tokens:
        await say(request, _("Type at least two letters of a name, a birth date, or the last four digits of a number."), kind="warning")
        raise web.HTTPSeeOther("/queue")
    raise web.HTTPSeeOther(f"/queue?tab={Tab.TEAM}&who={'.'.join(token.hex() for token in tokens)}")


def _context(request: web.Request, asked: Asked, view: QueueView, now: datetime) -> dict[str, Any]:
    session = request[WEB_SESSION]
    return {
        "tab": asked.tab,
        "tabs": [(key, _(word), _count(view, key), address(asked, tab=key)) for key, word in TABS.items()],
        "lines": folded(view.page.rows),
        "filters": asked.filters,
        "waiting_minutes": int(asked.filters.waiting.total_seconds() // 60) if asked.filters.waiting else 0,
        "programmes": _programmes(request.app[SHELF]),
        "members": view.members,
        "mark": view.mark,
        "live": f"/queue/live?tab={asked.tab}" + ("&narrowed=1" if asked.filters.any or asked.cursor else ""),
        "here_path": address(asked, after=asked.cursor),
        "first_path": address(asked) if asked.cursor else "",
        "next_path": address(asked, after=view.page.next_cursor) if view.page.next_cursor else "",
        "clear_path": address(asked, narrowed=False),
        "empty": _("Nobody fits this search or these filters.") if asked.filters.any else _(EMPTY[asked.tab]),
        "waiting": view.waiting,
        "waiting_choices": [(minutes, _(words)) for minutes, words in WAITING.items()],
        "snooze_choices": [(choice, _(words)) for choice, words in SNOOZE.items()],
        "snooze_reasons": [_(words) for words in REASONS],
        "dispositions": list(Disposition),
        "may_assess": session.staff.may(Permission.ASSESS),
        "shortcuts": session.likes.shortcuts,
        "sound": session.likes.sound,
    }


def _programmes(shelf: Shelf) -> list[str]:
    return sorted({flow.key.partition("/")[0] for flow in shelf.flows.values()} - {"shared"})


def _count(view: QueueView, tab: Tab) -> str:
    return f"{MOST_COUNTED - 1}+" if view.counts[tab] >= MOST_COUNTED else str(view.counts[tab])
