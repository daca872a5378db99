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

from service.actions.answer_called_number import CallIn
from service.actions.keep_unreadable import Unread
from service.domain.call import CallInput, CallUpdate
from service.domain.prompt import HangUp, Prompt, Say
from service.domain.script import Script, digit_by_digit
from service.telephony.port import Incomplete, VoiceReceiver, Webhooks
from service.webhooks.verified import Verified, answered, unreadable, verified

_log = structlog.get_logger(__name__)

STEP_SECONDS = 8.0
"""A provider waits 15 s; before that the fallback is better than silence on the line."""
NO_CALL = UUID(int=0)
"""Stands for the id that a call has which we have not placed."""
_NUMBER = re.compile(r"[0-9]{2,15}", re.ASCII)
_TURN = re.compile(r"[0-9]{1,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Turn:
    """What is said next and the number of that prompt."""

    number: int
    prompt: Prompt


StepAction = Callable[[CallInput], Awaitable[Turn]]
StatusAction = Callable[[CallUpdate], Awaitable[object]]
CalledAction = Callable[[CallIn], Awaitable[Prompt]]
"""What somebody hears who calls our number."""


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
            web.post("/webhooks/{provider}/voice/{call_id}/machine", take_status),
            web.post("/webhooks/{provider}/voice/{call_id}/{turn}", take_step),
        ]
    )


async def take_step(request: web.Request) -> web.Response:
    """One step of a live call with a patient."""
    return await answer_step(request, Webhooks.VOICE, request.app[CALLS].step)


async def take_status(request: web.Request) -> web.Response:
    """A provider's word on such a call, or on who has picked up."""
    return await answer_status(request, Webhooks.VOICE, request.app[CALLS].status)


async def answer_step(request: web.Request, webhooks: Webhooks, step: StepAction) -> web.Response:
    """One step of a live call. Answered after the commit; 503 when the database cannot be asked: then the fallback is read."""
    receiver, told = await _voice(request)
    call_id, turn = _call_id(request), request.match_info["turn"]
    if not _TURN.fullmatch(turn):
        raise web.HTTPNotFound
    try:
        heard = receiver.parse_call(told.payload, call_id, int(turn))
    except Incomplete:
        return await unreadable(request, told, Unread.WORDS)
    try:
        async with asyncio.timeout(STEP_SECONDS):
            said = await step(heard)
    except Exception as error:
        _log.error("call_step_not_answered", webhooks=webhooks.value, error=type(error).__name__)
        raise web.HTTPServiceUnavailable from None
    base = request.app[CALLS].public_base_url
    return answered(receiver.render(said.prompt, f"{base}/webhooks/{receiver.name}/{webhooks}/{call_id}/{said.number}"))


async def answer_status(request: web.Request, webhooks: Webhooks, status: StatusAction) -> web.Response:
    """A provider's word on a call; one on a call that we do not know is fine too: 204."""
    receiver, told = await _voice(request)
    try:
        update = receiver.parse_call_status(told.payload, _call_id(request))
    except Incomplete:
        return await unreadable(request, told, Unread.STATUS)
    try:
        await status(update)
    except Exception as error:
        _log.error("call_status_not_stored", webhooks=webhooks.value, error=type(error).__name__)
        raise web.HTTPServiceUnavailable from None
    return web.Response(status=204)


async def take_call(request: web.Request) -> web.Response:
    """Somebody calls our number: the clinic's name and number, and nothing about anybody. Without a database: whom to call."""
    receiver, told = await _voice(request)
    try:
        heard = receiver.parse_call(told.payload, NO_CALL, 0)
    except Incomplete:
        return await unreadable(request, told, Unread.STATUS)
    call = CallIn(receiver.name, heard.account, heard.provider_id, receiver.called_number(told.payload))
    calls = request.app[CALLS]
    try:
        async with asyncio.timeout(STEP_SECONDS):
            prompt = await calls.called(call)
    except Exception as error:
        _log.error("call_to_us_not_answered", error=type(error).__name__)
        both = [fallback(calls.script, language=language, emergency="", number="") for language in ("en", "es")]
        prompt = Prompt((*(prompt.parts[0] for prompt in both), HangUp()))
    return answered(receiver.render(prompt, ""))


async def read_fallback(request: web.Request) -> web.Response:
    """The static document: call the emergency number, or the clinic. Numbers that are none are left out."""
    calls = request.app[CALLS]
    receiver = calls.receivers.get(request.match_info["provider"])
    if receiver is None:
        raise web.HTTPNotFound
    told = {name: request.match_info[name] for name in ("language", "emergency", "number")}
    return answered(receiver.render(fallback(calls.script, **told), ""))


def fallback(script: Script, *, language: str, emergency: str, number: str) -> Prompt:
    """What is said when the service cannot answer in mid-call."""
    known = language if language in ("en", "es") else "en"
    values = {"emergency_number": emergency if _NUMBER.fullmatch(emergency) else "911"}
    if not _NUMBER.fullmatch(number):
        return Prompt((Say(script.neutral("fallback_no_number", known, **values), known), HangUp()))
    return Prompt((Say(script.neutral("fallback", known, number=digit_by_digit(number), **values), known), HangUp()))


async def _voice(request: web.Request) -> tuple[VoiceReceiver, Verified]:
    receiver = request.app[CALLS].receivers.get(request.match_info["provider"])
    if receiver is None:
        raise web.HTTPNotFound
    return receiver, await verified(request)


def _call_id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["call_id"])
    except ValueError:
        raise web.HTTPNotFound from None
