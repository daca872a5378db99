"""The dose that was asked for, or that a reply names by itself: taken, missed, partly or unsure, and why.

Phrases give single statements ("forgot it", "took half", "so yes"). Of statements over the same words the longest holds; what remains
is weighed here: a double or wrong dose, a conclusion ("so yes I did"), a partial dose, doubt, and at last taken against missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from service.domain.reading import Expects, Finding, FindingKind, Question
from service.replies.lexicon import Lexicon
from service.replies.normalise import Line, normalise
from service.replies.scan import Match, masks_named, scan

SIDE_EFFECTS = frozenset(
    "nausea vomiting diarrhea constipation dizziness abdominal_pain cough headache rash itching fatigue drowsiness bruising "
    "palpitations muscle_cramps muscle_pain frequent_urination insomnia hives tremor dry_mouth heartburn leg_swelling bleeding_gums".split()
)

INNER = frozenset({"strong", "weak", "alone", "final", "bare", "first", "telling"})
"""Marks that only this module reads."""
LEFT_OUT = "left_out"
"""The mark of a partial dose whose medicines are those that were not taken ("all but the blood thinner")."""

HARMLESS = "harmless"
"""Medicines whose double dose needs no haste, and no place among the risky ones."""
MASKED = frozenset({"forgot", "ran_out"})
"""Reasons that "not missed" words take away ("almost forgot", "almost out")."""
TELLING = frozenset({"forgot", "ran_out", "cost", "pharmacy", "confused", "refused"})
"""Reasons that say by themselves that the dose was not taken; a side effect does not."""
DOSE_SIGNS = frozenset({"overdose", "self_harm"})
"""Danger signs whose words do tell of doses; those of all others do not ("the mouth went crooked on me" is no forgotten pill)."""
NOT_ABOUT_DOSES = frozenset({"opt_out", "wrong_number", "deceased", "tapback", "auto_reply"})
"""Kinds whose words say nothing about a dose ("quit texting me")."""
LEAD = 3
"""A yes or no that begins within so many words opens the reply."""
LONG_ENOUGH = 5
"""A missed dose told with so many words beside those of the dose has been explained, even when no phrase knows the reason."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    name: str
    match: Match
    marks: frozenset[str] = frozenset()

    @property
    def rule(self) -> str:
        return self.match.entry.rule


@lru_cache(maxsize=512)
def drugs_asked(lexicon: Lexicon, text: str) -> frozenset[str]:
    """The kinds of medicine that a question names ("your blood thinner"); two of them leave open which one an answer means."""
    named = frozenset(match.name for match in scan(lexicon, normalise(lexicon, text), None) if match.kind == "drug")
    return named if len(named) == 1 else frozenset()


