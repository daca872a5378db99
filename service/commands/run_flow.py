"""rounds flows run: plays a check-in in the terminal under a clock of its own, and keeps what was played as a case."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.commands.surroundings import UserError
from service.content import as_yaml, load_lexicon, load_tables, load_wording, parse_yaml, read_flows
from service.domain.decision import Decision
from service.domain.event import ReplyRead
from service.domain.reading import Channel, Reply
from service.engine import Flow
from service.engine.cases import Ears
from service.engine.given import facts_of, parse_ago
from service.engine.play import TYPING, Talk
from service.evaluation.flows.show import turn_lines
from service.replies import read
from service.triage import decide

HELP = """Type what the patient replies. /silence: nobody answers until the wait is over; /wait 15 min: time passes;
/voice WORDS: said on the telephone; /case NAME: keeps what was played in a file; /help; /quit"""
INDENT = 11
"""Letters before the words of a line, see `turn_lines`."""


def add_parser(inner: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = inner.add_parser(
        "run",
        help="play a check-in in the terminal",
        description=f"Plays a check-in with you as the patient; nothing is stored or sent. {HELP}",
    )
    parser.add_argument("flow", metavar="FLOW", help="such as heart_failure/daily")
    parser.add_argument("--lang", choices=("en", "es"), help="the patient's language")
    parser.add_argument("--given", default="", metavar="FACTS", help='what is known before, as in a case: "{weights: {24 h: 180}}"')
    parser.add_argument(
        "--out", type=Path, default=Path("played.cases.yaml"), metavar="FILE", help="where /case writes (played.cases.yaml)"
    )
    parser.set_defaults(run_blocking=run_flow)


def run_flow(arguments: argparse.Namespace) -> None:
    """Plays until /quit, the end of the input, or the end of the check-in."""
    flows = read_flows().flows
    if arguments.flow not in flows:
        raise UserError(f"there is no flow {arguments.flow} without mistakes; there are: {', '.join(sorted(flows))}")
    flow, given = flows[arguments.flow], _given(arguments)
    try:
        talk = Talk(flow, facts_of(given, flow.key.partition("/")[0]))
    except ValueError as error:
        raise UserError(f"--given: {error}") from None
    ears = Ears(load_lexicon(), load_tables(), load_wording())
    print(f"{flow.title}\n{HELP}\n")
    _print(talk)
    played: list[dict[str, Any]] = []
    while line := _line(talk):
        if line == "/quit":
            return
        try:
            _play(line, talk, ears, played, flow, given, arguments.out)
        except ValueError as error:
            print(f"  ?        {error}")


def _play(line: str, talk: Talk, ears: Ears, played: list[dict[str, Any]], flow: Flow, given: Mapping[str, Any], out: Path) -> None:
    """One line of input. ValueError says what to write instead."""
    command, _, rest = line.partition(" ")
    match command:
        case "/help":
            print(HELP)
        case "/silence":
            talk.silence()
            _print(talk)
            played.append({"silence": True, **_came(talk)})
        case "/wait":
            talk.wait(parse_ago(rest))
            _print(talk)
            played.append({"wait": rest, **_came(talk)})
        case "/case":
            if not rest or not played:
                raise ValueError("play something first, then write /case and a name for it")
            entry = {"name": rest, **({"given": dict(given)} if given else {}), "talk": played}
            _write(out, entry)
            print(f"  kept     {len(played)} turns as a case in {out}; move it to flows/{flow.key}.cases.yaml")
        case "/voice":
            _reply(rest, Channel.VOICE, talk, ears)
            played.append({"voice": rest, **_came(talk)})
        case _ if line.startswith("/"):
            raise ValueError(f"there is no {command}; write /help")
        case _:
            _reply(line, Channel.SMS, talk, ears)
            played.append({"patient": line, **_came(talk)})


def _reply(text: str, channel: Channel, talk: Talk, ears: Ears) -> None:
    if not text.strip():
        raise ValueError("write what the patient says")
    talk.now += TYPING
    question = talk.question
    reading = read(ears.lexicon, Reply(text, talk.facts.language, channel, talk.facts.first_name), question)
    decision = decide(ears.tables, reading.findings, talk.facts, talk.now, question)
    talk.hear(ReplyRead(reading.findings, reading.missing, talk.now, decision.urgency, bool(decision.answer)))
    safety = ears.wording.for_patient(decision.answer, talk.facts, decision.urgency) if decision.answer else ""
    _print(talk, decision, safety)


def _print(talk: Talk, decision: Decision | None = None, safety: str = "") -> None:
    """The turn, as wide as the terminal with later lines under the words; what is piped elsewhere stays whole."""
    columns = shutil.get_terminal_size((0, 0)).columns
    for each in turn_lines(talk, decision, safety):
        print(textwrap.fill(each, columns, subsequent_indent=" " * INDENT, break_on_hyphens=False) if columns > 2 * INDENT else each)


def _came(talk: Talk) -> dict[str, Any]:
    """What has come of the last turn, as a case expects it."""
    came: dict[str, Any] = {"flags": sorted(talk.flags)}
    if talk.handed_over:
        came["hands_over"] = sorted(talk.handed_over)
    if talk.asked:
        came["asks"] = talk.asked
    if talk.ended:
        came["ends"] = talk.ended
    return came


def _line(talk: Talk) -> str:
    """The next line of input with the time of day; "" at the end of the input. Piped input is echoed, so that a record reads well."""
    prompt = f"{talk.now:%a %H:%M}  > "
    if sys.stdin.isatty():
        try:
            return input(prompt).strip() or "/help"
        except EOFError:
            return ""
    line = sys.stdin.readline()
    if line:
        print(f"{prompt}{line.rstrip()}")
    return (line.strip() or "/help") if line else ""


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    given = parse_yaml(arguments.given or "{}", "--given")
    if not isinstance(given, Mapping):
        raise UserError('--given: write names and values, such as "{weights: {24 h: 180}}"')
    plain: dict[str, Any] = json.loads(json.dumps(given, default=str))  # without the places in the text, which no case file takes
    return {**plain, **({"language": arguments.lang} if arguments.lang else {})}


def _write(out: Path, entry: Mapping[str, Any]) -> None:
    """Adds the case to the file. OSError becomes a line for the user."""
    try:
        before = out.read_text(encoding="utf-8") if out.exists() else "cases:\n"
        text = as_yaml([entry])
        out.write_text(before + "".join(f"  {line}\n" for line in text.splitlines()), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written ({type(error).__name__}); name another file with --out") from error
