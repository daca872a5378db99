"""The queue: one list in one order, kept current while it is open."""

from __future__ import annotations

from aiohttp import web

from service.actions.view_queue import view_queue
from service.db.queue import MOST_COUNTED, QueuePage, Tab
from service.domain.urgency import Urgency
from service.web.keys import CLOCK, DATABASE, SESSIONS, SHOWN, WEB_SESSION
from service.web.render import fragment, page
from service.web.sessions import BACKGROUND

TABS = {Tab.UNCLAIMED: "Unclaimed", Tab.MINE: "Mine", Tab.TEAM: "Team"}
EMPTY = {
    Tab.UNCLAIMED: "Nobody is waiting. New items appear here by themselves.",
    Tab.MINE: "You hold no item. Claim one from Unclaimed, the first in the list first.",
    Tab.TEAM: "Nothing is open in your team.",
}


async def show_queue(request: web.Request) -> web.Response:
    """GET /queue?tab=&after=: the page, or only its list when the page asks by itself."""
    staff = request[WEB_SESSION].staff
    try:
        tab, cursor = Tab(request.query.get("tab", Tab.UNCLAIMED)), request.query.get("after", "")
        session = request.app[SESSIONS].load_cookie(request) or ""
        shown = request.app[SHOWN]
        found = await view_queue(request.app[DATABASE], staff, tab, cursor, shown.already(session), request.app[CLOCK].now())
    except ValueError:
        raise web.HTTPNotFound from None
    shown.add(session, (row.item.id for row in found.rows))
    context = {
        "tab": tab,
        "tabs": [(key, word, _count(found, key)) for key, word in TABS.items()],
        "rows": found.rows,
        "mark": found.mark,
        "cursor": cursor,
        "next_cursor": found.next_cursor,
        "empty": EMPTY[tab],
        "emergencies": sum(1 for row in found.rows if row.item.urgency is Urgency.EMERGENCY),
    }
    if BACKGROUND in request.headers:
        return fragment(request, "queue_list.html", context)
    return await page(request, "queue.html", context)


def _count(found: QueuePage, tab: Tab) -> str:
    return f"{MOST_COUNTED - 1}+" if found.counts[tab] >= MOST_COUNTED else str(found.counts[tab])
