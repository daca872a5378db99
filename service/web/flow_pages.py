"""The flows on pages: every one with its state, each one to be read as a whole, and its approval by a named person."""

from __future__ import annotations

import asyncio
from uuid import UUID

from aiohttp import web
from markupsafe import Markup

from service.actions.publish_flow import FlowState, approve_flow, flow_states
from service.actions.refusal import Refused
from service.domain.staff import Permission
from service.evaluation.flows.graph import as_svg, as_text
from service.evaluation.flows.readable import Flow, Shelf, cadence_words, readable_cases, readable_steps, red_flags_of
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.render import page, say

SHELF = web.AppKey("SHELF", Shelf)


async def show_flows(request: web.Request) -> web.Response:
    """GET /flows."""
    flows = request.app[SHELF].flows
    states = await flow_states(request.app[DATABASE], request[WEB_SESSION].staff.organization_id, flows)
    rows = [
        (state, flows[state.key], cadence_words(flows[state.key].cadence), len(flows[state.key].questions), red_flags_of(flows[state.key]))
        for state in states
    ]
    return await page(request, "flows.html", {"rows": rows, "today": request.app[CLOCK].now().date()})


async def show_flow(request: web.Request) -> web.Response:
    """GET /flows/{programme}/{flow}."""
    return await _flow_page(request, _flow(request))


async def approve(request: web.Request) -> web.Response:
    """POST /flows/{programme}/{flow}/approve: the signed-in person approves exactly the version that the page has shown."""
    flow, shelf, staff = _flow(request), request.app[SHELF], request[WEB_SESSION].staff
    form = await request.post()
    if form.get("read") != "yes":
        return await _flow_page(request, flow, error="Tick that you have read this version, then approve it.", status=422)
    version = str(form.get("version") or "")
    if version != flow.version:
        wrong = "The flow has changed since this page was opened. Read it again below, then approve the version that you see."
        return await _flow_page(request, flow, error=wrong, status=409)
    cases = await asyncio.to_thread(shelf.cases, flow.key)
    now = request.app[CLOCK].now()
    try:
        await approve_flow(
            request.app[DATABASE],
            staff.organization_id,
            flow,
            version=version,
            clinician=staff.name,
            cases=cases,
            ears=shelf.ears,
            now=now,
        )
    except Refused as refused:
        return await _flow_page(request, flow, error=str(refused), status=409)
    await say(request, f"You have approved {flow.title}, version {flow.version[:12]}.")
    raise web.HTTPSeeOther(f"/flows/{flow.key}")


def _flow(request: web.Request) -> Flow:
    flow = request.app[SHELF].flows.get(f"{request.match_info['programme']}/{request.match_info['flow']}")
    if flow is None:
        raise web.HTTPNotFound
    return flow


async def _flow_page(request: web.Request, flow: Flow, *, error: str = "", status: int = 200) -> web.Response:
    staff = request[WEB_SESSION].staff
    state = await _state(request, flow, staff.organization_id)
    cases = await asyncio.to_thread(request.app[SHELF].cases, flow.key)
    context = {
        "flow": flow,
        "state": state,
        "cadence": cadence_words(flow.cadence),
        "red_flags": red_flags_of(flow),
        "steps": readable_steps(flow),
        "cases": readable_cases(cases),
        "drawing": Markup(as_svg(flow)),  # noqa: S704 - every text in it is escaped where it is drawn
        "drawing_text": as_text(flow),
        "may_approve": staff.may(Permission.ADMINISTER),
        "today": request.app[CLOCK].now().date(),
        "error": error,
    }
    return await page(request, "flow.html", context, status=status)


async def _state(request: web.Request, flow: Flow, organization_id: UUID) -> FlowState:
    [state] = await flow_states(request.app[DATABASE], organization_id, {flow.key: flow})
    return state
