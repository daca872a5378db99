"""A telephone at the end of a wire: the callee of Twilio's stand-in against the real step of a call, with nothing in between.

No HTTP and no database: the form is parsed and the prompt rendered by the provider's real code, the step is `hold_call`'s, and
between two steps everything that a call keeps is written to JSON and read again. So every programme can be called in seconds.

    wire = Wire(content().flows["heart_failure/daily"], facts_of({"day": 3}, "heart_failure"))
    call = await wire.ring()
    said = await call.press("1950")
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from uuid import UUID

from service.actions.answer_call import Line
from service.actions.apply_events import begin
from service.actions.hold_call import pick_up, take_step
from service.actions.knowledge import Knowledge
from service.db.changes import Changes
from service.db.escalation import concerns
from service.domain.coverage import Coverage
from service.domain.facts import Facts
from service.domain.patient import Enrollment, Organization, PatientContext, PatientStatus, Phone, Team
from service.domain.prompt import Prompt
from service.domain.schedule import to_local
from service.engine import Flow, Session
from service.engine.call import Call, Stage
from service.engine.play import MORNING
from service.engine.spoken import open_question
from service.telephony.port import Payload
from service.telephony.twilio import TwilioVoice
from tests.actions.house import content
from tests.seed import SENDER
from tests.stand_in_twilio.calls import Heard, PlacedCall
from tests.stand_in_twilio.options import Options
from tests.stand_in_twilio.store import WebhookTry

ID = UUID(int=7)
BIRTH_YEAR = "1950"
ZONE = "America/New_York"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALWAYS = Coverage.from_json({"zone": ZONE, "hours": {day: [["00:00", "00:00"]] for day in DAYS}})
NEVER_NOW = Coverage.from_json({"zone": ZONE, "hours": {"wednesday": [["08:00", "18:00"]]}})
CLINIC = Organization(ID, "Riverside Clinic", ZONE, time(20), time(9), "911", "988", "+12025550199", "+12025550190")
STEP = timedelta(seconds=20)


@dataclass
class Wire:
    """One patient who is called for one check-in. `rules` are those raised so far, in order; `stages` where each prompt left the call."""

    flow: Flow
    facts: Facts
    options: Options = field(default_factory=lambda: Options(numbers=[SENDER]))
    now: datetime = MORNING
    rules: list[str] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Step of the question that each prompt asks, "" for prompts that ask none."""
    kept: str = ""
    """The call and its open prompt, as JSON."""

    def __post_init__(self) -> None:
        """The check-in begins; its first question is asked by the call."""
        self.voice = TwilioVoice(account_sid=self.options.account_sid)
        self.context = begin(
            changes := Changes(self.now),
            _knowledge(),
            _patient(self.facts, self.flow, self.now),
            flow=self.flow,
            flow_version_id=ID,
            enrollment=None,
            check_in_id=None,
            useful_until=None,
            by_call=True,
        )
        self._note(changes)

    @property
    def stands(self) -> Call:
        """Where the call stands."""
        return Call.from_json(json.loads(self.kept)["call"])

    @property
    def session(self) -> Session | None:
        """The check-in, None when it is over."""
        return Session.from_json(self.context.session.state) if self.context.session is not None else None

    async def ring(self, by: str = "human") -> PlacedCall:
        """The call, picked up."""
        url = "http://127.0.0.1/voice/0"
        placed = PlacedCall(self.options, self, {"Url": url, "From": SENDER, "To": "+12025550103", "MachineDetection": "Enable"})
        await placed.pick_up(by)
        return placed

    async def identified(self) -> tuple[PlacedCall, Heard]:
        """The call after the birth year: the first question is open."""
        placed = await self.ring()
        return placed, await placed.press(BIRTH_YEAR)

    async def call(self, url: str, form: Mapping[str, str], *, sid: str, kind: str, fallback: str = "") -> WebhookTry:
        """A webhook of the stand-in; statuses are no part of a step."""
        return WebhookTry(sid, kind, url, 200, self._step(url, form) if kind == "voice" else "")

    def _step(self, url: str, form: Mapping[str, str]) -> str:
        """One step: the TwiML that follows."""
        self.now += STEP
        heard = self.voice.parse_call(Payload(form), ID, int(url.rpartition("/")[2]))
        kept = json.loads(self.kept) if self.kept else None
        call = Call.from_json(kept["call"]) if kept else Call(self.flow.language(self.facts.language))
        opened = Prompt.from_json(kept["prompt"]) if kept else Prompt(())
        assert heard.turn == call.turn
        line = Line(
            changes=Changes(self.now),
            knowledge=_knowledge(),
            script=content().script,
            context=self.context,
            flow=self.flow if self.context.session is not None else None,
            phone=self.context.phones[0],
            heard=heard,
            call=replace(call, spoken="", owed=""),
            prompt=opened,
            number=1,
            birth_year=BIRTH_YEAR,
        )
        prompt = pick_up(line) if kept is None else take_step(line)
        call = replace(line.call, turn=line.call.turn + 1)
        self.kept = json.dumps({"call": call.to_json(), "prompt": prompt.to_json()})
        self.context = line.context
        if self.context.session is not None:
            saved = json.loads(json.dumps(self.context.session.state))
            self.context = replace(self.context, session=replace(self.context.session, state=saved))
        self._note(line.changes)
        self.prompts.append(prompt)
        session = self.session
        asks = call.stage is Stage.QUESTION and session is not None and open_question(self.flow, session) is not None
        self.asked.append(call.step if asks else "")
        return self.voice.render(prompt, f"http://127.0.0.1/voice/{call.turn}").body

    def _note(self, changes: Changes) -> None:
        self.rules += [row["rule"] for row in changes.inserted.get(concerns, {}).values()]


@functools.cache
def _knowledge() -> Knowledge:
    return Knowledge(
        content().lexicon,
        content().tables,
        content().wording,
        "http://localhost:8080",
        content().follow_through,
        content().opening,
        content().law,
    )


def _patient(facts: Facts, flow: Flow, now: datetime) -> PatientContext:
    """A patient of whom these facts hold."""
    programme = flow.key.partition("/")[0]
    coverage = ALWAYS if facts.staffed else NEVER_NOW
    started = to_local(now, ZONE).date() - timedelta(days=facts.day - 1) if facts.day is not None else None
    enrollment = Enrollment(ID, programme, flow.key, facts.high_risk, started, facts.silent_check_ins or 0)
    return PatientContext(
        id=ID,
        organization=CLINIC,
        team=Team(ID, CLINIC, "Team A", "+12025550191", coverage),
        name="Chi Chen",
        language=facts.language,
        zone=ZONE,
        status=PatientStatus.ACTIVE,
        phones=(Phone(ID, "+12025550103"),),
        conditions=facts.conditions,
        medications=facts.medications,
        high_alert=facts.high_alert,
        limits=facts.limits,
        history=facts.history,
        doses=facts.doses,
        symptoms=facts.symptoms,
        educated=facts.educated,
        recorded=facts.recorded,
        detail_consent=facts.detail_consent,
        enrollments=(enrollment,),
    )
