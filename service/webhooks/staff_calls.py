"""The webhooks of calls with staff, pages and calls that join a nurse and a patient: their own paths beside those of calls to patients."""

from __future__ import annotations

from aiohttp import web

from service.telephony.port import Webhooks
from service.webhooks.calls import StatusAction, StepAction, answer_status, answer_step


def setup_staff_calls(app: web.Application, webhooks: Webhooks, step: StepAction, status: StatusAction) -> None:
    """Adds the routes of one kind of such calls, for every provider that calls; `setup_calls` has been called before."""

    async def take_step(request: web.Request) -> web.Response:
        return await answer_step(request, webhooks, step)

    async def take_status(request: web.Request) -> web.Response:
        return await answer_status(request, webhooks, status)

    path = f"/webhooks/{{provider}}/{webhooks}/{{call_id}}"
    app.add_routes([web.post(f"{path}/status", take_status), web.post(f"{path}/{{turn}}", take_step)])
