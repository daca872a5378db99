"""Composition root: settings become database, content, provider, web app, webhooks and jobs. The only place that knows everything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from uuid import uuid4

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.answer_called_number import answer_called_number
from service.actions.answer_nurse_call import answer_nurse_call, receive_nurse_call_status
from service.actions.answer_page_call import answer_page_call
from service.actions.enroll_patient import enroll_own_patient
from service.actions.keep_unreadable import keep_unreadable
from service.actions.knowledge import Knowledge
from service.actions.note_arrivals import receive_texts
from service.actions.receive_call_input import receive_call_input, receive_machine
from service.actions.receive_call_status import receive_call_status
from service.actions.receive_delivery_statuses import receive_delivery_statuses
from service.actions.receive_page_call_status import receive_page_call_status
from service.actions.register_senders import register_senders
from service.actions.set_up_synthetic import SyntheticPhone
from service.actions.take_up import take_up
from service.clock import Clock, SystemClock
from service.content import Content, content_root, load_cases, load_content
from service.db.database import Database
from service.db.health import Health
from service.domain.call import CallInput, CallUpdate
from service.domain.clock_signs import ClockSigns
from service.domain.script import Script
from service.domain.synthetic import DRILL_NUMBER, LOOP_NUMBERS, PAGES_NUMBER, PATIENT_NUMBER
from service.engine.cases import Ears
from service.evaluation import judge_text
from service.evaluation.flows.readable import Shelf
from service.jobs.heartbeat import Heartbeat
from service.jobs.work import Surroundings
from service.providers import Carrier, carriers, detoured
from service.settings import Settings, SettingsError
from service.telephony.loop import LOOP, Loop, LoopReceiver, LoopVoice, loop_key
from service.telephony.port import DeliveryUpdate, OutgoingText, Provider, Telephone, Webhooks
from service.web.client_address import address_behind
from service.web.monitor import setup_monitor
from service.web.routes import Route
from service.web.setup import setup as set_up_pages
from service.webhooks.calls import Calls, Turn
from service.webhooks.calls import setup_calls as set_up_calls
from service.webhooks.routes import setup as set_up_webhooks
from service.webhooks.staff_calls import setup_staff_calls as set_up_staff_calls

MAXIMUM_BODY_BYTES = 256 * 1024
"""Of any request; webhooks are held to less."""
NO_PROVIDER = (
    "no telephony provider is set: set TWILIO_ACCOUNT_SID, SIGNALWIRE_PROJECT_ID or TELNYX_MESSAGING_PROFILE_ID with the settings "
    "that go with it; to only try Rounds, run `rounds demo`"
)
HEARTBEAT = web.AppKey("heartbeat", Heartbeat)


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    content: Content | None = None,
    through: Sequence[Carrier] = (),
    extra_routes: Sequence[Route] = (),
) -> web.Application:
    """The whole service as one aiohttp application: pages, webhooks and jobs run while it runs.

    Texts and calls go through the providers that the settings name, or `through` these: the demo passes its simulator.
    Raises ContentError for a flow, lexicon or wording file that is wrong, and SettingsError when there is no provider.
    """
    content = content or load_content()
    signs = ClockSigns() if clock is None else None
    clock = clock or SystemClock()
    through = through or carriers(settings, partial(_hear_time, signs, clock))
    if not through:
        raise SettingsError(NO_PROVIDER)
    loop = Loop(settings.public_base_url, loop_key(settings.keyring.index_key), LOOP_NUMBERS, clock.now, connect_to=_own_address(settings))
    through = [detoured(one, loop) for one in through]
    synthetic = _synthetic_phone(settings, through, loop)
    telephones = {one.telephone.name: one.telephone for one in through if one.telephone is not None}
    database = Database.open(settings.database_url, settings.keyring)
    knowledge = Knowledge(
        content.lexicon, content.tables, content.wording, settings.public_base_url, content.follow_through, content.opening, content.law
    )
    app = web.Application(client_max_size=MAXIMUM_BODY_BYTES)
    app.cleanup_ctx.append(
        _running(settings, database, knowledge, clock, through, loop, synthetic, signs)
    )  # first: closed after all that uses it
    set_up_pages(
        app,
        database=database,
        clock=clock,
        templates=content_root() / "templates",
        public_base_url=settings.public_base_url,
        judge_reply=partial(judge_text, content.lexicon, content.tables),
        law=content.law,
        answers=content.answers,
        shelf=Shelf(content.flows, cache(load_cases), Ears(content.lexicon, content.tables, content.wording)),
        extra=extra_routes,
        client_address=address_behind(settings.trusted_proxies),
        enroll=partial(enroll_own_patient, content.wording, content.opening),
        second_factor_required=settings.second_factor_required,
    )
    set_up_webhooks(
        app,
        {one.receiver.name: one.receiver for one in through} | {LOOP: LoopReceiver(loop_key(settings.keyring.index_key))},
        settings.public_base_url,
        partial(receive_texts, database, knowledge, clock, loop.numbers | synthetic.numbers),
        partial(_receive_statuses, database, knowledge, clock),
        partial(keep_unreadable, database, clock),
        partial(_note_age, signs, clock),
    )
    calls = Calls(
        {one.voice.name: one.voice for one in through if one.voice is not None} | {LOOP: LoopVoice()},
        settings.public_base_url,
        content.script,
        step=partial(_take_step, database, knowledge, content.script, clock),
        status=partial(_take_word_on_call, database, knowledge, content.script, telephones, clock),
        called=partial(answer_called_number, database, content.script, clock),
    )
    set_up_calls(app, calls)
    app.on_shutdown.append(_wind_down)
    set_up_staff_calls(
        app,
        Webhooks.PAGE,
        step=partial(_take_page_step, database, knowledge, content.script, clock),
        status=partial(_receive_page_call_status, database, knowledge, clock),
    )
    set_up_staff_calls(
        app,
        Webhooks.NURSE,
        step=partial(_take_nurse_step, database, content.script, clock),
        status=partial(_receive_nurse_call_status, database, clock),
    )

    async def health_of(connection: AsyncConnection, now: datetime) -> Health:
        return await app[HEARTBEAT].health(connection, now)

    setup_monitor(app, database, clock, health_of, settings.metrics_networks)
    return app


async def _wind_down(app: web.Application) -> None:
    """Requests under way are still answered, but no job begins anything new."""
    app[HEARTBEAT].wind_down()


async def _take_step(database: Database, knowledge: Knowledge, script: Script, clock: Clock, heard: CallInput) -> Turn:
    said = await receive_call_input(database, knowledge, script, clock, heard)
    return Turn(said.turn, said.prompt)


async def _take_word_on_call(
    database: Database, knowledge: Knowledge, script: Script, telephones: Mapping[str, Telephone], clock: Clock, update: CallUpdate
) -> object:
    """How a call stands, who has picked up, or both in one word: which may come before or after the call's first step."""
    if update.status is not None:
        await receive_call_status(database, knowledge, update, clock.now())
    if update.answered_by is not None:
        await receive_machine(database, knowledge, script, telephones, clock, update)
    return None


