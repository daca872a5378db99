"""The cases beside shared/follow_through.yaml: what is answered to a safety text, or that nothing is, and what must follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.facts import Facts
from service.domain.reading import Channel, Reply
from service.domain.urgency import highest
from service.engine.cases import MOST_CASES, MOST_TURNS, Ears, keys_as_words
from service.engine.follow_through import EMERGENCY, FollowThrough
from service.engine.given import facts_of, parse_ago
from service.engine.place import Place
from service.engine.play import MORNING
from service.replies import read
from service.triage import decide

SAID = ("patient", "voice", "keys")
EXPECTED = ("chooses", "urgency", "says")
NOTHING = "nothing"
_WRITE = 'write {patient: "2", chooses: cannot, urgency: emergency, says: part of the answer} or {silence: 2 min, calls: true}'


@dataclass(frozen=True, slots=True)
class SafetyCase:
    """One case as it stands in the file, with its line."""

    name: str
    line: int
    given: Mapping[str, Any]
    after: str
    """Key of the safety text that came before."""
    talk: tuple[Mapping[str, Any], ...]


def read_safety_cases(data: Any, file: str, after: FollowThrough, texts: Mapping[str, Any]) -> tuple[SafetyCase, ...]:
    """The cases of a parsed file {cases: [...]}; `texts` are the wording's. FlowError names the line and what to write instead."""
    place = Place(data, file)
    entries = data.get("cases") if isinstance(data, Mapping) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_CASES or set(data) != {"cases"}:
        raise place.error((), f"write cases: with 1 to {MOST_CASES} entries, each begun with a dash")
    cases: list[SafetyCase] = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or not {"name", "talk"} <= set(entry) <= {"name", "given", "after", "talk"}:
            raise place.error(("cases", number), "write name:, talk: and, if need be, given: and after:")
        talk, given, key = entry["talk"], entry.get("given") or {}, str(entry.get("after", EMERGENCY))
        if not isinstance(talk, list) or not 0 < len(talk) <= MOST_TURNS or not isinstance(given, Mapping):
            raise place.error(("cases", number, "talk"), f"write 1 to {MOST_TURNS} turns, each begun with a dash, and given: as names")
        if key not in texts:
            raise place.error(("cases", number, "after"), f'shared/wording.yaml has no text "{key}"')
        for turn, said in enumerate(talk):
            if not isinstance(said, Mapping) or not _well_written(said, after):
                raise place.error(("cases", number, "talk", turn), _WRITE)
        if any(case.name == str(entry["name"]) for case in cases):
            raise place.error(("cases", number), f'two cases are called "{entry["name"]}"; give each its own name')
        cases.append(SafetyCase(str(entry["name"]), getattr(entries, "lines", {number: 0})[number], given, key, tuple(talk)))
    return tuple(cases)


def play_safety_case(after: FollowThrough, case: SafetyCase, ears: Ears) -> list[str]:
    """Plays one through the real reader and triage; what did not come out as it should, per turn."""
    try:
        facts = facts_of(case.given, "shared")
        return [what for number, turn in enumerate(case.talk, 1) for what in _play(after, case, turn, number, facts, ears)]
    except ValueError as error:
        return [str(error)]


def not_shown(after: FollowThrough, cases: Sequence[SafetyCase]) -> list[str]:
    """What no case shows: an answer, a language, silence with and without a call."""
    turns = [turn for case in cases for turn in case.talk]
    missing = [f"no case chooses {one.value}" for one in after.choices if one.value not in {turn.get("chooses") for turn in turns}]
    languages = {str(case.given.get("language", "en")) for case in cases}
    missing += [f"no case is in {language}" for language in after.languages if language not in languages]
    silences = {turn.get("calls") for turn in turns if "silence" in turn}
    return missing + [f"no case shows silence with calls: {str(called).lower()}" for called in (True, False) if called not in silences]


def _well_written(said: Mapping[str, Any], after: FollowThrough) -> bool:
    if "silence" in said:
        return set(said) == {"silence", "calls"} and isinstance(said["calls"], bool)
    known = {NOTHING, *(one.value for one in after.choices)}
    happens = [word for word in SAID if word in said]
    return len(happens) == 1 and set(said) <= {*happens, *EXPECTED} and said.get("chooses") in known


def _play(after: FollowThrough, case: SafetyCase, turn: Mapping[str, Any], number: int, facts: Facts, ears: Ears) -> list[str]:
    if "silence" in turn:
        called = after.calls(case.after, parse_ago(str(turn["silence"])))
        told = "is called" if called else "is not called"
        return [] if called is turn["calls"] else [f"turn {number}: silence of {turn['silence']} after {case.after} {told}"]
    happening = next(word for word in SAID if word in turn)
    question = after.asked if after.asks(case.after) else None
    words = keys_as_words(str(turn[happening]), question) if happening == "keys" else str(turn[happening])
    reading = read(ears.lexicon, Reply(words, facts.language, Channel.VOICE if happening == "voice" else Channel.SMS), question)
    decision = decide(ears.tables, reading.findings, facts, MORNING, question)
    answer = after.answered(reading) if question is not None else None
    chosen = answer.rule.partition(".")[2] if answer is not None else NOTHING
    urgency = highest([*([decision.urgency] if decision.urgency else []), *([answer.urgency] if answer else [])])
    text = after.reply(ears.wording, answer, facts)[1] if answer is not None else ""
    wrong = [] if chosen == turn["chooses"] else [f"chooses: {chosen} instead of {turn['chooses']}"]
    if "urgency" in turn and str(urgency or "") != str(turn["urgency"] or ""):
        wrong.append(f"urgency: {urgency or 'nothing'} instead of {turn['urgency']}")
    if "says" in turn and str(turn["says"]).lower() not in text.lower():
        wrong.append(f"says: {text or 'nothing'} instead of {turn['says']}")
    return [f"turn {number} ({turn[happening]}): {what}" for what in wrong]
