"""The stand-in itself: Twilio's message resource, the control endpoints, and the phones' side."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.stand_in_twilio import as_signalwire, faults, rules
from tests.stand_in_twilio.callbacks import Caller
from tests.stand_in_twilio.calls import Calls
from tests.stand_in_twilio.options import Options
from tests.stand_in_twilio.store import Message, Store, WebhookTry, now

_ROOT = "/2010-04-01/Accounts/{account}"


class StandIn:
    """One Twilio account. `store.accepted` is the truth about what was sent."""

    def __init__(self, options: Options | None = None, journal: Path | None = None) -> None:
        self.options = options or Options()
        self.store = Store(journal)
        self.faults = faults.Faults()
        self.outcomes: dict[str, tuple[str, int | None]] = {}
        """By recipient: the final status and its error code; delivered when absent."""
        self.url = ""
        self.creates = 0
        """Create requests that arrived, refused or not."""
        self._caller = Caller(self.options, self.store)
        self.calls = Calls(self.options, self._caller, self.faults)
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[Self]:
        """Serves on loopback; `url` is its base address."""
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}{self.options.prefix}"
        try:
            yield self
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._caller.close()
            await runner.cleanup()

    def app(self) -> web.Application:
        app, root = web.Application(), self.options.prefix + _ROOT
        app.add_routes(
            [
                web.post(f"{root}/Messages.json", self._create),
                web.get(f"{root}/Messages.json", self._list),
                web.get(f"{root}/Messages", self._list),
                web.get(root + "/Messages/{sid}.json", self._fetch),
                web.post(root + "/Messages/{sid}.json", self._redact),
                web.post(f"{root}/Calls.json", self._of_calls),
                web.get(f"{root}/Calls.json", self._of_calls),
                web.get(f"{root}/Calls", self._of_calls),
                web.get(root + "/Calls/{sid}.json", self._of_calls),
                web.post(root + "/Calls/{sid}.json", self._of_calls),
                web.get("/v2/PhoneNumbers/{number}", self._look_up),
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
        account, token, number = self.options.account_sid, self.options.auth_token, self.options.numbers[0]
        if not self.options.prefix:
            return {"TWILIO_ACCOUNT_SID": account, "TWILIO_AUTH_TOKEN": token, "TWILIO_FROM": number, "TWILIO_API_BASE": self.url}
        return {
            "SIGNALWIRE_PROJECT_ID": account,
            "SIGNALWIRE_SPACE": "example.signalwire.com",
            "SIGNALWIRE_API_TOKEN": token,
            "SIGNALWIRE_SIGNING_KEY": self.options.signing_key,
            "SIGNALWIRE_FROM": number,
            "SIGNALWIRE_API_BASE": self.url,
        }

    async def settled(self) -> None:
        """Waits until every callback that is underway has been made."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def inbound(self, sender: str, body: str, *, to: str = "", media: int = 0, sid: str = "") -> WebhookTry | None:
        """A patient's text: kept in the list, its keyword obeyed, and delivered to `sms_url`; the last try."""
        to = to or self.options.numbers[0]
        service = next((mg for mg, pool in self.options.services.items() if to in pool), None)
        message = self.store.messages.get(sid) or self.store.add(
            Message(
                sid or self.options.new_id("SM"), to, sender, body, "inbound", "received", now(), sent=now(), service=service, media=media
            )
        )
        keyword = self._obey(message)
        form = self._common(message) | {
            "SmsMessageSid": message.sid,
            "SmsStatus": "received",
            "Body": body,
            "NumMedia": str(media),
            "NumSegments": "1",
            **{f"{end}{part}": "" for end in ("From", "To") for part in ("City", "State", "Zip", "Country")},
        }
        if media and not body:
            del form["Body"]
        for number in range(media):
            form |= {f"MediaUrl{number}": f"{self.url}/media/{number}", f"MediaContentType{number}": "image/jpeg"}
        if keyword and self.options.advanced_opt_out:
            form["OptOutType"] = keyword
        if not self.options.sms_url:
            return None
        if self.options.signalwire:
            form = as_signalwire.inbound(form)
        return await self._caller.call(self.options.sms_url, form, sid=message.sid, kind="sms", fallback=self.options.fallback_url)

    async def call_back(self, message: Message, status: str, error_code: int | None = None, sid: str = "") -> WebhookTry | None:
        """One status callback, now; the last try."""
        if not message.status_callback:
            return None
        form = self._common(message) | {"MessageStatus": status, "SmsStatus": status}
        if sid:
            form |= {"MessageSid": sid, "SmsSid": sid}
        if error_code is not None:
            form["ErrorCode"] = str(error_code)
        if self.options.signalwire:
            form = as_signalwire.status(form, message.body)
        return await self._caller.call(message.status_callback, form, sid=message.sid, kind="status")

    def _common(self, message: Message) -> dict[str, str]:
        form = {
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "AccountSid": self.options.account_sid,
            "ApiVersion": "2010-04-01",
            "From": message.sender or "",
            "To": message.to,
        }
        return form | ({"MessagingServiceSid": message.service} if message.service else {})

    def _obey(self, message: Message) -> str:
        """Blocks or unblocks as the carrier does and answers by itself; STOP, START, HELP or ""."""
        word = message.body.strip().upper()
        pair = (rules.scope(message.to, "", self.options), message.sender or "")
        if word in rules.STOP:
            self.store.block(pair, blocked=True)
            return self._answer(message, "STOP", "You have successfully been unsubscribed.")
        if word in rules.START and (word != "YES" or pair in self.store.blocked):
            self.store.block(pair, blocked=False)
            return self._answer(message, "START", "You have successfully been re-subscribed.")
        if word in rules.HELP and self.options.answers_help:
            return self._answer(message, "HELP", "Reply STOP to unsubscribe.")
        return ""

    def _answer(self, message: Message, keyword: str, text: str) -> str:
        self.store.add(
            Message(self.options.new_id("SM"), message.sender or "", message.to, text, "outbound-reply", "delivered", now(), sent=now())
        )
        return keyword

    async def _create(self, request: web.Request) -> web.Response:
        self.creates += 1
        if not self._authorized(request):
            return faults.error(20003, 401)
        kind = self.faults.take()
        refused = await faults.before(kind, request)
        if refused is not None:
            self.store.refused[kind] += 1
            return refused
        form = {name: str(value) for name, value in (await request.post()).items()}
        code = rules.refusal(form, self.options, self.store)
        if code is not None:
            self.store.refused[str(code)] += 1
            return faults.error(code)
        service = form.get("MessagingServiceSid")
        message = self.store.add(
            Message(
                sid=self.options.new_id("SM"),
                to=form["To"],
                sender=form.get("From"),
                body=form.get("Body", ""),
                direction="outbound-api",
                status="accepted" if service else "queued",
                created=now(),
                service=service,
                status_callback=form.get("StatusCallback", ""),
                validity_seconds=int(form["ValidityPeriod"]) if "ValidityPeriod" in form else None,
            )
        )
        good = self._shown(message)
        journey = self._journey(message)
        if self.options.before_response and journey:
            await self._report(message, *journey.pop(0))
        if kind != "failed_after_accept":
            self._start(self._travel(message, journey))
        await asyncio.sleep(self.options.answer_seconds)
        return await faults.after(kind, request, good, self.options.hold_seconds)

    def _journey(self, message: Message) -> list[tuple[str, int | None]]:
        steps: list[tuple[str, int | None]] = [(status, None) for status in self.options.callbacks]
        if steps and message.to in self.outcomes:
            steps[-1] = self.outcomes[message.to]
        return list(reversed(steps)) if self.options.reverse else steps

    async def _travel(self, message: Message, journey: list[tuple[str, int | None]]) -> None:
        for status, error_code in journey:
            await asyncio.sleep(self.options.step_seconds)
            await self._report(message, status, error_code)

    async def _report(self, message: Message, status: str, error_code: int | None) -> None:
        if message.status not in ("delivered", "undelivered", "failed"):
            if message.sender is None and message.service:
                message.sender = self.options.services[message.service][0]
            self.store.move(message, status, error_code)
        for _ in range(self.options.duplicate):
            await self.call_back(message, status, error_code)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, request: web.Request) -> web.Response:
        if not self._authorized(request):
            return faults.error(20003, 401)
        message = self.store.messages.get(request.match_info["sid"])
        return web.json_response(self._shown(message)) if message else faults.error(20404, 404)

    async def _redact(self, request: web.Request) -> web.Response:
        if not self._authorized(request):
            return faults.error(20003, 401)
        message = self.store.messages.get(request.match_info["sid"])
        if message is None:
            return faults.error(20404, 404)
        form = await request.post()
        if dict(form) != {"Body": ""}:
            return faults.error(30400)
        finished = message.created if message.direction == "inbound" else message.final
        if finished is None or now() - finished < self.options.redact_after_seconds:
            return web.json_response(as_signalwire.too_early_or_late(), status=422) if self.options.signalwire else faults.error(20009)
        self.store.redact(message)
        return web.json_response(self._shown(message))

    def _shown(self, message: Message) -> dict[str, Any]:
        shown = message.as_json(self.options.account_sid, self.options.prefix)
        return as_signalwire.message(shown, self.options.services) if self.options.signalwire else shown

    async def _look_up(self, request: web.Request) -> web.Response:
        if not self._authorized(request, with_account=False):
            return faults.error(20003, 401)
        number = request.match_info["number"]
        line = {"type": self.options.lines.get(number, "mobile"), "error_code": None, "carrier_name": "Example"}
        fields = line if request.query.get("Fields") == "line_type_intelligence" else None
        return web.json_response({"phone_number": number, "valid": True, "validation_errors": [], "line_type_intelligence": fields})

    async def _list(self, request: web.Request) -> web.Response:
        if not self._authorized(request):
            return faults.error(20003, 401)
        query = request.query
        size, page = min(int(query.get("PageSize", "50")), 1000), int(query.get("Page", "0"))
        found = [m for m in reversed(self.store.messages.values()) if _matches(m, dict(query))]
        shown = found[page * size : (page + 1) * size]
        more = len(found) > (page + 1) * size
        following = request.rel_url.update_query(Page=str(page + 1), PageToken=f"PA{page + 1}") if more else None
        answer = {
            "messages": [self._shown(message) for message in shown],
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": page * size + max(len(shown) - 1, 0),
            "uri": str(request.rel_url),
            "first_page_uri": str(request.rel_url),
            "next_page_uri": str(following) if following else None,
            "previous_page_uri": None,
        }
        return web.json_response(as_signalwire.page(answer) if self.options.signalwire else answer)

    async def _of_calls(self, request: web.Request) -> web.Response:
        if not self._authorized(request):
            return faults.error(20003, 401)
        if request.method == "POST":
            return await (self.calls.update(request) if "sid" in request.match_info else self.calls.create(request))
        return await (self.calls.fetch(request) if "sid" in request.match_info else self.calls.list(request))

    def _authorized(self, request: web.Request, *, with_account: bool = True) -> bool:
        known = {self.options.account_sid: self.options.auth_token} | self.options.api_keys
        given = request.headers.get("Authorization", "")
        expected = [f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}" for name, secret in known.items()]
        if not any(hmac.compare_digest(given, one) for one in expected):
            return False
        return not with_account or request.match_info["account"] == self.options.account_sid

    async def _control_faults(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.faults.add(asked["kind"], asked.get("count", 1))
        return web.json_response({})

    async def _control_options(self, request: web.Request) -> web.Response:
        known = {field.name for field in fields(Options)}
        for name, value in (await request.json()).items():
            if name not in known:
                raise web.HTTPBadRequest(text=name)
            setattr(self.options, name, value)
        return web.json_response(asdict(self.options))

    async def _control_outcomes(self, request: web.Request) -> web.Response:
        self.outcomes.update({to: (outcome[0], outcome[1]) for to, outcome in (await request.json()).items()})
        return web.json_response({})

    async def _control_inbound(self, request: web.Request) -> web.Response:
        asked = await request.json()
        last = await self.inbound(
            asked["from"], asked["body"], to=asked.get("to", ""), media=asked.get("media", 0), sid=asked.get("sid", "")
        )
        return web.json_response(asdict(last) if last else {})

    async def _control_state(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "accepted": [asdict(message) for message in self.store.accepted],
                "inbound": [asdict(message) for message in self.store.inbound],
                "webhooks": [asdict(attempt) for attempt in self.store.tries],
                "refused": dict(self.store.refused),
                "creates": self.creates,
                "underway": len(self._tasks),
            }
        )


def _matches(message: Message, query: dict[str, str]) -> bool:
    if query.get("To", message.to) != message.to or query.get("From", message.sender) != message.sender:
        return False
    for name in ("DateSent", "DateSent<", "DateSent>"):
        if name in query:
            if message.sent is None:
                return False
            sent, asked = datetime.fromtimestamp(message.sent, UTC).date().isoformat(), query[name][:10]
            if (name == "DateSent" and sent != asked) or (name.endswith("<") and sent > asked) or (name.endswith(">") and sent < asked):
                return False
    return True
