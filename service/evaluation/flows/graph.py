"""A flow drawn: its steps from the top, each branch with its condition in words, red flags by urgency with a sign and a word."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from service.domain.urgency import Urgency
from service.engine.flow import Flow
from service.engine.steps import AskStep, EducateStep, FollowUpStep, HandOverStep, PauseStep, Step, TellStep, WaitStep
from service.evaluation.flows.words import condition_words

SIGN = {Urgency.EMERGENCY: "!!!", Urgency.URGENT: "!!", Urgency.SAME_DAY: "!", Urgency.ROUTINE: "i"}
_FILL = {Urgency.EMERGENCY: "#8b0000", Urgency.URGENT: "#a84300", Urgency.SAME_DAY: "#5b4b00", Urgency.ROUTINE: "#30475e"}
"""Each is dark enough for white letters (contrast above 4.5)."""
_WIDTH, _BOX, _FLAG, _LINE, _PAD, _GAP = 960, 440, 440, 18, 10, 26
_EDGE = 'fill="#fff" stroke="#30475e" stroke-width="2"'
_LETTERS = 56
"""Of a line inside a box at 13 px."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """One thing that calls a nurse, as it is drawn."""

    name: str
    urgency: Urgency
    when: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """One step as it is drawn: its kind in a word, what is said, the condition under which it comes, its red flags."""

    key: str
    kind: str
    text: str
    only_if: str
    flags: tuple[Flagged, ...]


def drawn_steps(flow: Flow, language: str = "en") -> tuple[Drawn, ...]:
    """Every step in order, in this language where the flow speaks it."""
    return tuple(_drawn(flow, step, flow.language(language)) for step in flow.steps)


def as_text(flow: Flow, language: str = "en") -> str:
    """The drawing for a terminal."""
    lines = [flow.title, f"how often: {flow.cadence}; ends after {flow.stop_after} d; languages: {', '.join(flow.languages)}", ""]
    for number, step in enumerate(drawn_steps(flow, language), 1):
        lines.append(f"{number:>2}. [{step.kind}] {step.key}")
        if step.only_if:
            lines += textwrap.wrap(f"only if {step.only_if}", 110, initial_indent="      ? ", subsequent_indent="        ")
        lines += textwrap.wrap(step.text, 110, initial_indent="      ", subsequent_indent="      ")
        for flag in step.flags:
            told = f"{flag.urgency.replace('_', ' ')}: {flag.name.replace('_', ' ')} - {flag.when}"
            lines += textwrap.wrap(told, 110, initial_indent=f"      {SIGN[flag.urgency]:>3} ", subsequent_indent="          ")
        lines.append("      |")
    return "\n".join([*lines[:-1], "    end"]) + "\n"


def as_svg(flow: Flow, language: str = "en") -> str:
    """The drawing as SVG: steps on the left, what calls a nurse on the right; its text can be read by a screen reader."""
    parts: list[str] = []
    y = 20
    for number, step in enumerate(drawn_steps(flow, language), 1):
        lines = [f"{number}. {step.key.replace('_', ' ')} ({step.kind})", *textwrap.wrap(step.text, _LETTERS)]
        conditions = textwrap.wrap(f"only if {step.only_if}", _LETTERS) if step.only_if else []
        height = 2 * _PAD + _LINE * (len(lines) + len(conditions))
        dashed = ' stroke-dasharray="6 4"' if step.only_if else ""
        parts.append(f'<rect x="20" y="{y}" width="{_BOX}" height="{height}" rx="6" {_EDGE}{dashed}/>')
        parts += _lines(30, y + _PAD, [(line, "bold" if n == 0 else "") for n, line in enumerate(lines)])
        parts += _lines(30, y + _PAD + _LINE * len(lines), [(line, "italic") for line in conditions])
        flags_end = _flags(parts, step, y)
        bottom = max(y + height, flags_end)
        middle = 20 + _BOX // 2
        parts.append(f'<path d="M{middle} {y + height} V{bottom + _GAP - 4}" stroke="#30475e" stroke-width="2" marker-end="url(#arrow)"/>')
        y = bottom + _GAP
    parts += _lines(20 + _BOX // 2 - 12, y, [("end", "bold")])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 30}" width="{_WIDTH}" height="{y + 30}" role="img" '
        f'aria-labelledby="flow-title" font-family="system-ui, sans-serif" font-size="13">'
        f'<title id="flow-title">{escape(flow.title)}</title>'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#30475e"/></marker></defs>'
    )
    return head + "".join(parts) + "</svg>\n"


def _flags(parts: list[str], step: Drawn, y: int) -> int:
    x = _WIDTH - 20 - _FLAG
    for flag in step.flags:
        words = f"{SIGN[flag.urgency]} {flag.urgency.replace('_', ' ').upper()}  {flag.name.replace('_', ' ')}"
        lines = textwrap.wrap(flag.when, _LETTERS)
        height = _PAD + _LINE * (1 + len(lines)) + 4
        edge = f'fill="#fff" stroke="{_FILL[flag.urgency]}" stroke-width="2"'
        parts.append(f'<rect x="{x}" y="{y}" width="{_FLAG}" height="{height}" rx="3" {edge}/>')
        parts.append(f'<rect x="{x}" y="{y}" width="{_FLAG}" height="{_LINE + 4}" rx="3" fill="{_FILL[flag.urgency]}"/>')
        parts += _lines(x + 8, y + 2, [(words, "flag")])
        parts += _lines(x + 8, y + _LINE + 6, [(line, "") for line in lines])
        y += height + 8
    return y - 8 if step.flags else y


def _lines(x: int, y: int, lines: list[tuple[str, str]]) -> Iterator[str]:
    style = {"bold": ' font-weight="bold"', "italic": ' font-style="italic"', "flag": ' fill="#fff" font-weight="bold"', "": ""}
    for number, (line, how) in enumerate(lines):
        yield f'<text x="{x}" y="{y + _LINE * (number + 1) - 5}"{style[how]}>{escape(line)}</text>'


def _drawn(flow: Flow, step: Step, language: str) -> Drawn:
    only_if = " and ".join(condition_words(condition) for condition in step.only_if)
    flags: tuple[Flagged, ...] = ()
    match step:
        case AskStep():
            kind, text = "asks", step.ask[language].pick(True)
            flags = tuple(
                Flagged(flag.name, flag.urgency, condition_words(flag.when))
                for flag in sorted(step.red_flags, key=lambda each: each.urgency.rank)
            )
        case TellStep():
            kind, text = "tells", step.tell[language].pick(True)
        case EducateStep():
            kind, text = "teaches", f"The next message about {step.educate.replace('_', ' ')}"
        case WaitStep():
            kind, text = "waits", f"{step.wait} minutes, then asks again"
        case HandOverStep():
            kind, text = "calls a nurse", step.hand_over.reason
            flags = (Flagged(step.key, step.hand_over.urgency, only_if or "always"),)
        case FollowUpStep():
            kind, text = "plans", f"One more check-in ({step.follow_up.of}) in {step.follow_up.after} d"
        case PauseStep():
            kind, text = "pauses", f"Check-ins rest ({step.pause.kind})"
        case _:
            kind, text = "keeps", f"{', '.join(step.record.steps)} as {step.record.name.replace('_', ' ')}"
    return Drawn(step.key, kind, text, only_if, flags)
