"""The page of simulated telephones: a visitor answers as a patient, by text and in calls. In the demo only; it needs no sign-in."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from aiohttp import web
from aiohttp_sse import sse_response

from service.demo.cast import (
    ANSWERING_SERVICE,
    CLINIC,
    DIABETES,
    HOME_AGAIN,
    ON_CALL,
    PASSWORD,
    PATIENTS,
    SENDER,
    STAFF,
    STAFF_NUMBERS,
    STAFF_PIN,
    UNKNOWN_NUMBER,
    ZONE,
    Person,
)
from service.demo.hand import act
from service.demo.hours import let_hours_pass
from service.domain.phone_number import parse_phone_number
from service.domain.staff import Permission
from service.telephony.handsets import Conversation, HandsetState, PhoneCall, PhoneText, ReplyLost
from service.telephony.simulator import SimulatedPhones, SimulatorTelephone
from service.telephony.simulator.handset import KEYS
from service.telephony.simulator.phones import LONGEST_REPLY, TooManyWatchers
from service.telephony.simulator.voice import MOST_WORDS
from service.web.keys import CLOCK, STREAMS, UNCONFINED
from service.web.render import fragment
from service.web.routes import Route
from service.web.static_files import StaticFiles

PAGE = "/demo/phones"
SHOWN = 30
"""Texts and past calls shown on each telephone, the newest."""
VISITORS = UUID(int=0)
"""Whose streams these are: nobody's who signs in."""
LONGEST_SECONDS = 300.0
ASK_SECONDS = 2.0
SETTLE_SECONDS = 0.05
SEND_TIMEOUT_SECONDS = 10.0
STATES = {
    "accepted": "on its way",
    "sent": "on its way",
    "delivered": "delivered",
    "undelivered": "not delivered: the phone is off",
    "sending": "sending",
    "received": "received by Rounds",
    "lost": "not taken by Rounds: send it again",
}
OUTCOMES = {
    "ended": "ended",
    "declined": "declined",
    "engaged": "the line was engaged",
    "voicemail": "left to voicemail",
    "dead": "the line went dead",
}
NOTHING_WAITS = "No question waits for an answer from this phone."

QUICK = {
    HOME_AGAIN: ("2", "1", "no", "I have a fever and chills", "101.2", "I can't get my new medicine", "I have chest pain", "STOP"),
    DIABETES: ("128", "62", "310", "no", "yes", "I forgot my tablets", "shaky and sweaty", "STOP"),
}
SPOKEN = {
    "en": ("no", "yes", "I have bad chest pain", "I can't breathe lying down", "one hundred eighty two", "stop calling me"),
    "es": ("no", "sí", "me duele mucho el pecho", "me falta el aire al acostarme", "ciento cincuenta libras", "no me llamen más"),
}
"""What a visitor might say in a call, one tap each."""


@dataclass(frozen=True, slots=True)
class Telephone:
    """One telephone on the page: whose it is, what a visitor might say, in which language."""

    number: str
    owner: str
    who: str
    quick: tuple[str, ...] = ()
    language: str = "en"
    asked: bool = False
    """Check-ins go to it."""
    staff: bool = False

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"phone-{self.number.removeprefix('+')}"

    @property
    def spoken(self) -> tuple[str, ...]:
        """What might be said on it, one tap each."""
        return SPOKEN[self.language]


@dataclass(frozen=True, slots=True)
class Screen:
    """What a telephone shows: the call that is live, and before it texts and past calls, oldest first."""

    talk: Conversation
    live: PhoneCall | None
    past: Sequence[PhoneText | PhoneCall]
    notice: str


def _quick(person: Person) -> tuple[str, ...]:
    """What a visitor might say as this patient, one tap each."""
    weight = person.first_weight
    if person.flow in QUICK:
        return QUICK[person.flow]
    if person.language == "es":
        return (f"{weight:g}", "no", "si", "No tomé mi pastilla del agua y tengo los pies muy hinchados", "Me duele el pecho", "ALTO")
    return (
        f"{weight:g}",
        f"{weight + 4:g}",
        "no",
        "yes",
        "I skipped my water pill and my ankles are huge",
        "I have chest pain",
        "STOP",
        "START",
    )


