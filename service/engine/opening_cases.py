"""The cases beside shared/opening.yaml: what the first texts say, and what answers and silence lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.consent import Agreed
from service.domain.reading import Reply
from service.engine.cases import MOST_CASES, MOST_TURNS, Ears
from service.engine.given import facts_of, parse_ago
from service.engine.opening import NUMBER_QUESTION, Opening, is_a_stranger
from service.engine.place import Place
from service.replies import read

NOTHING = "nothing"
_WRITE = "write {starts: 2, says: [parts of texts]}, {patient: YES, confirms: true} or {silence: 24 h, raises: same_day}"


@dataclass(frozen=True, slots=True)
class OpeningCase:
    """One case as it stands in the file, with its line."""

    name: str
    line: int
    given: Mapping[str, Any]
    talk: tuple[Mapping[str, Any], ...]


def read_opening_cases(data: Any, file: str) -> tuple[OpeningCase, ...]:
    """The cases of a parsed file {cases: [...]}. FlowError names the line and what to write instead."""
    place = Place(data, file)
    entries = data.get("cases") if isinstance(data, Mapping) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_CASES or set(data) != {"cases"}:
        raise place.error((), f"write cases: with 1 to {MOST_CASES} entries, each begun with a dash")
    cases: list[OpeningCase] = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or not {"name", "talk"} <= set(entry) <= {"name", "given", "talk"}:
            raise place.error(("cases", number), "write name:, talk: and, if need be, given:")
        talk, given = entry["talk"], entry.get("given") or {}
        if not isinstance(talk, list) or not 0 < len(talk) <= MOST_TURNS or not isinstance(given, Mapping):
            raise place.error(("cases", number, "talk"), f"write 1 to {MOST_TURNS} turns, each begun with a dash, and given: as names")
        for turn, said in enumerate(talk):
            if not isinstance(said, Mapping) or set(said) not in _TURNS:
                raise place.error(("cases", number, "talk", turn), _WRITE)
        if any(case.name == str(entry["name"]) for case in cases):
            raise place.error(("cases", number), f'two cases are called "{entry["name"]}"; give each its own name')
        cases.append(OpeningCase(str(entry["name"]), getattr(entries, "lines", {number: 0})[number], given, tuple(talk)))
    return tuple(cases)


_TURNS = ({"starts", "says"}, {"patient", "confirms"}, {"silence", "raises"})


def play_opening_case(opening: Opening, case: OpeningCase, ears: Ears) -> list[str]:
    """Plays one through the real texts and the real reader; what did not come out as it should, per turn."""
    try:
        facts = facts_of(case.given, "shared")
        wrong: list[str] = []
        for number, turn in enumerate(case.talk, 1):
            if "starts" in turn:
                texts = opening.filled(ears.wording, facts, _agreed(str(turn["starts"])), unconfirmed=True)
                parts = turn["says"] if isinstance(turn["says"], list) else [turn["says"]]
                wrong += [f"turn {number}: no text says {part}" for part in parts if not any(str(part) in text for text in texts)]
            elif "patient" in turn:
                reading = read(ears.lexicon, Reply(str(turn["patient"]), facts.language), NUMBER_QUESTION)
                confirms = not is_a_stranger(reading, asked=True)
                told = "confirms the number" if confirms else "does not confirm the number"
                wrong += [] if confirms is turn["confirms"] else [f"turn {number}: {turn['patient']} {told}"]
            else:
                fired = opening.unconfirmed(parse_ago(str(turn["silence"])))
                raised = fired.urgency.value if fired is not None else NOTHING
                wrong += [] if raised == turn["raises"] else [f"turn {number}: raises: {raised} instead of {turn['raises']}"]
    except (TypeError, ValueError) as error:
        return [str(error)]
    return wrong


def _agreed(written: str) -> Agreed:
    """ "2" check-ins a day, or "3 a week"."""
    often, weekly, _ = written.partition(" a week")
    return Agreed(1, int(often)) if weekly else Agreed(int(often), int(often) * 7)


def not_shown(opening: Opening, cases: Sequence[OpeningCase]) -> list[str]:
    """What no case shows: a language, a yes, a no, and silence before and after its time."""
    turns = [turn for case in cases for turn in case.talk]
    languages = {str(case.given.get("language", "en")) for case in cases}
    missing = [f"no case is in {language}" for language in opening.languages if language not in languages]
    confirmed, raised = {turn.get("confirms") for turn in turns}, {turn.get("raises") for turn in turns}
    missing += [f"no case shows confirms: {str(each).lower()}" for each in (True, False) if each not in confirmed]
    wanted = (NOTHING, opening.confirmation.unconfirmed.urgency.value)
    return missing + [f"no case shows silence that raises {each}" for each in wanted if each not in raised]
