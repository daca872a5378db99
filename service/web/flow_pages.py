"""The flows on pages: every one with its state, each to be read as a whole; published, approved and withdrawn by the signed-in person."""

from __future__ import annotations

import asyncio
from itertools import groupby
from uuid import UUID

from aiohttp import web
from markupsafe import Markup

from service.actions.publish_flow import (
    LONGEST_REASON,
    SHORTEST_REASON,
    FlowState,
    approve_flow,
    flow_states,
    publish_flow,
    running_version,
    withdraw_approval,
)
from service.actions.refusal import Refused
from service.domain.staff import Permission
from service.evaluation.flows.graph import NARROW, WIDE, as_svg, as_text
from service.evaluation.flows.readable import Flow, Shelf, readable_steps, red_flags_of, when_it_comes
from service.evaluation.flows.readable_cases import readable_cases
from service.evaluation.flows.side_by_side import differences
from service.web.keys import CLOCK, DATABASE, WEB_SESSION
from service.web.language import _, later, told
from service.web.render import page, say

SHELF = web.AppKey("SHELF", Shelf)
CHANGED = later("The flow has changed since this page was opened. Read it again below, then go on with the version that you see.")


async def show_flows(request: web.Request) -> web.Response:
    """GET /flows."""
    flows = request.app[SHELF].flows
    states = await flow_states(request.app[DATABASE], request[WEB_SESSION].staff.organization_id, flows)
    rows = [
        (state, flows[state.key], when_it_comes(flows[state.key]), len(flows[state.key].questions), red_flags_of(flows[state.key]))
        for state in states
    ]
    programmes = {name: list(its) for name, its in groupby(rows, key=lambda row: row[0].key.partition("/")[0])}
    return await page(request, "flows.html", {"programmes": programmes, "today": request.app[CLOCK].now().date()})


async def show_flow(request: web.Request) -> web.Response:
    """GET /flows/{programme}/{flow}."""
    return await _flow_page(request, _flow(request))


async def publish(request: web.Request) -> web.Response:
    """POST /flows/{programme}/{flow}/publish: stores exactly the version that the page has shown."""
    flow, staff = _flow(request), request[WEB_SESSION].staff
    if (await request.post()).get("version") != flow.version:
        return await _flow_page(request, flow, error=_(CHANGED), status=409)
    await publish_flow(request.app[DATABASE], staff.organization_id, flow, request.app[CLOCK].now(), by=staff)
    await say(request, _("You have published {title}, version {version}.", title=flow.title, version=flow.version[:12]))
    raise web.HTTPSeeOther(f"/flows/{flow.key}")


async def approve(request: web.Request) -> web.Response:
    """POST /flows/{programme}/{flow}/approve: the signed-in clinician approves exactly the version that the page has shown."""
    flow, shelf, staff = _flow(request), request.app[SHELF], request[WEB_SESSION].staff
    form = await request.post()
    if form.get("read") != "yes":
        return await _flow_page(request, flow, error=_("Tick that you have read this version, then approve it."), status=422)
    if form.get("version") != flow.version:
        return await _flow_page(request, flow, error=_(CHANGED), status=409)
    cases = await asyncio.to_thread(shelf.cases, flow.key)
    try:
        await approve_flow(
            request.app[DATABASE],
            staff.organization_id,
            flow,
            version=flow.version,
            clinician=staff,
            cases=cases,
            ears=shelf.ears,
            now=request.app[CLOCK].now(),
            publish=True,
        )
    except Refused as refused:
        return await _flow_page(request, flow, error=told(refused), status=409)
    await say(request, _("You have approved {title}, version {version}.", title=flow.title, version=flow.version[:12]))
    raise web.HTTPSeeOther(f"/flows/{flow.key}")


async def withdraw(request: web.Request) -> web.Response:
    """POST /flows/{programme}/{flow}/withdraw: the signed-in clinician takes every approval of the flow back, and says why."""
    flow, staff = _flow(request), request[WEB_SESSION].staff
    reason = str((await request.post()).get("reason") or "")
    now = request.app[CLOCK].now()
    try:
        await withdraw_approval(request.app[DATABASE], staff.organization_id, flow.key, clinician=staff, reason=reason, now=now)
    except Refused as refused:
        return await _flow_page(request, flow, error=told(refused), reason=reason, status=409)
    runs = await running_version(request.app[DATABASE], staff.organization_id, flow.key)
    then = _("In this demo it runs on as a draft.") if runs else _("No new check-in of it starts; those under way go on.")
    await say(request, _("You have withdrawn the approval of {title}.", title=flow.title) + f" {then}")
    raise web.HTTPSeeOther(f"/flows/{flow.key}")


def _flow(request: web.Request) -> Flow:
    flow = request.app[SHELF].flows.get(f"{request.match_info['programme']}/{request.match_info['flow']}")
    if flow is None:
        raise web.HTTPNotFound
    return flow


async def _flow_page(request: web.Request, flow: Flow, *, error: str = "", reason: str = "", status: int = 200) -> web.Response:
    staff = request[WEB_SESSION].staff
    state = await _state(request, flow, staff.organization_id)
    running = await running_version(request.app[DATABASE], staff.organization_id, flow.key)
    cases = await asyncio.to_thread(request.app[SHELF].cases, flow.key)
    context = {
        "flow": flow,
        "state": state,
        "comes": when_it_comes(flow),
        "red_flags": red_flags_of(flow),
        "steps": readable_steps(flow),
        "cases": readable_cases(cases),
        "drawings": [
            Markup(as_svg(flow, form=form, described=_("The same stands as text below the drawing.")))  # noqa: S704 - escaped where it is drawn
            for form in (WIDE, NARROW)
        ],
        "drawing_text": as_text(flow),
        "running": running,
        "differences": differences(running.flow, flow) if running is not None else (),
        "may_publish": staff.may(Permission.PUBLISH_FLOWS),
        "may_approve": staff.may(Permission.APPROVE_FLOWS),
        "reason": reason,
        "reason_letters": (SHORTEST_REASON, LONGEST_REASON),
        "today": request.app[CLOCK].now().date(),
        "error": error,
    }
    return await page(request, "flow.html", context, status=status)


async def _state(request: web.Request, flow: Flow, organization_id: UUID) -> FlowState:
    [state] = await flow_states(request.app[DATABASE], organization_id, {flow.key: flow})
    return state
