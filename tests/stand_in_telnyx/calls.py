"""The telephone side: TeXML calls with states, and the callee of the Twilio stand-in, who walks TeXML the same way."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from tests.stand_in_telnyx import faults
from tests.stand_in_telnyx.options import Options
from tests.stand_in_twilio.calls import Delivers, Heard, PlacedCall
from tests.stand_in_twilio.faults import Faults
from tests.stand_in_twilio.store import now


def new_sid() -> str:
    """A call control id."""
    return "v3:" + secrets.token_urlsafe(39)[:52]


@dataclass
class TexmlCall(PlacedCall):
    """One call with Telnyx's own field values."""

    sid: str = field(default_factory=new_sid)

    async def pick_up(self, by: str = "human") -> Heard:
        """Somebody answers; with machine detection Telnyx says who, in the place that the options name."""
        assert isinstance(self.options, Options)
        if self.form.get("AsyncAmd") == "true" or self.options.machine_told_with == "step":
            return await super().pick_up(by)
        self.status = "in-progress"
        late = self.options.machine_told_with == "late"
        if late:
            await self._fetch(self.form["Url"], {})
        await self._tell("in-progress", {"AnsweredBy": by, "MachineDetectionDuration": "2900"})
        if not late:
            return await self._fetch(self.form["Url"], {})
        await self.settled()
        return self.heard

    def _common(self) -> dict[str, str]:
        return {
            "CallSid": self.sid,
            "CallSidLegacy": self.sid,
            "AccountSid": self.options.account_sid,
            "ConnectionId": "1234567890",
            "From": self.form["From"],
            "To": self.form["To"],
            "CallStatus": self.status,
            "CallbackSource": "call-progress-events",
        }

    def as_json(self) -> dict[str, Any]:
        created = format_datetime(self.created)
        return {
            "sid": self.sid,
            "account_sid": self.options.account_sid,
            "to": self.form["To"],
            "from": self.form["From"],
            "to_formatted": self.form["To"],
            "from_formatted": self.form["From"],
            "status": "ringing" if self.status == "queued" else self.status,
            "direction": self.form.get("Direction", "outbound"),
            "caller_name": None,
            "answered_by": None,
            "date_created": created,
            "date_updated": created,
            "start_time": created,
            "end_time": None,
            "duration": None,
            "price": None,
            "price_unit": None,
            "uri": f"/v2/texml/Accounts/{self.options.account_sid}/Calls/{self.sid}.json",
        }


class Calls:
    """TeXML's calls. `placed` is the truth about what rang."""

    def __init__(self, options: Options, caller: Delivers, taken: Faults) -> None:
        self.options = options
        self.placed: list[TexmlCall] = []
        self.incoming: list[TexmlCall] = []
        self._caller = caller
        self._faults = taken

    @property
    def newest(self) -> TexmlCall:
        return self.placed[-1]

    def ring_us(self, sender: str, voice_url: str, to: str = "") -> TexmlCall:
        """Somebody calls one of the account's numbers; its application asks `voice_url` for the document."""
        form = {"From": sender, "To": to or self.options.numbers[0], "Url": voice_url, "Direction": "inbound"}
        call = TexmlCall(self.options, self._caller, form, status="in-progress")
        self.incoming.append(call)
        return call

    async def create(self, request: web.Request) -> web.Response:
        kind = self._faults.take()
        refused = await faults.before(kind, request)
        if refused is not None:
            return refused
        if request.match_info["application"] != self.options.application_id:
            return faults.error(10005, 404)
        form = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in (await request.json()).items()}
        code = _refusal(form, self.options)
        if code is not None:
            return faults.error(code, 422)
        call = TexmlCall(self.options, self._caller, form)
        self.placed.append(call)
        good = {"call_sid": call.sid, "from": form["From"], "to": form["To"], "status": "queued"}
        foreign = good | {"to": "+12025550199", "call_sid": new_sid()}
        return await faults.after(kind, request, good, foreign, self.options.hold_seconds)

    async def list(self, request: web.Request) -> web.Response:
        query, lag = request.query, self.options.records_lag_seconds
        size = int(query.get("PageSize", "50"))
        found = [
            call.as_json()
            for call in reversed([*self.placed, *self.incoming])
            if query.get("To", call.form["To"]) == call.form["To"]
            and call.created.date().isoformat() > query.get("StartTime>", "")
            and call.created.timestamp() + lag <= now()
        ]
        page = {"calls": found[:size], "page": 0, "page_size": size, "start": 0, "end": max(len(found) - 1, 0), "next_page_uri": None}
        return web.json_response(page | {"uri": str(request.rel_url), "first_page_uri": str(request.rel_url)})

    async def fetch(self, request: web.Request) -> web.Response:
        call = self._find(request)
        return web.json_response(call.as_json()) if call is not None else faults.error(10005, 404)

    async def update(self, request: web.Request) -> web.Response:
        """A live call goes on at another address."""
        call = self._find(request)
        if call is None:
            return faults.error(10005, 404)
        if call.status not in ("in-progress", "ringing", "queued"):
            return faults.error(90018, 422)
        form = await request.post()
        call.move(str(form["Url"]))
        return web.json_response(call.as_json())

    def _find(self, request: web.Request) -> TexmlCall | None:
        return next((call for call in [*self.placed, *self.incoming] if call.sid == request.match_info["sid"]), None)


def _refusal(form: Mapping[str, str], options: Options) -> int | None:
    if not {"To", "From", "Url"} <= form.keys():
        return 10004
    if form["From"] not in options.numbers:
        return 10015
    if "#" in form["Url"] + form.get("FallbackUrl", "") or not form["Url"].startswith("http"):
        return 10003
    ringing, longest = int(form.get("Timeout", "30")), int(form.get("TimeLimit", "14400"))
    listening = int(form.get("MachineDetectionTimeout", "3500"))
    return None if 5 <= ringing <= 120 and 30 <= longest <= 14_400 and 500 <= listening <= 60_000 else 10015
