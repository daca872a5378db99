"""Every page and form of the staff's part, each with the permission that it asks for. What is not in this table does not answer."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from service.domain.staff import Permission
from service.web import flow_history_pages, flow_pages, item_pages, live, queue_pages, reply_pages, sign_in_pages
from service.web.keys import STATIC

ID = "{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}"
FLOW = "{programme:[a-z][a-z0-9_]*}/{flow:[a-z][a-z0-9_]*}"


@dataclass(frozen=True, slots=True)
class Route:
    """A page or form. `activity=False`: the page asks by itself, which keeps no session alive; `session=False`: nobody need be known."""

    method: str
    path: str
    handler: Handler
    permission: Permission
    activity: bool = True
    session: bool = True


async def static(request: web.Request) -> web.Response:
    """GET /static/{hash}/{name}."""
    return request.app[STATIC].response(request.match_info["digest"], request.match_info["name"])


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", sign_in_pages.home, Permission.SIGNED_IN),
    Route("GET", "/static/{digest}/{name}", static, Permission.PUBLIC, session=False),
    Route("GET", "/sign-in", sign_in_pages.show_sign_in, Permission.PUBLIC),
    Route("POST", "/sign-in", sign_in_pages.submit_sign_in, Permission.PUBLIC),
    Route("POST", "/sign-out", sign_in_pages.submit_sign_out, Permission.SIGNED_IN),
    Route("POST", "/stay", sign_in_pages.stay, Permission.SIGNED_IN),
    Route("GET", "/welcome", sign_in_pages.welcome, Permission.SIGNED_IN),
    Route("GET", "/queue", queue_pages.show_queue, Permission.WORK_QUEUE),
    Route("GET", "/queue/live", live.queue_stream, Permission.WORK_QUEUE, activity=False),
    Route("GET", f"/items/{ID}", item_pages.show_item, Permission.WORK_QUEUE),
    Route("GET", f"/items/{ID}/live", live.item_stream, Permission.WORK_QUEUE, activity=False),
    Route("POST", f"/items/{ID}/claim", item_pages.claim, Permission.WORK_QUEUE),
    Route("POST", f"/items/{ID}/release", item_pages.release, Permission.WORK_QUEUE),
    Route("POST", f"/items/{ID}/acknowledge", item_pages.acknowledge, Permission.WORK_QUEUE),
    Route("POST", f"/items/{ID}/note", item_pages.note, Permission.WORK_QUEUE),
    Route("POST", f"/items/{ID}/reply", item_pages.reply, Permission.WORK_QUEUE),
    Route("POST", f"/items/{ID}/pause", item_pages.pause, Permission.WORK_QUEUE),
    Route("POST", f"/items/{ID}/resume", item_pages.resume, Permission.WORK_QUEUE),
    Route("POST", f"/items/{ID}/resolve", item_pages.resolve, Permission.WORK_QUEUE),
    Route("GET", "/replies", reply_pages.show_form, Permission.SIGNED_IN),
    Route("POST", "/replies", reply_pages.explain, Permission.SIGNED_IN),
    Route("GET", "/flows", flow_pages.show_flows, Permission.SIGNED_IN),
    Route("GET", f"/flows/{FLOW}", flow_pages.show_flow, Permission.SIGNED_IN),
    Route("GET", f"/flows/{FLOW}/history", flow_history_pages.show_history, Permission.SIGNED_IN),
    Route("POST", f"/flows/{FLOW}/publish", flow_pages.publish, Permission.PUBLISH_FLOWS),
    Route("POST", f"/flows/{FLOW}/approve", flow_pages.approve, Permission.APPROVE_FLOWS),
    Route("POST", f"/flows/{FLOW}/withdraw", flow_pages.withdraw, Permission.APPROVE_FLOWS),
    Route("POST", "/texts", item_pages.count_texts, Permission.WORK_QUEUE),
)