def medication(
    line: Line,
    matches: Sequence[Match],
    symptoms: Sequence[Finding],
    question: Question | None,
    asked_for: frozenset[str] = frozenset(),
) -> list[Finding]:
    """MEDICATION and MISSED_REASON findings, and CRISIS for insulin doubled or mistaken.

    A bare yes or no counts only when a dose was asked for. `asked_for` are the kinds of medicine that the question names.
    """
    asked = question is not None and question.expects is Expects.MEDICATION_TAKEN
    masks = masks_named(matches, "not_missed", "no_bare")
    elsewhere = [m for m in matches if m.kind in NOT_ABOUT_DOSES]
    signs = [m for m in matches if m.kind == "symptom" and m.entry.acute and m.name not in DOSE_SIGNS]
    undoubled = masks_named(matches, "not_double")
    said = [
        m
        for m in matches
        if m.kind == "medication"
        and not any(_taken_by(mask, m) for mask in masks)
        and not any(other.overlaps(m) and other.length > 1 for other in elsewhere)
        and not any(sign.covers(m) and sign.length > m.length + 1 for sign in signs)
        and not ("double" in m.entry.qualifiers and any(mask.overlaps(m) for mask in undoubled))
    ]
    reasons = [m for m in matches if m.kind == "missed_reason" and not (m.name in MASKED and any(mask.covers(m) for mask in masks))]
    reasons = [m for m in reasons if not any(other.overlaps(m) for other in elsewhere)]
    every = [m for m in said if not any(_explained_by(reason, m) for reason in reasons)]
    said = _longest(every)
    answer = _lead(matches, masks, elsewhere) if asked else None
    verdict = _resolve(said, matches, answer, reasons, line, asked=asked)
    if verdict is None:
        return []
    left_out = _left_out(every, matches) if verdict.name == "partly" else frozenset()
    drugs = left_out or _drugs(verdict, matches, asked_for if asked else frozenset())
    span = line.span(verdict.match.first, verdict.match.last)
    drugs -= {HARMLESS} if drugs - {HARMLESS, "all"} else frozenset()
    marks = drugs | (verdict.marks - INNER - {LEFT_OUT})
    if left_out:
        marks |= {LEFT_OUT}
    found = [Finding(FindingKind.MEDICATION, verdict.name, verdict.rule, span, qualifiers=tuple(sorted(marks)))]
    if {"double", "insulin"} <= marks:
        found.append(Finding(FindingKind.CRISIS, "medical", "medication.insulin_doubled", span))
    reason = _reason(line, verdict.name, reasons, symptoms, matches, asked=asked)
    return [*found, *([reason] if reason is not None else [])]


def _taken_by(mask: Match, match: Match) -> bool:
    if match.name == "taken" and "double" not in match.entry.qualifiers:
        return False
    return mask.covers(match) or (mask.first <= match.first < mask.last and match.name == "missed")


def _explained_by(reason: Match, match: Match) -> bool:
    """True for a "taken" that is only part of a telling reason ("I feel worse when I take it", "me hizo daño")."""
    plain = match.name == "taken" and not {"double", "final", "late"} & set(match.entry.qualifiers)
    return plain and "telling" in reason.entry.qualifiers and reason.covers(match) and reason.length > match.length


def _longest(found: Sequence[Match]) -> list[Match]:
    """Of overlapping statements the longest; the more telling one of two of a length. Weak ones only when alone."""
    worth = {"partly": 3, "unsure": 2, "missed": 1}
    kept: list[Match] = []
    for match in sorted(found, key=lambda m: (-("double" in m.entry.qualifiers), -m.length, -worth.get(m.name, 0), m.first)):
        if not any(other.overlaps(match) for other in kept):
            kept.append(match)
    if any("weak" not in match.entry.qualifiers for match in kept):
        kept = [match for match in kept if "weak" not in match.entry.qualifiers]
    return sorted(kept, key=lambda match: match.first)


def _lead(matches: Sequence[Match], masks: Sequence[Match], elsewhere: Sequence[Match]) -> Match | None:
    """The yes, no or unsure that answers for itself; the first words count most."""
    answers = [
        m
        for m in matches
        if m.kind == "answer"
        and not m.entry.asked
        and not any(mask.overlaps(m) for mask in masks)
        and not any(other.overlaps(m) and other.length > 1 for other in elsewhere)
    ]
    return max(answers, key=lambda m: (-m.first, m.length)) if answers else None


