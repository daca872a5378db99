"""The webhooks of calls that page staff: a path of their own beside those of calls to patients, for every provider that calls."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from service.telephony.port import Webhooks
from service.webhooks.calls import StatusAction, StepAction, answer_status, answer_step


@dataclass(frozen=True, slots=True)
class PageCalls:
    """What the handlers need besides the receivers of calls."""

    step: StepAction
    status: StatusAction


PAGE_CALLS = web.AppKey("page_calls", PageCalls)


def setup_page_calls(app: web.Application, page_calls: PageCalls) -> None:
    """Adds the routes; `setup_calls` has been called before."""
    app[PAGE_CALLS] = page_calls
    app.add_routes(
        [
            web.post("/webhooks/{provider}/page/{call_id}/status", take_page_status),
            web.post("/webhooks/{provider}/page/{call_id}/{turn}", take_page_step),
        ]
    )


async def take_page_step(request: web.Request) -> web.Response:
    """One step of such a call, whose id is the page's; when it cannot be answered, the ladder goes on."""
    return await answer_step(request, Webhooks.PAGE, request.app[PAGE_CALLS].step)


async def take_page_status(request: web.Request) -> web.Response:
    """A provider's word on such a call."""
    return await answer_status(request, Webhooks.PAGE, request.app[PAGE_CALLS].status)