async def _take_page_step(database: Database, knowledge: Knowledge, script: Script, clock: Clock, heard: CallInput) -> Turn:
    said = await answer_page_call(database, knowledge, script, clock, heard)
    return Turn(said.turn, said.prompt)


async def _receive_page_call_status(database: Database, knowledge: Knowledge, clock: Clock, update: CallUpdate) -> object:
    return await receive_page_call_status(database, knowledge, update, clock.now())


async def _take_nurse_step(database: Database, script: Script, clock: Clock, heard: CallInput) -> Turn:
    said = await answer_nurse_call(database, script, clock, heard)
    return Turn(said.turn, said.prompt)


async def _receive_nurse_call_status(database: Database, clock: Clock, update: CallUpdate) -> object:
    return await receive_nurse_call_status(database, update, clock.now())


async def _receive_statuses(database: Database, knowledge: Knowledge, clock: Clock, updates: Sequence[DeliveryUpdate]) -> Sequence[object]:
    return await receive_delivery_statuses(database, knowledge, updates, clock.now())


def _hear_time(signs: ClockSigns | None, clock: Clock, said: datetime) -> None:
    if signs is not None:
        signs.compare("provider", said, clock.now())


def _note_age(signs: ClockSigns | None, clock: Clock, in_time: bool) -> None:
    if signs is None:
        return
    if in_time:
        signs.accept()
    else:
        signs.refuse(clock.now())


def _own_address(settings: Settings) -> str:
    """Where this process answers itself without the way through the proxy; "" when it does not know its port."""
    if not settings.port:
        return ""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _synthetic_phone(settings: Settings, through: Sequence[Carrier], loop: Loop) -> SyntheticPhone:
    """The telephone of the synthetic patient: the site's second number, or the loop's numbers where there is none."""
    providers = {one.provider.name: one.provider for one in through}

    async def by_carrier(provider: str, to: str, words: str) -> str:
        return (await providers[provider].send_text(OutgoingText(uuid4(), to, words, settings.synthetic_number))).provider_id

    async def by_loop(provider: str, to: str, words: str) -> str:
        return await loop.says(providers[provider], PATIENT_NUMBER, to, words)

    if settings.synthetic_number:
        return SyntheticPhone(settings.synthetic_number, settings.synthetic_number, by_carrier)
    return SyntheticPhone(PATIENT_NUMBER, PAGES_NUMBER, by_loop)


async def _says_in_drill(loop: Loop, providers: Mapping[str, Provider], provider: str, to: str, words: str) -> str:
    return await loop.says(providers[provider], DRILL_NUMBER, to, words)


def _running(
    settings: Settings,
    database: Database,
    knowledge: Knowledge,
    clock: Clock,
    through: Sequence[Carrier],
    loop: Loop,
    synthetic: SyntheticPhone,
    signs: ClockSigns | None,
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Database, provider and jobs, opened before and closed after everything that uses them."""

    async def run(app: web.Application) -> AsyncIterator[None]:
        first = through[0]
        if first.sender:
            await register_senders(database, first.provider.name, first.sender, clock.now())
        around = Surroundings(
            database,
            {one.provider.name: one.provider for one in through},
            knowledge,
            clock,
            send_rate=settings.send_rate,
            directory=next((one.directory for one in through if one.directory is not None), None),
            redactors={one.provider.name: one.redactor for one in through if one.redactor is not None},
            telephones={one.telephone.name: one.telephone for one in through if one.telephone is not None},
            audit_heads=Path(settings.audit_heads) if settings.audit_heads else None,
            health_ping_url=settings.health_ping_url,
            synthetic=synthetic,
            clock_signs=signs,
            drill_says=partial(_says_in_drill, loop, {one.provider.name: one.provider for one in through}),
        )
        await take_up(database, clock.now())
        heartbeat = Heartbeat(around)
        app[HEARTBEAT] = heartbeat
        async with database.listening():
            heartbeat.start()
            yield
            await heartbeat.stop()
        await loop.close()
        for one in through:
            await one.provider.close()
            if one.telephone is not None:
                await one.telephone.close()
        await database.close()

    return run