def _resolve(
    said: Sequence[Match],
    matches: Sequence[Match],
    answer: Match | None,
    reasons: Sequence[Match],
    line: Line,
    *,
    asked: bool,
) -> _Verdict | None:
    corrections = [m.last for m in matches if m.kind == "marker" and m.name == "correction"]
    if corrections and (later := [m for m in said if m.first >= corrections[-1]]):
        said = later
    marks = frozenset(q for match in said for q in match.entry.qualifiers)
    final = [m for m in said if "final" in m.entry.qualifiers]
    by_name = {name: [m for m in said if m.name == name] for name in ("taken", "missed", "partly", "unsure")}
    lead = answer.name if answer is not None and answer.first <= LEAD else ""
    doubled = [m for m in by_name["taken"] if "double" in m.entry.qualifiers]
    if doubled:
        if [m for m in by_name["unsure"] if "later" not in m.entry.qualifiers and not _hedge(line, m)] and not any(
            m.length > 2 for m in doubled
        ):
            return _Verdict("unsure", by_name["unsure"][0], marks - {"double"})
        return _Verdict("taken", max(doubled, key=lambda m: m.length), marks)
    if final and not (by_name["partly"] and final[-1].name == "missed"):
        return _Verdict(final[-1].name, final[-1], marks - {"later"})
    if by_name["partly"]:
        return _Verdict("partly", max(by_name["partly"], key=lambda m: m.length), marks - {"later"})
    doubts = [m for m in by_name["unsure"] if "later" not in m.entry.qualifiers]
    later_on = [m for m in by_name["unsure"] if "later" in m.entry.qualifiers]
    strong = [m for m in by_name["missed"] if "strong" in m.entry.qualifiers]
    taken, missed = by_name["taken"], by_name["missed"]
    if taken or lead == "yes":
        missed = [m for m in missed if "bare" not in m.entry.qualifiers]
        strong = [m for m in strong if "bare" not in m.entry.qualifiers]
    late = [m for m in taken if "late" in m.entry.qualifiers]
    if doubts and not (lead == "no" and strong) and not (strong and strong[0].first < doubts[0].first):
        return _Verdict("unsure", doubts[0], marks - {"later"})
    if late:
        return _Verdict("taken", late[-1], marks - {"later"})
    if taken and missed:
        if lead == "no" or (not lead and _told_as_past(line, taken[-1])):
            return _Verdict("missed", max(missed, key=lambda m: m.length), marks)
        if lead == "yes" and not strong:
            return _Verdict("taken", taken[0], marks)
        return _Verdict("partly", max(missed, key=lambda m: m.length), marks)
    if missed and strong and lead == "yes" and answer is not None and _but(line, answer, strong[0]):
        return _Verdict("partly", strong[0], marks)
    if missed and (strong or lead != "yes"):
        best = max(strong or missed, key=lambda m: m.length)
        if later_on and lead != "no" and later_on[-1].first > best.first:
            return _Verdict("unsure", later_on[-1], marks)
        return _Verdict("missed", best, marks)
    if later_on and (lead != "yes" or later_on[-1].length > 1) and (not taken or later_on[0].first < taken[0].first):
        return _Verdict("unsure", later_on[0], marks)
    if taken:
        if lead == "no" and answer is not None and all("weak" in m.entry.qualifiers for m in taken):
            return _Verdict("missed", answer)
        return _Verdict("taken", max(taken, key=lambda m: m.length), marks - {"later"})
    if asked and answer is not None:
        known = {"yes": "taken", "no": "missed", "unsure": "unsure"}[answer.name]
        return _Verdict(known, answer)
    telling = [m for m in reasons if (asked and _tells(m)) or "alone" in m.entry.qualifiers]
    return _Verdict("missed", max(telling, key=_weight)) if telling else None


def _tells(match: Match) -> bool:
    """True for a reason that says by itself, when a dose was asked for, that it was not taken."""
    marks = match.entry.qualifiers
    return "telling" in marks or ("strong" in marks and match.name in TELLING)


def _hedge(line: Line, match: Match) -> bool:
    """True for "I think" and "creo" before a plain statement: doubt about detail, not about the dose."""
    return match.length <= 2 and any(token.text in ("think", "creo", "guess", "believe") for token in line.tokens[match.first : match.last])


def _but(line: Line, first: Match, second: Match) -> bool:
    """True when "but" or "except" stands between the two."""
    return any(token.text in ("but", "except", "pero", "menos", "excepto") for token in line.tokens[first.last : second.first])


def _told_as_past(line: Line, match: Match) -> bool:
    """True when the dose that was taken is one of another day ("took it Monday, not since")."""
    after = {token.text for token in line.tokens[match.last - 1 : match.last + 3]}
    return bool(after & {"yesterday", "ayer", "antier", "anteayer", "monday", "sunday", "lunes", "domingo"})


