"""A judged reply as rows to show: in the terminal and on the staff page, the same words in the same order."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.reading import Assertion, Finding, Span
from service.evaluation.judged import Judged

ASSERTIONS = {
    Assertion.PRESENT: "",
    Assertion.DENIED: "denied",
    Assertion.ENDED: "over now",
    Assertion.PAST: "in the past",
    Assertion.OTHER_PERSON: "somebody else's",
    Assertion.HYPOTHETICAL: "only supposed",
}


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding in words: what it is, how it is meant, the words it was read from, and the rule that read it."""

    what: str
    how: str
    words: str
    rule: str
    span: Span


def finding_rows(judged: Judged) -> list[FindingRow]:
    """A row for each finding, in the order of the reply."""
    return [_row(judged.reply.text, finding) for finding in judged.reading.findings]


def _row(text: str, finding: Finding) -> FindingRow:
    what = f"{finding.kind}: {finding.name}".replace("_", " ")
    quantity = finding.quantity
    if quantity is not None:
        second = f"/{quantity.value_2:g}" if quantity.value_2 is not None else ""
        what = f"{what} {quantity.value:g}{second} {quantity.unit}".rstrip()
    how = [ASSERTIONS[finding.assertion], *(each.replace("_", " ") for each in finding.qualifiers)]
    start, end = finding.span
    return FindingRow(what, ", ".join(each for each in how if each), text[start:end], finding.rule, finding.span)
