"""A flow drawn: its steps from the top, each branch with its condition in words, red flags by urgency with a sign and a word."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from html import escape

from service.domain.urgency import Urgency
from service.engine.flow import Flow
from service.evaluation.flows.lettering import SIZE, wrapped
from service.evaluation.flows.plain import name_in_words
from service.evaluation.flows.readable import ReadableFlag, ReadableStep, readable_steps, when_it_comes

SIGN = {Urgency.EMERGENCY: "!!!", Urgency.URGENT: "!!", Urgency.SAME_DAY: "!", Urgency.ROUTINE: "i"}
_FILL = {Urgency.EMERGENCY: "#8b0000", Urgency.URGENT: "#a84300", Urgency.SAME_DAY: "#5b4b00", Urgency.ROUTINE: "#30475e"}
"""Each is dark enough for white letters (contrast above 4.5)."""
_INK = "#30475e"
_LINE, _PAD, _GAP, _BETWEEN = 19, 9, 24, 8
_PAST, _BOX, _RAIL, _FLAGS, _EDGE = 8, 22, 38, 54, 6
"""From the left: the way past a step that is skipped, its box, the way on, its red flags; and the margin on the right."""


@dataclass(frozen=True, slots=True)
class Form:
    """How wide a drawing is, and how many red flags stand side by side below their step."""

    name: str
    width: int
    columns: int


WIDE = Form("wide", 1160, 3)
NARROW = Form("narrow", 320, 1)
"""For a telephone: at 360 to 420 pixels its letters are about 14 pixels high."""


def as_text(flow: Flow, language: str = "en") -> str:
    """The drawing for a terminal and for a screen reader."""
    steps = readable_steps(flow)
    lines = [flow.title, *textwrap.wrap(f"{when_it_comes(flow)}. Languages: {', '.join(flow.languages)}.", 110), ""]
    for number, step in enumerate(steps, 1):
        lines.append(f"{number:>2}. {_heading(step)}")
        if step.only_if:
            lines += textwrap.wrap(_condition(step, number, len(steps)), 110, initial_indent="      ? ", subsequent_indent="        ")
        lines += textwrap.wrap(_words(step, flow.language(language)), 110, initial_indent="      ", subsequent_indent="      ")
        for flag in step.flags:
            told = f"{_urgency(flag)}: {_named(flag.name)}" + (f" - {when}" if (when := _condition_to_tell(step, flag)) else "")
            lines += textwrap.wrap(told, 110, initial_indent=f"      {SIGN[flag.urgency]:>3} ", subsequent_indent="          ")
        lines.append("      |")
    return "\n".join([*lines[:-1], "    End"]) + "\n"


def as_svg(flow: Flow, language: str = "en", form: Form = WIDE, described: str = "") -> str:
    """The drawing as SVG, red flags below their step. A step with a condition has a dashed edge, its condition above it, and a dashed
    line that leads past it. `described` is its description for a screen reader; "" writes all of it as text into the drawing."""
    steps = readable_steps(flow)
    canvas = _Canvas(form)
    for number, step in enumerate(steps, 1):
        _draw(canvas, step, number, len(steps), flow.language(language))
    canvas.words(_BOX, [("End", "bold")])
    title, told, arrow = (f"{form.name}-drawing-{part}" for part in ("title", "text", "arrow"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing-{form.name}" viewBox="0 0 {form.width} {canvas.y + 12}" '
        f'width="{form.width}" height="{canvas.y + 12}" role="img" aria-labelledby="{title}" aria-describedby="{told}" '
        f'font-family="system-ui, sans-serif" font-size="{SIZE}">'
        f'<title id="{title}">{escape(flow.title)}, drawn</title><desc id="{told}">{escape(described or as_text(flow, language))}</desc>'
        f'<defs><marker id="{arrow}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{_INK}"/></marker></defs>'
        + "".join(canvas.parts).replace("url(#arrow)", f"url(#{arrow})")
        + "</svg>\n"
    )


@dataclass(slots=True)
class _Canvas:
    """What has been drawn so far, and how far down."""

    form: Form
    y: int = 8
    parts: list[str] = field(default_factory=list)

    def box(self, x: int, width: float, height: int, edge: str = _INK, fill: str = "#fff", more: str = "") -> None:
        self.parts.append(
            f'<rect x="{x}" y="{self.y}" width="{width:g}" height="{height}" rx="5" fill="{fill}" stroke="{edge}" stroke-width="2"{more}/>'
        )

    def way(self, path: str, *, dashed: bool = False, arrow: bool = False) -> None:
        more = ' stroke-dasharray="6 4"' * dashed + ' marker-end="url(#arrow)"' * arrow
        self.parts.append(f'<path d="{path}" fill="none" stroke="{_INK}" stroke-width="2"{more}/>')

    def words(self, x: int, lines: list[tuple[str, str]]) -> None:
        """Lines one below the other from where the drawing stands, which moves on."""
        style = {"bold": ' font-weight="bold"', "italic": ' font-style="italic"', "flag": ' fill="#fff" font-weight="bold"', "": ""}
        for line, how in lines:
            self.parts.append(f'<text x="{x}" y="{self.y + _LINE - 5}"{style[how]}>{escape(line)}</text>')
            self.y += _LINE


def _draw(canvas: _Canvas, step: ReadableStep, number: int, last: int, language: str) -> None:
    width = canvas.form.width - _BOX - _EDGE
    room = width - 2 * _PAD
    top = canvas.y
    if step.only_if:
        lines = [(line, "italic") for line in wrapped(_condition(step, number, last), room)]
        _boxed(canvas, width, lines, dashed=True)
        canvas.way(f"M{_RAIL} {canvas.y} v10", dashed=True)
        canvas.y += 10
    heading = [(line, "bold") for line in wrapped(f"{number}. {_heading(step)}", room, bold=True)]
    _boxed(canvas, width, heading + [(line, "") for line in wrapped(_words(step, language), room)], dashed=bool(step.only_if))
    below = canvas.y
    if step.flags:
        canvas.y += _BETWEEN
        _flags(canvas, step)
    end = canvas.y + _GAP
    canvas.way(f"M{_RAIL} {below} V{end - 2}", arrow=True)
    if step.only_if:
        canvas.way(f"M{_BOX} {top + _PAD + _LINE // 2} H{_PAST} V{end - _GAP // 2} H{_RAIL - 4}", dashed=True, arrow=True)
    canvas.y = end


def _boxed(canvas: _Canvas, width: int, lines: list[tuple[str, str]], *, dashed: bool) -> None:
    height = 2 * _PAD + _LINE * len(lines)
    canvas.box(_BOX, width, height, more=' stroke-dasharray="6 4"' * dashed)
    end, canvas.y = canvas.y + height, canvas.y + _PAD
    canvas.words(_BOX + _PAD, lines)
    canvas.y = end


def _flags(canvas: _Canvas, step: ReadableStep) -> None:
    """Row by row, the most urgent first; those of a row are equally high."""
    columns = canvas.form.columns
    width = (canvas.form.width - _FLAGS - _EDGE - _BETWEEN * (columns - 1)) // columns
    for start in range(0, len(step.flags), columns):
        row = [(flag, _told(step, flag, width - 16)) for flag in step.flags[start : start + columns]]
        height = _LINE * (1 + max(len(lines) for _, lines in row)) + 14
        top = canvas.y
        canvas.way(f"M{_RAIL} {top + _LINE // 2 + 2} H{_FLAGS}")
        for place, (flag, lines) in enumerate(row):
            x = _FLAGS + place * (width + _BETWEEN)
            canvas.y = top
            canvas.box(x, width, height, _FILL[flag.urgency])
            canvas.box(x, width, _LINE + 4, _FILL[flag.urgency], _FILL[flag.urgency])
            canvas.y += 2
            canvas.words(x + 8, [(f"{SIGN[flag.urgency]} {_urgency(flag).upper()}", "flag")])
            canvas.y += 5
            canvas.words(x + 8, lines)
        canvas.y = top + height + _BETWEEN
    canvas.y -= _BETWEEN


def _told(step: ReadableStep, flag: ReadableFlag, room: int) -> list[tuple[str, str]]:
    lines = [(line, "bold") for line in wrapped(_named(flag.name), room, bold=True)]
    return lines + [(line, "") for line in wrapped(_condition_to_tell(step, flag), room)]


def _condition_to_tell(step: ReadableStep, flag: ReadableFlag) -> str:
    """When it is raised; "" where that stands there already: in its name, or as the condition of a step that hands over."""
    hands_over = step.kind == "Calls a nurse" and bool(step.only_if)
    return "" if hands_over or flag.when == _named(flag.name).lower() else flag.when


def _heading(step: ReadableStep) -> str:
    return f"{_named(step.key)} ({step.kind.lower()})"


def _condition(step: ReadableStep, number: int, last: int) -> str:
    return f"Only if {step.only_if}. If not, go on to {number + 1 if number < last else 'the end'}."


def _words(step: ReadableStep, language: str) -> str:
    """What the patient is told or asked; of another step what it does."""
    if step.kind in ("Question", "Text"):
        return next(detail or plain for each, plain, detail in step.said[0].texts if each == language)
    return " ".join(step.remarks) or " ".join(flag.reason for flag in step.flags)


def _urgency(flag: ReadableFlag) -> str:
    return flag.urgency.replace("_", " ")


def _named(key: str) -> str:
    words = name_in_words(key)
    return words[:1].upper() + words[1:]
