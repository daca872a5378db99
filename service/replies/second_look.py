"""What the second opinion adds to the findings of the phrases, and where it doubts them.

What phrases have read of danger keeps its urgency: what it doubts is marked `doubted`, at which no rule of the urgency table looks, and
what it alone sees is a kind of finding of its own. Two things it may settle. Words that no list explains are marked `plain` when it
reads the whole reply as in need of nobody, and the table then lets them be. And a wish to end the messages that it does not see, read by
a phrase and not by a keyword, is put before a nurse instead of ending the messages. One that it alone sees ends them, unless the reply
worries it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.domain.reading import Expects, Finding, FindingKind, Question, Span
from service.replies.lexicon import Lexicon
from service.replies.normalise import Line
from service.replies.opinion import Judgement
from service.replies.scan import Match
from service.replies.unexplained import WORDS, nothing_known, unread

RULE = "second_opinion"
DOUBTED, PLAIN = "doubted", "plain"
WORTH_ASKING = frozenset({FindingKind.SYMPTOM, FindingKind.SIGN, FindingKind.UNEXPLAINED, FindingKind.CRISIS})
"""What may tell more, or less, than its phrase has read."""
OF_TROUBLE = {FindingKind.SYMPTOM: "symptom", FindingKind.CRISIS: "crisis"}
OPT_OUT, PERHAPS = "opt_out", "perhaps_opt_out"
STATUSES = ("taken", "unsure", "partly", "missed")
"""From the least to the most urgent."""
UNLESS_TAKEN = STATUSES[1:]
KEEPS_CONTACT = frozenset({FindingKind.OPT_OUT, FindingKind.OPT_IN, FindingKind.WRONG_NUMBER, FindingKind.DECEASED, FindingKind.HOSPICE})
"""Beside these a wish to end the messages is not looked for."""


def second_look(
    lexicon: Lexicon, text: str, line: Line, matches: Sequence[Match], found: list[Finding], question: Question | None
) -> tuple[list[Finding], list[Finding]]:
    """The findings as they stand after it, and its own remarks, which answer no question.

    It is not asked where phrases have read every word and nothing of danger, nor where it could know no word at all.
    """
    sign = unread(line, matches, [finding.span for finding in found if finding.kind is FindingKind.VALUE])
    wished = any(finding.kind is FindingKind.OPT_OUT for finding in found)
    if lexicon.opinion is None or not text.strip() or nothing_known(lexicon, line, matches):
        return found, []
    if not (sign or wished or any(finding.kind in WORTH_ASKING and finding.present for finding in found)):
        return found, []
    judged = lexicon.opinion.judge(text)
    remarks = _supposed(found, judged)
    if judged.level and not any(finding.kind is FindingKind.CRISIS and finding.present for finding in found):
        remarks.append(Finding(FindingKind.SECOND_OPINION, judged.level, f"{RULE}.{judged.level}", judged.span))
        remarks += [sign] if sign is not None else []
    weighed = [_weighed(finding, judged) for finding in found]
    asked = question is not None and question.expects is Expects.MEDICATION_TAKEN
    return _contact(_doses(weighed, judged, asked=asked), judged), remarks


def _supposed(found: Sequence[Finding], judged: Judgement) -> list[Finding]:
    """Symptoms and crises that it sees alone, whatever phrases say of whom and when they are."""
    known = {f"{OF_TROUBLE[finding.kind]}:{finding.name}" for finding in found if finding.kind in OF_TROUBLE}
    alone = [(name, span) for name, span in judged.sure.items() if name.partition(":")[0] in OF_TROUBLE.values() and name not in known]
    return [Finding(FindingKind.SUPPOSED, name, RULE, span) for name, span in alone]


def _weighed(finding: Finding, judged: Judgement) -> Finding:
    """Marked where it does not see the symptom or crisis, or where a word that no list explains stands in a plain reply."""
    of = OF_TROUBLE.get(finding.kind)
    if of is not None and finding.present and f"{of}:{finding.name}" in judged.unlikely:
        return _marked(finding, DOUBTED)
    if judged.plain and finding.kind is FindingKind.UNEXPLAINED and finding.name == WORDS:
        return _marked(finding, PLAIN)
    return finding


def _marked(finding: Finding, mark: str) -> Finding:
    return replace(finding, qualifiers=tuple(sorted({*finding.qualifiers, mark})))


def _doses(found: list[Finding], judged: Judgement, *, asked: bool) -> list[Finding]:
    """The dose as missed rather than taken where it is sure of that, never the other way round; and why.

    Where no phrase has read anything of the dose asked for, that it was taken is believed of a plain reply only.
    """
    status = _surest(judged, "medication")
    said = next((finding for finding in found if finding.kind is FindingKind.MEDICATION), None)
    if status is not None and (said is not None or (asked and (judged.plain or status[0] != "taken"))):
        name, span = status
        if said is None:
            said = Finding(FindingKind.MEDICATION, name, RULE, span)
            found = [*found, said]
        elif "double" not in said.qualifiers and STATUSES.index(name) > STATUSES.index(said.name):
            found = [replace(said, name=name, rule=RULE) if finding is said else finding for finding in found]
            said = replace(said, name=name)
    reason = _surest(judged, "reason")
    if said is not None and said.name in UNLESS_TAKEN and reason is not None:
        found = [finding for finding in found if finding.kind is not FindingKind.MISSED_REASON]
        found.append(Finding(FindingKind.MISSED_REASON, reason[0], RULE, reason[1]))
    return found


def _contact(found: list[Finding], judged: Judgement) -> list[Finding]:
    """A wish to end the messages that no phrase has read. One that it does not see, and one that it alone sees in a reply that worries it
    ("I want out"), is for a nurse to ask about. So is one that a phrase already holds for a perhaps ("stop texting me at 6 am")."""
    if OPT_OUT in judged.sure and not any(finding.kind in KEEPS_CONTACT or finding.name == PERHAPS for finding in found):
        kind, name = (FindingKind.SIGN, PERHAPS) if judged.level else (FindingKind.OPT_OUT, "intent")
        return [*found, Finding(kind, name, RULE, judged.sure[OPT_OUT])]
    if OPT_OUT not in judged.unlikely:
        return found
    return [replace(f, kind=FindingKind.SIGN, name=PERHAPS) if f.kind is FindingKind.OPT_OUT and f.name != "keyword" else f for f in found]


def _surest(judged: Judgement, kind: str) -> tuple[str, Span] | None:
    """The answer of that kind with the highest odds, if it is sure of it, and its word."""
    told = {name.partition(":")[2]: span for name, span in judged.sure.items() if name.startswith(f"{kind}:")}
    name = max(told, key=lambda name: judged.told[f"{kind}:{name}"], default=None)
    return None if name is None else (name, told[name])
