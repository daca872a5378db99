"""The page of one item put together: what was loaded, in the order in which the template shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from service.actions.beside_item import beside_item
from service.actions.call_patient import waits
from service.actions.reply_to_patient import REFUSALS, reason_needed, why_refused
from service.actions.resolve_escalation import needs_encounter
from service.actions.view_item import view_item
from service.db.item import ItemPage
from service.db.thread import Key
from service.domain.attempts import NextCall, next_call
from service.domain.encounter import Encounter, Interpreter
from service.domain.escalation import Concern, Disposition, SpokeTo, State, by_words
from service.domain.known_finding import why_not_acceptable
from service.domain.patient import Phone, Team
from service.domain.pause import PauseKind
from service.domain.reading import Span
from service.domain.ready_answer import ReadyAnswer
from service.domain.staff import Permission, Staff
from service.domain.time_log import proposed_minutes
from service.domain.urgency import Urgency
from service.web import item_words
from service.web.item_forms import id_of
from service.web.keys import CLOCK, DATABASE, KNOWN_RULES, LAW, WEB_SESSION
from service.web.language import _
from service.web.queue_view import REASONS, SNOOZE
from service.web.render import fragment, page
from service.web.sessions import BACKGROUND

ANSWERS: web.AppKey[Sequence[ReadyAnswer]] = web.AppKey("ANSWERS")
"""Ready answers that every clinic has."""
EMPTY = {
    **dict.fromkeys(("text", "reason", "note", "addendum", "disposition", "closing_note", "spoke_to", "lower_to", "lower_why"), ""),
    **dict.fromkeys(("follow_up", "follow_up_when", "follow_up_day", "follow_up_words", "follow_up_urgency"), ""),
    **dict.fromkeys(("pause_kind", "pause_from", "pause_until", "pause_reason"), ""),
    "answered": frozenset(),
    "useless": "",
    "mine": "",
}
"""What the page's forms hold before anything is written."""


async def item_page(
    request: web.Request,
    *,
    error: str = "",
    filled: Mapping[str, Any] | None = None,
    written: Encounter | None = None,
    lacks: Collection[str] = (),
    perhaps: Collection[str] = (),
    status: int = 200,
) -> web.Response:
    """The page; `filled` and `written` are what was sent and not taken, `lacks` the fields of the note that stand
    empty, `perhaps` those that the answers to these may ask for.
    """
    staff, now = request[WEB_SESSION].staff, request.app[CLOCK].now()
    found = await view_item(request.app[DATABASE], staff, id_of(request), now, Key.parse(request.query.get("before", "")))
    item, groups, hours = found.item, by_words(found.concerns), found.place.hours(request.app[LAW].states)
    context = {
        "page": found,
        "item": item,
        "before": request.query.get("before", "")[:100],
        "groups": groups,
        "spans": _spans(groups),
        "mine": item.claimed_by == staff.id and item.state is State.CLAIMED,
        "judges": staff.may(Permission.ASSESS),
        "documented": needs_encounter(item),
        "reason_needed": reason_needed(item, hours, now),
        "call_waits": waits(item, hours, now),
        "quiet_now": hours.closed(now, scheduled=False) is not None,
        "refusal": _refusal(found, now),
        "ready": _ready(found, staff, request.app[ANSWERS], now),
        "next_call": _next_call(found),
        "note": written or found.draft or _taken_over(_begun(found, groups), filled or {}),
        "lower": [one for one in Urgency if one.rank > item.urgency.rank],
        "dispositions": list(Disposition),
        "spoke_to": list(SpokeTo),
        "pause_kinds": list(PauseKind),
        "item_words": item_words,
        "lacks": lacks,
        "perhaps": perhaps,
        "beside": await beside_item(request.app[DATABASE], staff, item, now),
        "acceptable": _acceptable(groups, request.app[KNOWN_RULES]),
        "snooze_choices": [(choice, _(words)) for choice, words in SNOOZE.items()],
        "snooze_reasons": [_(words) for words in REASONS],
        "error": error,
        "filled": {**EMPTY, **dict(filled or {})},
    }
    if BACKGROUND in request.headers:
        return fragment(request, "item.html", context)
    return await page(request, "item.html", context, status=status)


