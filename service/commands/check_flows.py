"""rounds flows check: files read, cases played, every edge walked; what is wrong is told with file and line."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field

from service.commands.check_shared import KEYS, check_shared
from service.commands.surroundings import CLOCK, UserError
from service.content import (
    CASES,
    SHARED,
    ContentError,
    load_cases,
    load_lexicon,
    load_reading_level,
    load_script,
    load_tables,
    load_wording,
    located,
    read_flows,
    unknown_rechecks,
    unknown_symptoms,
)
from service.domain.urgency import Urgency
from service.engine import Flow
from service.engine.cases import Case, Ears, Played, play
from service.evaluation.flows.proof import Proof, prove, rule_lines, shown
from service.evaluation.flows.remembering import Remembering, remembering
from service.evaluation.flows.walk import Walker, red_flags
from service.triage import Tables

SHOWN = 12
"""Letters of a content hash that are shown."""


@dataclass
class _Counts:
    flows: int = 0
    cases: int = 0
    turns: int = 0
    paths: int = 0
    steps: int = 0
    languages: set[str] = field(default_factory=set)
    rules: int = 0
    problems: int = 0


def check_flows(arguments: argparse.Namespace) -> None:
    """Prints every problem and a line a flow, then the counts. Exit code 1 when there is any problem."""
    words, tables, lexicon = load_wording(), load_tables(), load_lexicon()
    files = read_flows()
    errors = [*files.errors, *unknown_symptoms(lexicon, tables, files.flows), *unknown_rechecks(tables, files.flows)]
    wanted = set(arguments.flow)
    known = {*KEYS, *files.flows, *files.subflows, *(error.file.removesuffix(".yaml") for error in errors)}
    if unknown := sorted(wanted - known):
        raise UserError(f"there is no flow {unknown[0]}; there are: {', '.join(sorted(known))}")
    told = [error for error in errors if not wanted or _concerns(error, wanted)]
    for error in told:
        print(error)
    counts = _Counts(problems=len(told))
    ears = Remembering(remembering(lexicon), tables, words)
    walker, script, level = Walker(ears), load_script(wording=words), load_reading_level()
    today = CLOCK.now().date()
    began = time.process_time()
    for key, flow in files.flows.items():
        if wanted and key not in wanted:
            continue
        cases, played, problems = _played(flow, ears)
        proof = Proof(flow)
        if not arguments.cases_only:
            proof = prove(flow, cases, shown(flow, played), walker, script, level, today)
            problems += located(key, proof.problems)
        for problem in problems:
            print(problem)
        _add(counts, flow, len(cases), len(problems), proof)
        print(
            f"{key}  {flow.version[:SHOWN]}  {len(flow.steps)} steps, {len(red_flags(flow))} red flags, {len(cases)} cases, "
            f"{proof.turns} answers walked, {_of(len(problems), 'problem')}",
            flush=True,
        )
        if arguments.rules:
            for name, urgency, reason, source in rule_lines(flow):
                print(f"    {name}  {urgency}\n        {reason}\n        Source: {source}")
    cases_played, problems_found = check_shared(ears, today, wanted)
    counts.cases += cases_played
    counts.problems += problems_found
    counts.problems += _general(tables)
    _print(counts, tables, time.process_time() - began)
    if counts.problems:
        sys.exit(1)


def _add(counts: _Counts, flow: Flow, cases: int, problems: int, proof: Proof) -> None:
    counts.flows += 1
    counts.cases += cases
    counts.problems += problems
    counts.turns += proof.turns
    counts.paths += proof.paths
    counts.steps += len(flow.steps)
    counts.languages |= {*flow.languages}
    counts.rules += len(red_flags(flow))


def _print(counts: _Counts, tables: Tables, seconds: float) -> None:
    paths = f"{counts.paths:,}" if counts.paths < 10**9 else f"more than 10^{len(str(counts.paths)) - 1}"
    if counts.flows:
        print(
            f"\n{_of(counts.flows, 'flow')}, {_of(counts.steps, 'step')}, {_of(counts.cases, 'case')}, "
            f"{_of(len(counts.languages), 'language')} ({', '.join(sorted(counts.languages))}), 2 channels\n"
            f"{counts.turns:,} answers and silences walked, which make up {paths} different conversations ({seconds:.0f} s of one core)\n"
            f"{_of(counts.rules, 'red flag')} in flows and {len(tables.rules)} rules for every patient, each with its source "
            "(--rules prints them)"
        )
    print(_of(counts.problems, "problem"))


def _of(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _concerns(error: ContentError, wanted: set[str]) -> bool:
    """A mistake in a named flow, or in a file that it may use (shared, education)."""
    programmes = {key.partition("/")[0] for key in wanted} | {SHARED}
    folder, _, name = error.file.removesuffix(".yaml").partition("/")
    return error.file.removesuffix(".yaml") in wanted or not name or (folder in programmes and (folder == SHARED or name == "education"))


def _played(flow: Flow, ears: Ears) -> tuple[tuple[Case, ...], list[Played], list[ContentError]]:
    """A flow's cases as they were played, and what did not come out of them as it should."""
    try:
        cases = load_cases(flow.key)
    except ContentError as error:
        return (), [], [error]
    file = f"{flow.key}{CASES}"
    played = [play(flow, case, ears) for case in cases]
    wrong = [ContentError(file, f"line {each.case.line}", f'"{each.case.name}": {failure}') for each in played for failure in each.failures]
    flags = shown(flow, played).flags
    wrong += [ContentError(file, "", f"no case shows {name}") for name in red_flags(flow) if name not in flags]
    if missing := [language for language in flow.languages if not any(case.given.get("language", "en") == language for case in cases)]:
        wrong.append(ContentError(file, "", f"no case is in {missing[0]}; write one with given: {{language: {missing[0]}}}"))
    return cases, played, wrong


def _general(tables: Tables) -> int:
    """Emergencies and urgent dangers must be known outside of any flow too, each with an answer for the patient."""
    wrong = 0
    for urgency in (Urgency.EMERGENCY, Urgency.URGENT):
        if not any(rule.urgency is urgency and rule.answer for rule in tables.rules):
            print(f"shared/urgency.yaml: no rule is {urgency} with an answer; every patient needs one")
            wrong += 1
    return wrong
