"""Composition root: settings become database, content, provider, web app, webhooks and jobs. The only place that knows everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache, partial

from aiohttp import web

from service.actions.answer_called_number import answer_called_number
from service.actions.knowledge import Knowledge
from service.actions.receive_call_input import receive_call_input
from service.actions.receive_call_status import receive_call_status
from service.actions.receive_delivery_statuses import receive_delivery_statuses
from service.actions.receive_reply import receive_replies
from service.actions.register_senders import register_senders
from service.clock import Clock, SystemClock
from service.content import Content, content_root, load_cases, load_content
from service.db.database import Database
from service.domain.call import CallInput, CallUpdate
from service.domain.script import Script
from service.engine.cases import Ears
from service.evaluation import judge_text
from service.evaluation.flows.readable import Shelf
from service.jobs.heartbeat import Heartbeat
from service.jobs.work import Surroundings
from service.settings import TWILIO_API_BASE, Settings, SettingsError
from service.telephony.port import DeliveryUpdate, Provider, Receiver, Telephone, VoiceReceiver
from service.telephony.twilio import TwilioProvider, TwilioReceiver, TwilioTelephone, TwilioVoice
from service.web.client_address import address_behind
from service.web.keys import CLOCK, DATABASE
from service.web.routes import Route
from service.web.setup import setup as set_up_pages
from service.webhooks.calls import Calls, Turn
from service.webhooks.calls import setup_calls as set_up_calls
from service.webhooks.routes import setup as set_up_webhooks

MAXIMUM_BODY_BYTES = 256 * 1024
"""Of any request; webhooks are held to less."""
HEALTH_SECONDS = 5.0
HEARTBEAT = web.AppKey("heartbeat", Heartbeat)


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    content: Content | None = None,
    provider: Provider | None = None,
    receiver: Receiver | None = None,
    telephone: Telephone | None = None,
    voice: VoiceReceiver | None = None,
    extra_routes: Sequence[Route] = (),
) -> web.Application:
    """The whole service as one aiohttp application: pages, webhooks and jobs run while it runs.

    Without `provider` and `receiver` texts and calls go through Twilio as the settings say; the demo passes its simulator.
    Raises ContentError for a flow, lexicon or wording file that is wrong, and SettingsError when there is no provider.
    """
    clock = clock or SystemClock()
    content = content or load_content()
    if provider is None or receiver is None:
        provider, receiver, telephone, voice = _twilio(settings)
    database = Database.open(settings.database_url, settings.keyring)
    knowledge = Knowledge(
        content.lexicon, content.tables, content.wording, settings.public_base_url, content.follow_through, content.opening
    )
    app = web.Application(client_max_size=MAXIMUM_BODY_BYTES)
    app.cleanup_ctx.append(_running(settings, database, knowledge, clock, provider, telephone))  # first: closed after all that uses it
    set_up_pages(
        app,
        database=database,
        clock=clock,
        templates=content_root() / "templates",
        public_base_url=settings.public_base_url,
        judge_reply=partial(judge_text, content.lexicon, content.tables),
        shelf=Shelf(content.flows, cache(load_cases), Ears(content.lexicon, content.tables, content.wording)),
        extra=extra_routes,
        client_address=address_behind(settings.trusted_proxies),
    )
    set_up_webhooks(
        app,
        {receiver.name: receiver},
        settings.public_base_url,
        partial(receive_replies, database, knowledge, clock),
        partial(_receive_statuses, database, knowledge, clock),
    )
    calls = Calls(
        {voice.name: voice} if voice is not None else {},
        settings.public_base_url,
        content.script,
        step=partial(_take_step, database, knowledge, content.script, clock),
        status=partial(_receive_call_status, database, knowledge, clock),
        called=partial(answer_called_number, database, content.script),
    )
    set_up_calls(app, calls)
    app.router.add_get("/healthz", healthz)
    return app


async def _take_step(database: Database, knowledge: Knowledge, script: Script, clock: Clock, heard: CallInput) -> Turn:
    said = await receive_call_input(database, knowledge, script, clock, heard)
    return Turn(said.turn, said.prompt)


async def _receive_call_status(database: Database, knowledge: Knowledge, clock: Clock, update: CallUpdate) -> object:
    return await receive_call_status(database, knowledge, update, clock.now())


async def _receive_statuses(database: Database, knowledge: Knowledge, clock: Clock, updates: Sequence[DeliveryUpdate]) -> Sequence[object]:
    return await receive_delivery_statuses(database, knowledge, updates, clock.now())


def _twilio(settings: Settings) -> tuple[Provider, Receiver, Telephone, VoiceReceiver]:
    if not settings.has_twilio:
        raise SettingsError("TWILIO_ACCOUNT_SID is not set: texts go out through Twilio; to only try Rounds, run `rounds demo`")
    api_base = settings.twilio_api_base if settings.twilio_api_base != TWILIO_API_BASE else ""
    provider = TwilioProvider(
        account_sid=settings.twilio_account_sid,
        auth_token=settings.twilio_auth_tokens[0],
        sender=settings.twilio_sender,
        public_base_url=settings.public_base_url,
        api_base=api_base,
    )
    telephone = TwilioTelephone(
        account_sid=settings.twilio_account_sid,
        auth_token=settings.twilio_auth_tokens[0],
        sender=settings.twilio_voice_sender,
        public_base_url=settings.public_base_url,
        api_base=api_base,
    )
    receiver = TwilioReceiver(account_sid=settings.twilio_account_sid, auth_tokens=settings.twilio_auth_tokens)
    return provider, receiver, telephone, TwilioVoice(account_sid=settings.twilio_account_sid)


def _running(
    settings: Settings, database: Database, knowledge: Knowledge, clock: Clock, provider: Provider, telephone: Telephone | None
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Database, provider and jobs, opened before and closed after everything that uses them."""

    async def run(app: web.Application) -> AsyncIterator[None]:
        if settings.twilio_sender:
            await register_senders(database, provider.name, settings.twilio_sender, clock.now())
        around = Surroundings(
            database,
            {provider.name: provider},
            knowledge,
            clock,
            texts_per_second=max(1, round(settings.send_rate)),
            telephones={telephone.name: telephone} if telephone is not None else {},
        )
        heartbeat = Heartbeat(around)
        app[HEARTBEAT] = heartbeat
        async with database.listening():
            heartbeat.start()
            yield
            await heartbeat.stop()
        await provider.close()
        if telephone is not None:
            await telephone.close()
        await database.close()

    return run


async def healthz(request: web.Request) -> web.Response:
    """GET /healthz: 200 while the database answers and every job runs, else 503; names of problems only."""
    database, clock = request.app[DATABASE], request.app[CLOCK]
    try:
        async with asyncio.timeout(HEALTH_SECONDS), database.reading() as connection:
            found = await request.app[HEARTBEAT].health(connection, clock.now())
    except Exception:
        return web.json_response({"ok": False, "problems": ["database"]}, status=503)
    return web.json_response({"ok": found.ok, "problems": list(found.problems)}, status=200 if found.ok else 503)
