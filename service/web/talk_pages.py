"""How a nurse talks with the patient of an item: texts, and calls as she logs them; and the clinic's ready answers."""

from __future__ import annotations

from aiohttp import web

from service.actions.call_patient import call_patient
from service.actions.change_ready_answers import add_ready_answer, end_ready_answer, view_ready_answers
from service.actions.log_attempt import log_attempt
from service.actions.refusal import Refused
from service.actions.reply_to_patient import reply_to_patient
from service.domain.attempts import Outcome
from service.domain.wording import LANGUAGES
from service.web.item_forms import back, id_in, id_of, text
from service.web.item_view import ANSWERS, item_page
from service.web.item_words import ATTEMPT
from service.web.keys import CLOCK, DATABASE, LAW, WEB_SESSION
from service.web.language import _, told
from service.web.render import page, say
from service.web.times import clock_time


async def reply(request: web.Request) -> web.Response:
    """POST /items/{id}/reply."""
    item_id, filled = id_of(request), {name: await text(request, name) for name in ("text", "reason")}
    phone_id, staff, now = await id_in(request, "phone"), request[WEB_SESSION].staff, request.app[CLOCK].now()
    words, reason, law = filled["text"], filled["reason"], request.app[LAW]
    try:
        await reply_to_patient(request.app[DATABASE], law, staff, item_id, text=words, phone_id=phone_id, reason=reason, now=now)
    except Refused as refused:
        return await item_page(request, error=told(refused), filled=filled, status=422)
    await say(request, _("Your message is on its way. Its status is shown in the conversation."))
    return back(item_id, "conversation")


async def call(request: web.Request) -> web.Response:
    """POST /items/{id}/call: the nurse's own telephone rings, then the patient's."""
    item_id, phone_id, reason = id_of(request), await id_in(request, "phone"), await text(request, "reason")
    staff, law, now = request[WEB_SESSION].staff, request.app[LAW], request.app[CLOCK].now()
    try:
        await call_patient(request.app[DATABASE], law, staff, item_id, phone_id, reason, now)
    except Refused as refused:
        return await item_page(request, error=told(refused), status=422)
    await say(request, _("Your telephone rings in a moment. Press 1, and the patient is called from the clinic's number."))
    return back(item_id, "calls")


async def attempt(request: web.Request) -> web.Response:
    """POST /items/{id}/attempt: a call that the nurse has made, by its outcome."""
    item_id, outcome, phone_id = id_of(request), await text(request, "outcome"), await id_in(request, "phone")
    session, now = request[WEB_SESSION], request.app[CLOCK].now()
    try:
        following = await log_attempt(request.app[DATABASE], session.staff, item_id, outcome, phone_id, now)
    except Refused as refused:
        return await item_page(request, error=told(refused), status=422)
    words = _("Call logged: {outcome}.", outcome=_(ATTEMPT[outcome]))
    if following is not None and following.due_at is not None:
        at = clock_time(following.due_at, session.zone, now)
        words += " " + _("Call {number} of {of} is due {at}.", number=following.number, of=following.of, at=at)
    if outcome == Outcome.WRONG_NUMBER:
        words += " " + _("No check-in goes to this number until it is confirmed. Find the right one under Numbers, relatives and carers.")
    await say(request, words)
    return back(item_id, "calls")


async def show_answers(request: web.Request) -> web.Response:
    """GET /answers: what nurses of the clinic have ready to send."""
    return await _answers(request)


async def add_answer(request: web.Request) -> web.Response:
    """POST /answers."""
    filled = {name: await text(request, name) for name in ("language", "title", "text")}
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    try:
        await add_ready_answer(request.app[DATABASE], staff, filled["language"], filled["title"], filled["text"], now)
    except Refused as refused:
        return await _answers(request, error=told(refused), filled=filled, status=422)
    await say(request, _("Added. It stands beside the reply box of every item in that language."))
    raise web.HTTPSeeOther("/answers")


async def end_answer(request: web.Request) -> web.Response:
    """POST /answers/{id}/end."""
    await end_ready_answer(request.app[DATABASE], request[WEB_SESSION].staff, id_of(request), request.app[CLOCK].now())
    await say(request, _("Taken out."))
    raise web.HTTPSeeOther("/answers")


async def _answers(request: web.Request, *, error: str = "", filled: dict[str, str] | None = None, status: int = 200) -> web.Response:
    own = await view_ready_answers(request.app[DATABASE], request[WEB_SESSION].staff)
    context = {
        "own": own,
        "shipped": request.app[ANSWERS],
        "languages": LANGUAGES,
        "error": error,
        "filled": filled or {"language": "en", "title": "", "text": ""},
    }
    return await page(request, "item_answers.html", context, status=status)
