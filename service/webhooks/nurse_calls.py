"""The webhooks of calls that join a nurse and a patient: a path of their own, for every provider that calls."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from service.telephony.port import Webhooks
from service.webhooks.calls import StatusAction, StepAction, answer_status, answer_step


@dataclass(frozen=True, slots=True)
class NurseCalls:
    """What the handlers need besides the receivers of calls."""

    step: StepAction
    status: StatusAction


NURSE_CALLS = web.AppKey("nurse_calls", NurseCalls)


def setup_nurse_calls(app: web.Application, nurse_calls: NurseCalls) -> None:
    """Adds the routes; `setup_calls` has been called before."""
    app[NURSE_CALLS] = nurse_calls
    app.add_routes(
        [
            web.post("/webhooks/{provider}/nurse/{call_id}/status", take_nurse_status),
            web.post("/webhooks/{provider}/nurse/{call_id}/{turn}", take_nurse_step),
        ]
    )


async def take_nurse_step(request: web.Request) -> web.Response:
    """One step of such a call."""
    return await answer_step(request, Webhooks.NURSE, request.app[NURSE_CALLS].step)


async def take_nurse_status(request: web.Request) -> web.Response:
    """A provider's word on its nurse's side."""
    return await answer_status(request, Webhooks.NURSE, request.app[NURSE_CALLS].status)
