"""The webhooks of telephone calls: each step is committed, then answered with what is said next.

Where the service itself cannot answer, the provider reads out the fallback document: it needs neither database nor signature,
holds nothing but numbers to call, and is the last thing between a caller and silence.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog
from aiohttp import web

from service.domain.call import CallInput, CallUpdate
from service.domain.prompt import HangUp, Prompt, Say
from service.domain.script import Script, digit_by_digit
from service.telephony.port import VoiceReceiver
from service.webhooks.verified import incomplete, verified

_log = structlog.get_logger(__name__)

STEP_SECONDS = 8.0
"""A provider waits 15 s; before that the fallback is better than silence on the line."""
LARGEST_TURN = 1_000
_NUMBER = re.compile(r"[0-9]{2,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Turn:
    """What is said next and the number of that prompt."""

    number: int
    prompt: Prompt


StepAction = Callable[[CallInput], Awaitable[Turn]]
StatusAction = Callable[[CallUpdate], Awaitable[object]]
CalledAction = Callable[[str, str], Awaitable[Prompt]]
"""(provider, our number) -> what somebody hears who calls that number."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What the handlers need. `receivers` by the provider's name in the path."""

    receivers: Mapping[str, VoiceReceiver]
    public_base_url: str
    script: Script
    step: StepAction
    status: StatusAction
    called: CalledAction


CALLS = web.AppKey("calls", Calls)


def setup_calls(app: web.Application, calls: Calls) -> None:
    """Adds the routes of calls; `setup` of the other webhooks has been called before."""
    app[CALLS] = calls
    app.add_routes(
        [
            web.post("/webhooks/{provider}/voice/incoming", take_call),
            web.post("/webhooks/{provider}/voice/fallback/{language}/{emergency}/{number}", read_fallback),
            web.post("/webhooks/{provider}/voice/{call_id}/status", take_status),
            web.post("/webhooks/{provider}/voice/{call_id}/{turn}", take_step),
        ]
    )


async def take_step(request: web.Request) -> web.Response:
    """One step of a live call. Answered after the commit; 503 when the database cannot be asked: then the fallback is read."""
    calls = request.app[CALLS]
    receiver, form = await _voice(request)
    call_id, turn = _uuid(request.match_info["call_id"]), request.match_info["turn"]
    if call_id is None or not (turn.isascii() and turn.isdigit() and int(turn) <= LARGEST_TURN):
        raise web.HTTPNotFound
    heard = receiver.parse_call(form, call_id, int(turn))
    if heard is None:
        return incomplete(receiver.name, "voice")
    try:
        async with asyncio.timeout(STEP_SECONDS):
            said = await calls.step(heard)
    except Exception as error:
        _log.error("call_step_not_answered", error=type(error).__name__)
        raise web.HTTPServiceUnavailable from None
    return _spoken(receiver, said.prompt, f"{calls.public_base_url}/webhooks/{receiver.name}/voice/{call_id}/{said.number}")


async def take_status(request: web.Request) -> web.Response:
    """A provider's word on a call; one on a call that we do not know is fine too: 204."""
    receiver, form = await _voice(request)
    call_id = _uuid(request.match_info["call_id"])
    update = receiver.parse_call_status(form, call_id) if call_id is not None else None
    if update is None:
        return incomplete(receiver.name, "voice status")
    try:
        await request.app[CALLS].status(update)
    except Exception as error:
        _log.error("call_status_not_stored", error=type(error).__name__)
        raise web.HTTPServiceUnavailable from None
    return web.Response(status=204)


async def take_call(request: web.Request) -> web.Response:
    """Somebody calls our number: the clinic's name and number, and nothing about anybody."""
    receiver, form = await _voice(request)
    prompt = await request.app[CALLS].called(receiver.name, receiver.called_number(form))
    return _spoken(receiver, prompt, "")


async def read_fallback(request: web.Request) -> web.Response:
    """The static document: call the emergency number, or the clinic. Numbers that are none are left out."""
    calls = request.app[CALLS]
    receiver = calls.receivers.get(request.match_info["provider"])
    if receiver is None:
        raise web.HTTPNotFound
    return _spoken(receiver, fallback(calls.script, **{name: request.match_info[name] for name in ("language", "emergency", "number")}), "")


def fallback(script: Script, *, language: str, emergency: str, number: str) -> Prompt:
    """What is said when the service cannot answer in mid-call."""
    known = language if language in ("en", "es") else "en"
    values = {"emergency_number": emergency if _NUMBER.fullmatch(emergency) else "911"}
    if not _NUMBER.fullmatch(number):
        return Prompt((Say(script.neutral("fallback_no_number", known, **values), known), HangUp()))
    return Prompt((Say(script.neutral("fallback", known, number=digit_by_digit(number), **values), known), HangUp()))


async def _voice(request: web.Request) -> tuple[VoiceReceiver, Mapping[str, str]]:
    receiver = request.app[CALLS].receivers.get(request.match_info["provider"])
    if receiver is None:
        raise web.HTTPNotFound
    _, form = await verified(request)
    return receiver, form


def _spoken(receiver: VoiceReceiver, prompt: Prompt, next_url: str) -> web.Response:
    content_type, body = receiver.render(prompt, next_url)
    return web.Response(text=body, content_type=content_type, charset="utf-8")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