def _acceptable(groups: Sequence[Sequence[Concern]], rules: Mapping[str, bool]) -> list[Concern]:
    """The findings that accepting would hide: those of which no rule on the same words is shown all the same."""
    return [
        group[0]
        for group in groups
        if not any(why_not_acceptable(one.rule, one.urgency, one.measured, rules.get(one.rule)) for one in group)
    ]


def _refusal(found: ItemPage, now: datetime) -> str:
    """Why a text to the number at hand would be refused, said before anything is typed; "" when it would go."""
    if found.patient is None:
        return REFUSALS["no_consent"]
    rows = {row.id: row for row in found.patient.phones}
    row = rows.get(found.place.phone_id)
    return why_refused(found.item, Phone(row.id, row.number, row.unsafe_since, row.opted_out_at), found.consents, now) if row else ""


def _next_call(found: ItemPage) -> NextCall | str:
    """The call that the protocol asks for, else what remains when the last has reached nobody; "" when somebody was reached."""
    news_at = max((one.raised_at for one in found.concerns), default=None)
    following = next_call(found.item.urgency, found.attempts, found.place.zone, news_at)
    return following if isinstance(following, NextCall) else following.last or ""


def _spans(groups: Sequence[Sequence[Concern]]) -> dict[UUID, list[Span]]:
    """What to mark in the conversation: the words of each group's leading concern."""
    spans: dict[UUID, list[Span]] = defaultdict(list)
    for lead, *_more in groups:
        if lead.communication_id is not None:
            spans[lead.communication_id] += lead.spans
    return spans


def _ready(found: ItemPage, staff: Staff, shipped: Sequence[ReadyAnswer], now: datetime) -> list[tuple[str, str]]:
    """(title, text) of the ready answers in the patient's language, the clinic's own first; those that cannot be filled are left out."""
    language = found.place.language
    own = [ReadyAnswer(str(one.id), one.language, one.title, one.body) for one in found.ready]
    values = _values(found, staff, found.team, now)
    every = ((one.title, one.filled(values)) for one in (*own, *shipped) if one.language == language)
    return [(title, text) for title, text in every if text]


def _values(found: ItemPage, staff: Staff, team: Team, now: datetime) -> dict[str, str]:
    organization, coverage, place = team.organization, team.coverage, found.place
    name = found.patient.name.split() if found.patient else []
    values = {
        "nurse": staff.name.split()[0] if staff.name.split() else "",
        "clinic": organization.name,
        "first_name": name[0] if name else "",
        "after_hours_number": organization.after_hours_number or organization.clinic_phone,
        "promise": coverage.promise(now, found.item.urgency, place.language, place.zone) if coverage is not None else "",
    }
    return {key: value for key, value in values.items() if value}


def _begun(found: ItemPage, groups: Sequence[Sequence[Concern]]) -> Encounter:
    """The note as the item itself can fill it in: what is known stands there, what only a talk can tell is left to the nurse."""
    situation = [". ".join(filter(None, (group[0].reason, item_words.measured(group[0].measured)))) for group in groups[:8]]
    said = dict.fromkeys(group[0].communication_id for group in groups)
    words = [f'"{found.words[id]}"' for id in said if id is not None and id in found.words]
    return Encounter(
        situation="\n".join((*situation, *words[:3]))[:2000],
        background=_background(found),
        interpreter=Interpreter.NOT_NEEDED if found.place.language == "en" else "",
        minutes=proposed_minutes(found.seconds),
    )


def _taken_over(begun: Encounter, filled: Mapping[str, Any]) -> Encounter:
    """What was written for an item that a plain note closed, when it has become urgent meanwhile: it leads the note that it now needs."""
    if filled.get("quick") or not filled.get("closing_note"):
        return begun
    chosen = Encounter.of({"disposition": filled["disposition"], "spoke_to": filled["spoke_to"]})
    situation = f"{filled['closing_note'].strip()}\n{begun.situation}"
    return replace(begun, situation=situation, disposition=chosen.disposition, spoke_to=chosen.spoke_to)


def _background(found: ItemPage) -> str:
    patient = found.patient
    if patient is None:
        return ""
    conditions = ", ".join(name.replace("_", " ") for name in patient.conditions)
    medicines = ", ".join(one.name + (" (high-alert)" if one.high_alert else "") for one in patient.medications)
    lines = (("Conditions", conditions), ("Medicines", medicines), ("Allergies", patient.allergies or "not known"))
    return "\n".join(f"{name}: {words}" for name, words in lines if words)[:2000]