def telephones() -> tuple[Telephone, ...]:
    """The cast's telephones, one for each number, then a stranger's and those of the staff and the teams."""
    found: dict[str, Telephone] = {}
    for person in PATIENTS:
        earlier = found.get(person.number)
        owner = f"{earlier.owner} and {person.name}" if earlier else person.name
        who = "One telephone for two patients." if earlier else person.who
        found[person.number] = Telephone(person.number, owner, who, _quick(person), person.language, asked=True)
    stranger = ("Who is this?", "I have chest pain", "STOP")
    found[UNKNOWN_NUMBER] = Telephone(UNKNOWN_NUMBER, "A stranger", "Not a patient: nobody knows this number.", stranger)
    for name, number in STAFF_NUMBERS.items():
        what = f"Gets a text and a call for an emergency while on call. The PIN is {STAFF_PIN}."
        found[number] = Telephone(number, name, what, staff=True)
    found[ANSWERING_SERVICE] = Telephone(ANSWERING_SERVICE, "Answering service", "The last rung of team A's emergency ladder.", staff=True)
    for team, number in ON_CALL.items():
        found[number] = Telephone(number, f"Nurse on call, {team}", "Is paged when the rota has nobody.", staff=True)
    return tuple(found.values())


class PhonesPage:
    """The page's routes over one table of simulated telephones."""

    def __init__(self, phones: SimulatedPhones, calls: SimulatorTelephone) -> None:
        self._phones = phones
        self._calls = calls
        self._notices: dict[str, str] = {}
        self._static = StaticFiles(Path(__file__).parent / "static")
        self.telephones = telephones()
        for telephone in reversed(self.telephones):
            phones.add(telephone.number)

    def routes(self) -> Sequence[Route]:
        """For the staff pages' table: under the same guard (forms carry a token, answers the same headers), open to everybody."""
        route = partial(Route, permission=Permission.PUBLIC)
        return (
            route("GET", PAGE, self.show),
            route("GET", f"{PAGE}/live", self.live, activity=False),
            route("POST", f"{PAGE}/reply", self.reply),
            route("POST", f"{PAGE}/switch", self.switch),
            route("POST", f"{PAGE}/call", self.call),
            route("POST", f"{PAGE}/hours", self.hours),
            route("GET", "/demo/static/{digest}/{name}", self.static, session=False),
        )

    async def show(self, request: web.Request) -> web.Response:
        """GET /demo/phones: every telephone with its newest texts."""
        known = {telephone.number for telephone in self.telephones}
        conversations = {one.number: one for one in self._phones.conversations()}
        others = [Telephone(number, "Another number", "Was texted by Rounds.") for number in conversations if number not in known]
        context = {
            "shown": [(telephone, self._screen(telephone.number)) for telephone in (*self.telephones, *others)],
            "mark": self._mark(),
            "states": STATES,
            "outcomes": OUTCOMES,
            "clinic": CLINIC,
            "from_number": SENDER,
            "keys": KEYS,
            "longest_said": MOST_WORDS,
            "members": STAFF,
            "password": PASSWORD,
            "demo_zone": ZONE,
            "demo_now": request.app[CLOCK].now(),
            "longest": LONGEST_REPLY,
            "demo_static": lambda name: "/demo" + self._static.path(name),
        }
        return fragment(request, "demo/phones.html", context)

    async def reply(self, request: web.Request) -> web.Response:
        """POST /demo/phones/reply: a text from this number to the clinic, over the real webhook."""
        form = await request.post()
        number, text = self._number(form.get("number")), str(form.get("quick") or form.get("text") or "").strip()
        if text:
            # What did not arrive says so on its bubble.
            with contextlib.suppress(ReplyLost):
                await self._phones.reply(number, text[:LONGEST_REPLY])
        return _back(number)

    async def switch(self, request: web.Request) -> web.Response:
        """POST /demo/phones/switch: turns this telephone on or off; texts to one that is off are not delivered."""
        form = await request.post()
        number = self._number(form.get("number"))
        on = form.get("on") == "yes"
        self._phones.switch(number, on=on)
        await self._calls.switched(number, on=on)
        return _back(number)

    async def call(self, request: web.Request) -> web.Response:
        """POST /demo/phones/call: answers, declines, presses a key, speaks, hangs up; see `hand`."""
        form = await request.post()
        number = self._number(form.get("number"))
        if not await act(self._calls, number, form):
            raise web.HTTPBadRequest
        return _back(number)

    async def hours(self, request: web.Request) -> web.Response:
        """POST /demo/phones/hours: the hours pass in which this telephone is silent; what comes then comes within seconds."""
        form = await request.post()
        number = self._number(form.get("number"))
        waited = await let_hours_pass(request.app[UNCONFINED], number, request.app[CLOCK].now())
        self._notices = {} if waited else {number: NOTHING_WAITS}
        return _back(number)

    async def live(self, request: web.Request) -> web.StreamResponse:
        """GET /demo/phones/live: "hello" with the present mark, then "changed" whenever a telephone does."""
        now = asyncio.get_running_loop().time
        try:
            with self._phones.watch() as watcher:
                async with sse_response(request, send_timeout=SEND_TIMEOUT_SECONDS) as stream:
                    ends, last = now() + LONGEST_SECONDS, self._mark()
                    with request.app[STREAMS].keep(VISITORS, stream), contextlib.suppress(ConnectionResetError, TimeoutError):
                        await stream.send(last, event="hello", retry=1000)
                        while stream.is_connected() and now() < ends:
                            with contextlib.suppress(TimeoutError):
                                await asyncio.wait_for(watcher.changed(), ASK_SECONDS)
                                await asyncio.sleep(SETTLE_SECONDS)
                            if (mark := self._mark()) != last:
                                last = mark
                                await stream.send(mark, event="changed")
                return stream
        except TooManyWatchers:
            raise web.HTTPServiceUnavailable from None

    async def static(self, request: web.Request) -> web.Response:
        """GET /demo/static/{digest}/{name}: the page's own style sheet and script."""
        return self._static.response(request.match_info["digest"], request.match_info["name"])

    def _screen(self, number: str) -> Screen:
        talk = self._phones.conversation(number)
        live = next((call for call in reversed(talk.calls) if call.state is not HandsetState.OVER), None)
        past: list[PhoneText | PhoneCall] = [*talk.texts, *(call for call in talk.calls if call.state is HandsetState.OVER)]
        return Screen(talk, live, sorted(past, key=lambda each: each.at)[-SHOWN:], self._notices.get(number, ""))

    def _mark(self) -> str:
        """A text that changes whenever anything on a telephone does."""
        return _digest(self._phones.conversations(), self._notices)

    def _number(self, given: object) -> str:
        """A number of the page; 404 for anything else, so that the page cannot be made to grow."""
        try:
            number = parse_phone_number(str(given or ""))
        except ValueError:
            raise web.HTTPNotFound from None
        if number not in {one.number for one in self._phones.conversations()}:
            raise web.HTTPNotFound
        return number


def _digest(conversations: Sequence[Conversation], notices: Mapping[str, str]) -> str:
    state = [
        (
            one.number,
            one.switched_on,
            one.blocked,
            [(text.provider_id, text.state) for text in one.texts[-SHOWN:]],
            [(call.provider_id, call.state, len(call.lines), call.listening, call.typed, call.outcome) for call in one.calls],
            notices.get(one.number, ""),
        )
        for one in conversations
    ]
    return hashlib.blake2b(repr(sorted(state)).encode(), digest_size=12).hexdigest()


def _back(number: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{PAGE}#phone-{number.removeprefix('+')}"})
