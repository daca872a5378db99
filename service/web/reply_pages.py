"""One reply read aloud: what the parsers find in it, by which rule, and how urgent that is. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from service.domain.reading import Channel, Expects
from service.evaluation import finding_rows
from service.web.keys import JUDGE
from service.web.language import _, later
from service.web.render import page

MOST_CHARACTERS = 2_000
EXPECTS = later(
    {
        "": "Nothing: the patient wrote first",
        Expects.SYMPTOMS: "Symptoms",
        Expects.MEDICATION_TAKEN: "Whether the medicine was taken",
        Expects.YES_NO: "Yes or no",
        Expects.WEIGHT_LB: "Weight (lb)",
        Expects.BLOOD_PRESSURE: "Blood pressure",
        Expects.GLUCOSE_MG_DL: "Blood sugar (mg/dL)",
        Expects.SPO2_PCT: "Oxygen (%)",
        Expects.TEMP_F: "Temperature (F)",
        Expects.PULSE: "Pulse (beats a minute)",
        Expects.PEAK_FLOW: "Peak flow (L/min)",
        Expects.INR: "INR (blood thinner)",
        Expects.SCALE_0_10: "A score from 0 to 10",
        Expects.COUNT: "How many",
        Expects.FREE_TEXT: "Anything",
    }
)
LANGUAGES = later({"en": "English", "es": "Spanish"})
CHANNELS = later({Channel.SMS: "Text message", Channel.VOICE: "Telephone, as written down by dictation"})
CONDITIONS = later(
    {
        "": "None of these",
        "heart_failure": "heart failure",
        "copd": "COPD",
        "diabetes": "diabetes",
        "hypertension": "high blood pressure",
        "kidney_disease": "kidney disease",
        "oncology": "cancer treatment",
        "post_discharge": "just home from the hospital",
        "postpartum": "after giving birth",
        "anticoagulation": "blood thinner",
    }
)
CHOICES: Mapping[str, Mapping[str, str]] = {
    "expects": {str(code): word for code, word in EXPECTS.items()},
    "language": LANGUAGES,
    "channel": {str(code): word for code, word in CHANNELS.items()},
    "condition": CONDITIONS,
}


async def show_form(request: web.Request) -> web.Response:
    """GET /replies."""
    return await _page(request, {"text": "", "question": "", "expects": "symptoms", "language": "en", "channel": "sms", "condition": ""})


async def explain(request: web.Request) -> web.Response:
    """POST /replies: by POST, so that no words ever stand in an address."""
    form = await request.post()
    filled = {name: str(form.get(name) or "") for name in ("text", "question", *CHOICES)}
    wrong = [name for name, known in CHOICES.items() if filled[name] not in known]
    if wrong:
        return await _page(request, filled, error=_("Choose one of the listed answers."), status=400)
    if not filled["text"].strip() or max(len(filled["text"]), len(filled["question"])) > MOST_CHARACTERS:
        return await _page(request, filled, error=_("Write a reply of 1 to {most} characters.", most=MOST_CHARACTERS), status=400)
    judged = request.app[JUDGE](
        filled["text"],
        expects=Expects(filled["expects"]) if filled["expects"] else None,
        question=filled["question"],
        language=filled["language"],
        channel=Channel(filled["channel"]),
        condition=filled["condition"],
    )
    rows = finding_rows(judged)
    return await _page(request, filled, judged=judged, rows=rows, spans=[row.span for row in rows])


async def _page(request: web.Request, filled: dict[str, str], *, status: int = 200, **found: object) -> web.Response:
    context = {
        "filled": filled,
        "choices": {name: {code: _(words) for code, words in its.items()} for name, its in CHOICES.items()},
        "most": MOST_CHARACTERS,
        "judged": None,
        "error": "",
        **found,
    }
    return await page(request, "reply.html", context, status=status)
