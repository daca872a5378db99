"""The telephone side of the stand-in: calls with states, and a callee who walks TwiML, presses, speaks, hangs up, or is a machine.

call = twilio.calls.newest
said = await call.pick_up()
said = await call.press("1950#")
said = await call.speak("my chest hurts", confidence=0.9)
await call.hang_up()
"""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import urldefrag

from aiohttp import web

from tests.stand_in_twilio import as_signalwire, faults
from tests.stand_in_twilio.options import Options
from tests.stand_in_twilio.store import WebhookTry

LONGEST_WALK = 30
KNOWN_VERBS = {"Say", "Gather", "Redirect", "Dial", "Hangup", "Pause"}


class Delivers(Protocol):
    """What takes a webhook to the service under test."""

    async def call(self, url: str, form: Mapping[str, str], *, sid: str, kind: str, fallback: str = "") -> WebhookTry:
        """Delivers it; the last try."""
        ...


@dataclass
class Heard:
    """What the callee hears until it is their turn, or the line is dead."""

    texts: list[str] = field(default_factory=list)
    gather: Mapping[str, str] | None = None
    dialled: str = ""
    over: bool = False

    def __contains__(self, words: str) -> bool:
        return words in self.text

    @property
    def text(self) -> str:
        return " ".join(self.texts)


@dataclass
class PlacedCall:
    """One call with Twilio's own field values; the methods are what the callee does."""

    options: Options
    caller: Delivers
    form: Mapping[str, str]
    sid: str = ""
    status: str = "queued"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    heard: Heard = field(default_factory=Heard)
    answers: list[int | None] = field(default_factory=list)
    """HTTP status of each webhook's answer."""
    last: tuple[str, dict[str, str]] = ("", {})
    after: list[ET.Element] = field(default_factory=list)
    """Verbs that follow the one that waits."""

    def __post_init__(self) -> None:
        self.sid = self.sid or self.options.new_id("CA")
        self._moving: asyncio.Task[Heard] | None = None

    async def pick_up(self, by: str = "human") -> Heard:
        """Somebody answers; with machine detection Twilio says who: at once, or a moment later (AsyncAmd)."""
        self.status = "in-progress"
        await self._tell("in-progress")
        if self.form.get("AsyncAmd") != "true":
            more = {"AnsweredBy": by, "MachineDetectionDuration": "2900"} if "MachineDetection" in self.form else {}
            return await self._fetch(self.form["Url"], more)
        heard = await self._fetch(self.form["Url"], {})
        return await self.detected(by) if by else heard

    async def detected(self, by: str) -> Heard:
        """The word on who has picked up comes by itself; what is heard after it, should the call be told to go on elsewhere."""
        form = {"CallSid": self.sid, "AccountSid": self.options.account_sid, "AnsweredBy": by, "MachineDetectionDuration": "2900"}
        await self.caller.call(self.form["AsyncAmdStatusCallback"], form, sid=self.sid, kind="machine")
        await self.settled()
        return self.heard

    def move(self, url: str) -> None:
        """The service has the live call go on at this address."""
        self._moving = asyncio.create_task(self._fetch(url, {}))

    async def settled(self) -> None:
        """Waits until the call is where the service has sent it."""
        if self._moving is not None:
            await self._moving

    async def press(self, keys: str) -> Heard:
        """Types: the keys end with # or when the document's numDigits are there, else after its timeout."""
        assert self.heard.gather is not None, f"nothing waits for keys: {self.heard}"
        assert "dtmf" in self.heard.gather.get("input", "dtmf")
        most = int(self.heard.gather.get("numDigits", "0"))
        digits = keys.split("#")[0]
        if most:
            digits = digits[:most]
        return await self._gathered({"Digits": digits} if digits else {})

    async def speak(self, words: str, confidence: float | None = 0.92) -> Heard:
        """Speaks: the transcript is the words themselves."""
        assert self.heard.gather is not None, f"nothing listens: {self.heard}"
        assert "speech" in self.heard.gather.get("input", "dtmf")
        return await self._gathered({"SpeechResult": words} | ({} if confidence is None else {"Confidence": str(confidence)}))

    async def say_nothing(self) -> Heard:
        """Silence until the Gather's time is over: the verbs after it follow."""
        assert self.heard.gather is not None
        self.heard = Heard()
        return await self._walk(self.after)

    async def dial_ends(self, status: str) -> Heard:
        """What became of the other leg: completed, no-answer, busy, failed."""
        assert self.heard.dialled
        return await self._fetch(self.heard.gather["action"] if self.heard.gather else "", {"DialCallStatus": status})

    async def once_more(self) -> Heard:
        """The last request again, as a provider that got no answer in time repeats it."""
        return await self._fetch(*self.last)

    async def hang_up(self) -> None:
        """The callee ends the call: no action is called, only the status."""
        self.status = "completed"
        await self._tell("completed", {"CallDuration": "42"})

    async def end(self, status: str) -> None:
        """busy, no-answer, failed: nobody was talked to."""
        self.status = status
        await self._tell(status, {"CallDuration": "0"})

    async def _gathered(self, more: dict[str, str]) -> Heard:
        if not more:
            return await self.say_nothing()
        assert self.heard.gather is not None
        return await self._fetch(self.heard.gather["action"], more)

    async def _fetch(self, url: str, more: dict[str, str]) -> Heard:
        self.last = (url, more)
        answer = await self.caller.call(url, self._common() | more, sid=self.sid, kind="voice", fallback=self.form.get("FallbackUrl", ""))
        self.answers.append(answer.status)
        self.heard = Heard()
        assert answer.status == 200, f"{url} answered {answer.status}"
        return await self._walk(list(ET.fromstring(answer.body)))

    async def _walk(self, verbs: list[ET.Element]) -> Heard:
        for place, verb in enumerate(verbs[:LONGEST_WALK]):
            assert verb.tag in KNOWN_VERBS, verb.tag
            match verb.tag:
                case "Say":
                    self.heard.texts.append(_words(verb))
                case "Gather":
                    self.heard.texts += [_words(say) for say in verb if say.tag == "Say"]
                    self.heard.gather, self.after = dict(verb.attrib), verbs[place + 1 :]
                    return self.heard
                case "Dial":
                    self.heard.dialled, self.heard.gather = "".join(verb.itertext()), dict(verb.attrib)
                    return self.heard
                case "Redirect":
                    said = self.heard.texts
                    heard = await self._fetch("".join(verb.itertext()), {})
                    heard.texts[:0] = said
                    return heard
                case "Hangup":
                    break
        self.heard.over = True
        self.status = "completed"
        await self._tell("completed", {"CallDuration": "60"})
        return self.heard

    async def _tell(self, status: str, more: Mapping[str, str] | None = None) -> None:
        events = self.form.get("StatusCallbackEvent", "completed").split()
        event = "answered" if status == "in-progress" else "completed"
        if "StatusCallback" in self.form and event in events:
            form = self._common() | {"CallStatus": status, "Timestamp": format_datetime(datetime.now(UTC))} | dict(more or {})
            await self.caller.call(self.form["StatusCallback"], form, sid=self.sid, kind="call_status")

    def _common(self) -> dict[str, str]:
        return {
            "CallSid": self.sid,
            "AccountSid": self.options.account_sid,
            "ApiVersion": "2010-04-01",
            "From": self.form["From"],
            "To": self.form["To"],
            "Caller": self.form["From"],
            "Called": self.form["To"],
            "CallStatus": self.status,
            "Direction": "outbound-api",
        }

    def as_json(self) -> dict[str, Any]:
        shown = self._as_twilio()
        return as_signalwire.call(shown) if self.options.signalwire else shown

    def _as_twilio(self) -> dict[str, Any]:
        return {
            "sid": self.sid,
            "account_sid": self.options.account_sid,
            "api_version": "2010-04-01",
            "to": self.form["To"],
            "from": self.form["From"],
            "status": self.status,
            "direction": "outbound-api",
            "answered_by": None,
            "date_created": format_datetime(self.created),
            "date_updated": format_datetime(self.created),
            "start_time": None,
            "end_time": None,
            "duration": None,
            "price": None,
            "price_unit": "USD",
            "uri": f"{self.options.prefix}/2010-04-01/Accounts/{self.options.account_sid}/Calls/{self.sid}.json",
            "subresource_uris": {},
        }