def _left_out(said: Sequence[Match], matches: Sequence[Match]) -> frozenset[str]:
    """The kinds of medicine named in, or right beside, the words that say that they were not taken."""
    missed = [m for m in said if m.name == "missed" or LEFT_OUT in m.entry.qualifiers]
    return frozenset(d.name for d in matches if d.kind == "drug" for m in missed if m.first - 1 <= d.first < m.last + 2)


def _drugs(verdict: _Verdict, matches: Sequence[Match], asked_for: frozenset[str]) -> frozenset[str]:
    """The kinds of medicine that the verdict is about: those of the reply, else the one asked for."""
    kinds = {m.name for m in matches if m.kind == "drug"}
    if verdict.name == "taken" and "double" in verdict.marks:
        return frozenset(kinds or asked_for)
    if not kinds - {HARMLESS}:
        return frozenset(kinds | asked_for)
    return frozenset(kinds)


def _reason(
    line: Line,
    name: str,
    reasons: Sequence[Match],
    symptoms: Sequence[Finding],
    matches: Sequence[Match],
    *,
    asked: bool,
) -> Finding | None:
    if name == "taken":
        return None
    if name == "unsure":
        reasons = [m for m in reasons if m.name in ("ran_out", "cost", "pharmacy", "confused")]
    reasons = [m for m in reasons if not any(other.covers(m) and other.length > m.length for other in reasons)]
    if not reasons and (dollars := next((place for place, token in enumerate(line.tokens) if token.text == "$"), None)) is not None:
        return Finding(FindingKind.MISSED_REASON, "cost", "medication.dollars", line.span(dollars, dollars + 1))
    effects = [s for s in symptoms if s.name in SIDE_EFFECTS and s.present]
    causes = any(match.kind == "marker" and match.name == "causes" for match in matches)
    best = max(reasons, key=_weight, default=None)
    if best is not None and best.name == "side_effect" and "telling" not in best.entry.qualifiers and not causes:
        best = next((m for m in reasons if m.name == "forgot" and "strong" in m.entry.qualifiers), best)
    if best is not None and _weight(best)[0] > 0:
        return Finding(FindingKind.MISSED_REASON, best.name, best.entry.rule, line.span(best.first, best.last))
    if effects and name in ("missed", "partly") and (causes or asked):
        return Finding(FindingKind.MISSED_REASON, "side_effect", "medication.side_effect", effects[0].span)
    if best is not None:
        return Finding(FindingKind.MISSED_REASON, best.name, best.entry.rule, line.span(best.first, best.last))
    if asked and name == "missed" and _beside_the_dose(line, matches) >= LONG_ENOUGH:
        return Finding(FindingKind.MISSED_REASON, "other", "medication.told_at_length", line.span(0, len(line.tokens)))
    return None


def _beside_the_dose(line: Line, matches: Sequence[Match]) -> int:
    """How many words tell something else than yes or no, the dose and its medicine, thanks, or a request."""
    known = {"medication", "answer", "chatter", "request", "drug", "wellness"}
    covered = {place for m in matches if m.kind in known for place in range(m.first, m.last)}
    return sum(token.text[0].isalpha() for place, token in enumerate(line.tokens) if place not in covered)


_RANK = ("other", "refused", "confused", "forgot", "felt_better", "side_effect", "pharmacy", "ran_out", "cost")
"""Of reasons equally well told the later one: want of money lies behind an empty bottle, a harm behind a refusal."""


def _weight(match: Match) -> tuple[int, int, int]:
    """Strong words before plain before weak ones, then the order of reasons, then the longer words."""
    marks = set(match.entry.qualifiers)
    strength = 3 if "first" in marks else 2 if {"strong", "alone"} & marks else 0 if "weak" in marks else 1
    return strength if match.name != "other" else min(strength, 1), _RANK.index(match.name) if match.name in _RANK else 0, match.length
