"""The cases beside a flow: given facts and a patient's words, played through the real reader, triage and engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service.domain.decision import Decision
from service.domain.event import CadenceQuickened, Event, RedFlagFound, ReplyRead
from service.domain.facts import Facts
from service.domain.reading import Channel, Finding, Question, Reading, Reply
from service.domain.urgency import Urgency
from service.domain.wording import Wording
from service.engine.call import typed
from service.engine.flow import Flow
from service.engine.given import facts_of, parse_ago
from service.engine.place import Path, Place
from service.engine.play import Talk, urgency_of
from service.engine.shape import nearest
from service.replies import Lexicon, read
from service.triage import Tables, decide

HAPPENINGS = ("patient", "voice", "keys", "silence", "wait")
EXPECTED = ("flags", "urgency", "asks", "ends", "says", "says_not", "hands_over", "follows_up", "quickens", "keeps", "pauses")
MOST_CASES = 500
MOST_TURNS = 80


@dataclass(frozen=True, slots=True)
class Case:
    """One case as it stands in the file, with its line, 0 where that is not known."""

    name: str
    line: int
    given: Mapping[str, Any]
    talk: tuple[Mapping[str, Any], ...]
    starts: Mapping[str, Any] = field(default_factory=dict)
    """What is expected before the patient has said a word."""


@dataclass(frozen=True, slots=True)
class Ears:
    """What replies are understood by."""

    lexicon: Lexicon
    tables: Tables
    wording: Wording

    def reading(self, reply: Reply, question: Question | None) -> Reading:
        """What is found in a reply."""
        return read(self.lexicon, reply, question)

    def decision(self, findings: tuple[Finding, ...], facts: Facts, now: datetime, question: Question | None) -> Decision:
        """What the universal table makes of it."""
        return decide(self.tables, findings, facts, now, question)


@dataclass
class Played:
    """What a case has led to; `failures` say per turn what was expected and what came instead."""

    case: Case
    failures: list[str] = field(default_factory=list)
    story: list[Event] = field(default_factory=list)


def read_cases(data: Any, file: str) -> tuple[Case, ...]:
    """The cases of a parsed file {cases: [...]}. FlowError names the line and what to write instead."""
    place = Place(data, file)
    entries = data.get("cases") if isinstance(data, Mapping) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_CASES or set(data) != {"cases"}:
        raise place.error((), f"write cases: with 1 to {MOST_CASES} entries, each begun with a dash")
    cases = []
    for number, entry in enumerate(entries):
        path: Path = ("cases", number)
        if not isinstance(entry, Mapping) or not {"name", "talk"} <= set(entry) <= {"name", "given", "starts", "talk"}:
            raise place.error(path, "write name:, talk: and, if need be, given: and starts:")
        talk, given, starts = entry["talk"], entry.get("given") or {}, entry.get("starts") or {}
        if not isinstance(talk, list) or not 0 < len(talk) <= MOST_TURNS or not isinstance(given, Mapping):
            raise place.error((*path, "talk"), f"write 1 to {MOST_TURNS} turns, each begun with a dash, and given: as names and values")
        if not isinstance(starts, Mapping):
            raise place.error((*path, "starts"), "write what follows at the start, such as {hands_over: nurse_call, asks: weight}")
        if problem := _expectation_problem(starts, ()):
            raise place.error((*path, "starts"), problem)
        for turn, said in enumerate(talk):
            if problem := _turn_problem(said):
                raise place.error((*path, "talk", turn), problem)
        lines = getattr(entries, "lines", ())
        cases.append(Case(str(entry["name"]), lines[number] if lines else 0, given, tuple(talk), starts))
    names = [case.name for case in cases]
    if twice := next((case for number, case in enumerate(cases) if names.index(case.name) != number), None):
        raise place.error(("cases", cases.index(twice)), f'two cases are called "{twice.name}"; give each its own name')
    return tuple(cases)


def _turn_problem(said: Any) -> str:
    if not isinstance(said, Mapping):
        return 'write what happens, such as {patient: "180"}'
    if len([word for word in HAPPENINGS if word in said]) != 1:
        return f"a turn is exactly one of {', '.join(HAPPENINGS)}"
    return _expectation_problem(said, HAPPENINGS)


def _expectation_problem(said: Mapping[str, Any], happenings: tuple[str, ...]) -> str:
    for word in said:
        if word not in happenings and word not in EXPECTED:
            return f'a {"turn" if happenings else "start"} knows no "{word}"; {nearest(str(word), (*happenings, *EXPECTED))}'
    return ""


def play(flow: Flow, case: Case, ears: Ears) -> Played:
    """Plays a case. What is not as it should be stands in `failures`; a case that is not written well is one failure."""
    played = Played(case)
    try:
        talk = Talk(flow, facts_of(case.given, flow.key.partition("/")[0]))
        played.failures += [f"start: {what}" for what in _compare(talk, case.starts, "", ears)]
        for number, turn in enumerate(case.talk, 1):
            happening = next(word for word in HAPPENINGS if word in turn)
            answer = _happen(talk, happening, turn[happening], ears)
            played.failures += [f"turn {number} ({turn[happening]}): {what}" for what in _compare(talk, turn, answer, ears)]
    except ValueError as error:
        played.failures.append(str(error))
        return played
    played.story = talk.story
    return played


def _happen(talk: Talk, happening: str, value: Any, ears: Ears) -> str:
    """Lets the turn happen; returns the key of the safety answer that universal triage gives, "" for none."""
    talk.now += timedelta(minutes=2)
    match happening:
        case "silence":
            talk.silence()
            return ""
        case "wait":
            talk.wait(parse_ago(str(value)))
            return ""
    question = talk.question
    text = keys_as_words(str(value), question) if happening == "keys" else str(value)
    channel = Channel.VOICE if happening == "voice" else Channel.SMS
    reading = ears.reading(Reply(text, talk.facts.language, channel, talk.facts.first_name), question)
    decision = ears.decision(reading.findings, talk.facts, talk.now, question)
    talk.hear(ReplyRead(reading.findings, reading.missing, talk.now, decision.urgency, bool(decision.answer)))
    for event in talk.events:
        if isinstance(event, RedFlagFound) and not all(0 <= start < end <= len(text) for start, end in event.fired.spans):
            raise ValueError(f"a red flag points outside the words of the reply: {event.fired.rule}")
    return decision.answer


def keys_as_words(keys: str, question: Question | None) -> str:
    """Keys of a telephone as the words they stand for, as in a call (`call.typed`)."""
    spanish = question is not None and question.language == "es"
    said = {"yes": "sí" if spanish else "yes", "no": "no"}
    return typed(keys.removesuffix("#"), question.expects if question is not None else None, said)


def _compare(talk: Talk, turn: Mapping[str, Any], answer: str, ears: Ears) -> list[str]:
    """What the turn expects and did not get."""
    wrong = []

    def hold(word: str, got: Any, wanted: Any) -> None:
        if got != wanted:
            wrong.append(f"{word}: {got or 'nothing'} instead of {wanted or 'nothing'}")

    if "urgency" in turn:
        universal = Urgency.EMERGENCY if talk.ended == "red_flag" else None
        hold("urgency", str(urgency_of(talk.events) or universal or ""), str(turn["urgency"] or ""))
    if "flags" in turn:
        hold("flags", sorted(talk.flags), sorted(_names(turn["flags"])))
    if "hands_over" in turn:
        hold("hands_over", sorted(talk.handed_over), sorted(_names(turn["hands_over"])))
    if "follows_up" in turn:
        hold("follows_up", talk.followed_up, _names(turn["follows_up"]))
    if "keeps" in turn:
        hold("keeps", sorted(talk.kept), sorted(_names(turn["keeps"])))
    if "pauses" in turn:
        hold("pauses", talk.paused, str(turn["pauses"] or ""))
    if "quickens" in turn:
        hold("quickens", any(isinstance(event, CadenceQuickened) for event in talk.events), turn["quickens"])
    if "asks" in turn:
        hold("asks", talk.asked, str(turn["asks"] or ""))
    hold("ends", talk.ended, str(turn.get("ends", talk.ended)))
    texts = [*talk.texts, *([ears.wording.for_patient(answer, talk.facts)] if answer else [])]
    for word, wanted in (("says", True), ("says_not", False)):
        for says in _names(turn[word]) if word in turn else ():
            said = any(_wording(talk, says, ears).lower() in text.lower() for text in texts)
            wrong += [] if said is wanted else [f"{word}: {texts} {'instead of' if wanted else 'with'} {says}"]
    return wrong


def _wording(talk: Talk, says: str, ears: Ears) -> str:
    return ears.wording.for_patient(says, talk.facts) if says in ears.wording.texts else says


def _names(written: Any) -> list[str]:
    return [str(name) for name in written] if isinstance(written, list | tuple) else [str(written)] if written else []