class Calls:
    """The Calls resource. `placed` is the truth about what rang."""

    def __init__(self, options: Options, caller: Delivers, taken: faults.Faults) -> None:
        self.options = options
        self.placed: list[PlacedCall] = []
        self._caller = caller
        self._faults = taken

    @property
    def newest(self) -> PlacedCall:
        return self.placed[-1]

    async def create(self, request: web.Request) -> web.Response:
        kind = self._faults.take()
        refused = await faults.before(kind, request)
        if refused is not None:
            return refused
        posted = await request.post()
        form = {name: " ".join(str(value) for value in posted.getall(name)) for name in posted}
        if not {"To", "From", "Url"} <= form.keys() or form["From"] not in self.options.numbers:
            return self._refused(21210 if "From" in form else 21205)
        if "#" in form.get("FallbackUrl", "") or not urldefrag(form["Url"]).url.startswith("http"):
            return self._refused(21205)
        call = PlacedCall(self.options, self._caller, form)
        self.placed.append(call)
        answer = await faults.after(kind, request, call.as_json(), self.options.hold_seconds)
        if self.options.signalwire and answer.status == 201:
            answer.set_status(200)
        return answer

    def _refused(self, code: int) -> web.Response:
        return web.json_response(as_signalwire.several(code), status=400) if self.options.signalwire else faults.error(code)

    async def update(self, request: web.Request) -> web.Response:
        """A live call goes on at another address."""
        call = next((call for call in self.placed if call.sid == request.match_info["sid"]), None)
        if call is None:
            return faults.error(20404, 404)
        if call.status != "in-progress":
            return web.json_response(as_signalwire.too_early_or_late(), status=422) if self.options.signalwire else faults.error(21220)
        form = await request.post()
        call.move(str(form["Url"]))
        return web.json_response(call.as_json())

    async def list(self, request: web.Request) -> web.Response:
        found = [call.as_json() for call in reversed(self.placed) if request.query.get("To", call.form["To"]) == call.form["To"]]
        if "StartTime>" in request.query:  # a call that has not begun has no such time
            found = [call for call in found if call["start_time"]]
        size, number = min(int(request.query.get("PageSize", "50")), 1000), int(request.query.get("Page", "0"))
        start, end = number * size, (number + 1) * size
        following = str(request.rel_url.update_query(Page=str(number + 1), PageToken=f"PA{number + 1}")) if len(found) > end else None
        page = {"calls": found[start:end], "page": number, "page_size": size, "start": start, "end": end, "previous_page_uri": None}
        page |= {"uri": str(request.rel_url), "first_page_uri": str(request.rel_url), "next_page_uri": following}
        return web.json_response(as_signalwire.page(page) if self.options.signalwire else page)

    async def fetch(self, request: web.Request) -> web.Response:
        call = next((call for call in self.placed if call.sid == request.match_info["sid"]), None)
        return web.json_response(call.as_json()) if call is not None else faults.error(20404, 404)


def _words(verb: ET.Element) -> str:
    text = " ".join("".join(verb.itertext()).split())
    assert text, "an empty Say is an error to Twilio"
    return text
