"""rounds replies read|explain|score: what the parsers make of replies, for those who review them. Needs no settings."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from service.commands.surroundings import UserError
from service.content import load_lexicon, load_tables
from service.domain.reading import Channel, Expects
from service.evaluation import LineError, Scores, as_json, finding_rows, judge_given, judge_text, labelled_lines, read_lines, table
from service.evaluation.lines import URGENCIES

WIDTH = 110
TOLD_EVERY = 500
"""Replies after which scoring a long file says how far it is."""


def add_parsers(commands: Any) -> None:
    """Declares the commands."""
    group = commands.add_parser("replies", help="read replies, for reviewing the parser", description="Reads replies.")
    inner = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    read = inner.add_parser(
        "read",
        help="print what is found in the replies of a file",
        description="Reads a JSONL file and prints a JSON line for each of its lines: id, labels, urgency.",
        epilog="A line has reply, and may have id, expects, question, lang, channel and condition. A lone - reads standard input.",
    )
    read.add_argument("file", metavar="FILE.jsonl")
    read.set_defaults(run_blocking=run_read)
    explain = inner.add_parser(
        "explain",
        help="show what is found in one reply, by which rule, and how urgent it is",
        description="Shows every finding with its words and its rule, and every rule of the urgency table that fired.",
    )
    explain.add_argument("text", metavar="TEXT", help="the reply; a lone - reads standard input")
    explain.add_argument("--expects", choices=[str(each) for each in Expects], help="what was asked (nothing when left out)")
    explain.add_argument("--question", default="", help="the question's own words")
    explain.add_argument("--lang", default="en", choices=["en", "es"], help="the patient's language (en)")
    explain.add_argument("--channel", default="sms", choices=[str(each) for each in Channel], help="how it came (sms)")
    explain.add_argument("--condition", default="", help="what the patient lives with, such as copd")
    explain.set_defaults(run_blocking=run_explain)
    score = inner.add_parser(
        "score",
        help="score the parsers on replies that people have labelled",
        description="Reads labelled replies and prints every figure with its 95 % interval, by language, channel and cell.",
        epilog="A line is one of `rounds replies read` with labels and urgency. Only ids are printed, never a reply.",
    )
    score.add_argument("file", metavar="GOLD.jsonl", nargs="+")
    score.add_argument("--json", action="store_true", help="print everything as one JSON object")
    score.add_argument("--field", action="store_true", help="the replies come as in service: also tell false alarms per 100 patient-weeks")
    score.add_argument("--misread", action="store_true", help="also list the ids of replies whose urgency was read otherwise")
    score.set_defaults(run_blocking=run_score)


@contextmanager
def _lines(name: str) -> Iterator[TextIO]:
    """The lines of a file, or of standard input for "-". Raises UserError saying what is wrong with it."""
    try:
        if name == "-":
            yield sys.stdin
            return
        with Path(name).open(encoding="utf-8") as lines:
            yield lines
    except LineError as error:
        raise UserError(str(error)) from None
    except UnicodeDecodeError:
        raise UserError("the file is not UTF-8") from None
    except FileNotFoundError:
        raise UserError("there is no such file") from None
    except (IsADirectoryError, PermissionError):
        raise UserError("the file cannot be read") from None


def run_read(arguments: argparse.Namespace) -> None:
    """Prints one line for each line of the file. Raises UserError naming the line that cannot be read."""
    with _lines(arguments.file) as lines:
        for line in read_lines(load_lexicon(), load_tables(), lines):
            print(line)


def run_explain(arguments: argparse.Namespace) -> None:
    """Prints findings, missing answer and fired rules of one reply."""
    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    judged = judge_text(
        load_lexicon(),
        load_tables(),
        text,
        expects=Expects(arguments.expects) if arguments.expects else None,
        question=arguments.question,
        language=arguments.lang,
        channel=Channel(arguments.channel),
        condition=arguments.condition,
    )
    print(f"urgency   {judged.urgency}")
    if judged.reading.missing:
        print(f"missing   {judged.reading.missing.replace('_', ' ')}: the question is not answered")
    print(f"language  {judged.reading.language}")
    print("\nfound in the reply")
    rows = finding_rows(judged)
    for row in rows or []:
        how = f" ({row.how})" if row.how else ""
        print(f"  {row.what}{how}\n      in   {textwrap.shorten(row.words, WIDTH, placeholder=' ...')!r}\n      by   {row.rule}")
    if not rows:
        print("  nothing")
    print("\nrules that fired")
    for fired in judged.decision.fired:
        print(f"  {fired.urgency:<10} {fired.reason}\n      rule {fired.rule}, version {fired.version}; source: {fired.source}")
    if not judged.decision.fired:
        print("  none")
    print(f"\nlabels    {json.dumps(judged.labels, ensure_ascii=False)}")
    print(f"lexicon   version {judged.reading.lexicon_version}")


def run_score(arguments: argparse.Namespace) -> None:
    """Prints the figures. Raises UserError naming file and line that cannot be read."""
    cases: list[dict[str, Any]] = []
    for name in arguments.file:
        with _lines(name) as lines:
            cases += labelled_lines(lines)
    if not cases:
        raise UserError("the file has no labelled reply")
    lexicon, tables = load_lexicon(), load_tables()
    answers = {}
    for number, case in enumerate(cases, 1):
        judged = judge_given(lexicon, tables, case)
        answers[case["id"]] = {"labels": judged.labels, "urgency": judged.urgency}
        if number % TOLD_EVERY == 0:
            print(f"{number} of {len(cases)} read", file=sys.stderr)
    if len(answers) < len(cases):
        raise UserError("two lines have the same id")
    scores = table(cases, answers)
    if arguments.json:
        print(json.dumps(as_json(scores), indent=1))
        return
    for name, group in scores.items():
        if name.startswith("cell "):
            continue
        _print_figures(name, group)
    _print_cells({name.removeprefix("cell "): group for name, group in scores.items() if name.startswith("cell ")})
    _print_confusion(scores["all"])
    if arguments.field:
        pages, items = scores["all"].false_alarms
        print(f"\nper 100 patient-weeks of a daily check-in: {pages:.1f} false pages, {items:.1f} false same-day items")
    if scores["all"].unseen:
        print("\nemergencies read below urgent:", " ".join(scores["all"].unseen))
    if arguments.misread:
        print("\nurgency read otherwise:", " ".join(scores["all"].misread))


def _print_figures(name: str, group: Scores) -> None:
    print(f"\n{name}: {group.cases} replies")
    for figure in group.figures:
        low, high = figure.interval or (0.0, 0.0)
        bar = f">= {figure.least:g}" if figure.least is not None else f"<= {figure.most:g}" if figure.most is not None else ""
        verdict = {True: "met", False: "NOT MET", None: ""}[figure.met]
        share = f"{figure.share:.3f}" if figure.share is not None else "n/a"
        print(f"  {figure.name:<38} {share}  {figure.hits:>5}/{figure.of:<5} {low:.3f}-{high:.3f}  {bar:<9} {verdict}".rstrip())


def _print_cells(cells: dict[str, Scores]) -> None:
    if not cells:
        return
    print(f"\n{'cell':<26} {'cases':>6} {'exact':>7}   {'emergencies: as such, urgent or above':<40} {'harmless escalated'}")
    for name, group in cells.items():
        named = {figure.name: figure for figure in group.figures}
        exact, high, raised = named["urgency exact"], named.get("emergency as urgent or above"), named.get("harmless escalated")
        top = named.get("emergency as emergency")
        danger = f"{top.hits}, {high.hits} of {high.of}" if top and high else ""
        harmless = f"{raised.hits} of {raised.of}" if raised else ""
        print(f"{name:<26} {group.cases:>6} {exact.share or 0:>7.3f}   {danger:<40} {harmless}".rstrip())


def _print_confusion(group: Scores) -> None:
    print(f"\n{'labelled, read as':<18}" + "".join(f"{name:>11}" for name in URGENCIES))
    for wanted in URGENCIES:
        print(f"{wanted:<18}" + "".join(f"{group.confusion[wanted, read]:>11}" for read in URGENCIES))
