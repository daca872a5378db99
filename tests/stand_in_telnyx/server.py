"""The stand-in itself: Telnyx's messages, detail records and TeXML calls; the control endpoints are the Twilio stand-in's."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.stand_in_telnyx import faults, messages
from tests.stand_in_telnyx.callbacks import Caller
from tests.stand_in_telnyx.calls import Calls
from tests.stand_in_telnyx.options import Options
from tests.stand_in_twilio import server
from tests.stand_in_twilio.faults import Faults
from tests.stand_in_twilio.store import Message, Store, WebhookTry, now

STOP = frozenset({"STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START = frozenset({"START", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9_:-]{1,255}", re.ASCII)


class StandIn(server.StandIn):
    """One Telnyx account. `store.accepted` is the truth about what was sent; an opt-out binds the whole messaging profile."""

    options: Options
    calls: Calls  # type: ignore[assignment]  # TeXML's, with the same methods

    def __init__(self, options: Options | None = None, journal: Path | None = None) -> None:
        self.options = options or Options()
        self.store = Store(journal)
        self.faults = Faults()
        self.outcomes = {}
        self.url = ""
        self.creates = 0
        self.fetches = 0
        self.replayed = 0
        """Creates that came again with the key of an earlier one."""
        self._keys: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self._told = Caller(self.options, self.store)
        self._caller = self._told  # type: ignore[assignment]
        self.calls = Calls(self.options, self._told, self.faults)
        self._tasks = set()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._by_key])
        one_call = "/v2/texml/Accounts/{account}/Calls/{sid}"
        app.add_routes(
            [
                web.post("/v2/messages", self._create),
                web.get("/v2/messages/{id}", self._fetch),
                web.get("/v2/detail_records", self._records),
                web.get("/v2/number_lookup/{number}", self._look_up),
                web.post("/v2/texml/calls/{application}", self.calls.create),
                web.get("/v2/texml/Accounts/{account}/Calls", self.calls.list),
                web.get(one_call, self.calls.fetch),
                web.post(one_call, self.calls.update),
                web.post("/control/faults", self._control_faults),
                web.post("/control/options", self._control_options),
                web.post("/control/outcomes", self._control_outcomes),
                web.post("/control/inbound", self._control_inbound),
                web.get("/control/state", self._control_state),
            ]
        )
        return app

    def settings(self) -> dict[str, str]:
        """What `rounds serve` has to be told to work with this stand-in."""
        return {
            "TELNYX_API_KEY": self.options.auth_token,
            "TELNYX_PUBLIC_KEY": self.options.public_key,
            "TELNYX_MESSAGING_PROFILE_ID": self.options.messaging_profile_id,
            "TELNYX_FROM": self.options.numbers[0],
            "TELNYX_ACCOUNT_SID": self.options.account_sid,
            "TELNYX_TEXML_APPLICATION_ID": self.options.application_id,
            "TELNYX_API_BASE": self.url,
        }

    async def inbound(self, sender: str, body: str, *, to: str = "", media: int = 0, sid: str = "") -> WebhookTry | None:
        """A patient's text: recorded, its keyword obeyed, and delivered to `sms_url`; the last try."""
        message = self.store.messages.get(sid) or self.store.add(
            Message(sid or messages.new_id(), to or self.options.numbers[0], sender, body, "inbound", "received", now(), media=media)
        )
        payload = messages.payload(message, self.options)
        payload["autoresponse_type"] = self._keyword(message) or None
        if media and not body:
            payload["text"] = None
        if not self.options.sms_url:
            return None
        return await self.tell("message.received", payload, self.options.sms_url, message.sid, "sms", self.options.fallback_url)

    async def call_back(self, message: Message, status: str, error_code: int | None = None, sid: str = "") -> WebhookTry | None:
        """One status event, now; the last try."""
        if not message.status_callback:
            return None
        payload = messages.payload(message, self.options, status, error_code)
        payload["id"] = sid or message.sid
        kind = "message.finalized" if status in messages.FINAL else "message.sent"
        url = message.status_callback
        return await self.tell(kind, payload, url, message.sid, "status", url)

    async def tell(self, kind: str, payload: dict[str, Any], url: str, sid: str = "", what: str = "", failover: str = "") -> WebhookTry:
        """Any event to any address; the last try."""
        return await self._told.tell(url, messages.event(kind, payload, now()), sid=sid, kind=what or kind, fallback=failover)

    def _keyword(self, message: Message) -> str:
        """Blocks or unblocks as Telnyx does, and answers by itself; STOP, START, HELP or ""."""
        word, pair = " ".join(message.body.split()).upper(), (self.options.messaging_profile_id, message.sender or "")
        if word in STOP:
            self.store.block(pair, blocked=True)
            return self._answer(message, "STOP", "You have successfully been unsubscribed.")
        if word in START:
            self.store.block(pair, blocked=False)
            return self._answer(message, "START", "You have successfully been re-subscribed.")
        if word in HELP and self.options.answers_help:
            return self._answer(message, "HELP", "Reply STOP to unsubscribe.")
        return ""

    async def _create(self, request: web.Request) -> web.Response:
        self.creates += 1
        kind = self.faults.take()
        refused = await faults.before(kind, request)
        if refused is not None:
            self.store.refused[kind] += 1
            return refused
        raw, key = await request.read(), request.headers.get("Idempotency-Key", "")
        if key in self._keys:
            self.replayed += 1
            return web.json_response(self._keys[key][1]) if self._keys[key][0] == raw else faults.error(10015, 422)
        asked = json.loads(raw)
        code = self._refusal(asked, key)
        if code is not None:
            self.store.refused[str(code)] += 1
            return faults.error(code, 403 if code == 40300 else 400)
        message = self.store.add(
            Message(
                sid=messages.new_id(),
                to=asked["to"],
                sender=asked.get("from") or self.options.numbers[0],
                body=asked["text"],
                direction="outbound-api",
                status="queued",
                created=now(),
                service=asked.get("messaging_profile_id"),
                status_callback=asked.get("webhook_url", ""),
            )
        )
        if kind == "failed_after_accept":
            self.store.move(message, "sending_failed", 40300)
        good = {"data": messages.payload(message, self.options)}
        if key:
            self._keys[key] = (raw, good)
        journey = self._journey(message)
        if self.options.before_response and journey:
            await self._report(message, *journey.pop(0))
        if kind != "failed_after_accept":
            self._start(self._travel(message, journey))
        await asyncio.sleep(self.options.answer_seconds)
        other = {"id": messages.new_id(), "to": [{"phone_number": "+12025550199", "status": "queued"}]}
        return await faults.after(kind, request, good, {"data": good["data"] | other}, self.options.hold_seconds)

    def _refusal(self, asked: dict[str, Any], key: str) -> int | None:
        to, sender = asked.get("to", ""), asked.get("from", "")
        if key and not _KEY.fullmatch(key):
            return 10015
        if not to or (not sender and not asked.get("messaging_profile_id")):
            return 10004
        if not _E164.fullmatch(to):
            return 40310
        if not asked.get("text"):
            return 40316
        if asked.get("messaging_profile_id", self.options.messaging_profile_id) != self.options.messaging_profile_id:
            return 10005
        if sender and sender not in self.options.numbers:
            return 40305
        if not str(asked.get("webhook_url", "http")).startswith("http"):
            return 10003
        return 40300 if (self.options.messaging_profile_id, to) in self.store.blocked else None

    async def _report(self, message: Message, status: str, error_code: int | None) -> None:
        if message.status not in messages.FINAL:
            self.store.move(message, status, error_code)
            if message.sent is None and status != "sending_failed":
                message.sent = now()
        for _ in range(self.options.duplicate):
            await self.call_back(message, status, error_code)

    async def _fetch(self, request: web.Request) -> web.Response:
        self.fetches += 1
        message = self.store.messages.get(request.match_info["id"])
        return web.json_response({"data": messages.payload(message, self.options)}) if message else faults.error(10005, 404)

    async def _look_up(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        carrier = {"type": self.options.lines.get(number, "mobile"), "name": "Example", "error_code": None}
        asked = carrier if request.query.get("type") == "carrier" else None
        return web.json_response({"data": {"record_type": "number_lookup", "phone_number": number, "country_code": "US", "carrier": asked}})

    async def _records(self, request: web.Request) -> web.Response:
        query = request.query
        if query.get("filter[record_type]") != "messaging":
            return faults.error(10015)
        since = datetime.fromisoformat(query["filter[created_at][gte]"]).timestamp() if "filter[created_at][gte]" in query else 0.0
        size, number = int(query.get("page[size]", "20")), int(query.get("page[number]", "1"))
        found = [
            messages.record(message, self.options)
            for message in sorted(self.store.messages.values(), key=lambda each: each.created, reverse=True)
            if message.created >= since
            and message.created + self.options.records_lag_seconds <= now()
            and query.get("filter[cld]", message.to) == message.to
        ]
        meta = {"page_number": number, "page_size": size, "total_results": len(found), "total_pages": 1 + max(len(found) - 1, 0) // size}
        return web.json_response({"data": found[(number - 1) * size : number * size], "meta": meta})

    @web.middleware
    async def _by_key(self, request: web.Request, handler: Any) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if request.path.startswith("/v2/") and not hmac.compare_digest(given, f"Bearer {self.options.auth_token}"):
            return faults.error(10009, 401)
        if "account" in request.match_info and request.match_info["account"] != self.options.account_sid:
            return faults.error(10005, 404)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _control_options(self, request: web.Request) -> web.Response:
        known = {one.name for one in fields(Options)} - {"seed"}
        for name, value in (await request.json()).items():
            if name not in known:
                raise web.HTTPBadRequest(text=name)
            setattr(self.options, name, value)
        return web.json_response({name: value for name, value in asdict(self.options).items() if name in known})
