"""The one way into the reply parsers: a reply and the question it answers become a Reading.

Danger words are looked for in every reply, whatever was asked. Then: opt-out keywords, who is writing, the value or dose asked
for, requests, a bare yes or no, what nothing explains, and at last what the second opinion says to all that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.domain.reading import Expects, Finding, FindingKind, Question, Reading, Reply
from service.replies import answers, contact
from service.replies.language import other_language, spoken
from service.replies.lexicon import Lexicon
from service.replies.measures import MEASURE_OF
from service.replies.medication import drugs_asked, medication
from service.replies.named_death import named_death
from service.replies.named_stranger import named_stranger
from service.replies.normalise import Line, normalise
from service.replies.numerals import Number, numbers
from service.replies.pressure import SWAPPED
from service.replies.quantities import values
from service.replies.reaction import reaction
from service.replies.scan import Match, scan, topics
from service.replies.second_look import second_look
from service.replies.symptoms import choose, findings, weight_changes
from service.replies.told_bare import bare_values
from service.replies.unexplained import SENTENCE_ENDS, nothing_known, unexplained
from service.replies.unexplained import told as told_vaguely

MOST_CHARACTERS = 1_600
"""Ten text messages. Of a longer reply its head and tail are read, and a person reads the whole."""
TAIL = 400
"""Characters read from the end of a longer reply."""
ABOUT_CONTACT = frozenset(
    {
        FindingKind.OPT_OUT,
        FindingKind.OPT_IN,
        FindingKind.HELP,
        FindingKind.WRONG_NUMBER,
        FindingKind.DECEASED,
        FindingKind.HOSPICE,
        FindingKind.TAPBACK,
        FindingKind.AUTO_REPLY,
        FindingKind.OTHER_LANGUAGE,
        FindingKind.UNSAFE_TO_CONTACT,
    }
)
KEPT_OF_ANOTHER_LANGUAGE = frozenset(
    {
        FindingKind.VALUE,
        FindingKind.SYMPTOM,
        FindingKind.CRISIS,
        FindingKind.THIRD_PARTY,
        FindingKind.OPT_OUT,
        FindingKind.UNSAFE_TO_CONTACT,
    }
)
TROUBLES = frozenset({FindingKind.SYMPTOM, FindingKind.CRISIS})
_ANSWERS = {
    Expects.MEDICATION_TAKEN: FindingKind.MEDICATION,
    Expects.YES_NO: FindingKind.ANSWER,
    Expects.CHOICE: FindingKind.CHOICE,
}
MOST_NAMES_UNEXPLAINED = 4
"""A wrong number or an opt-out may carry a few unknown words (names) without needing a person."""


def read(lexicon: Lexicon, reply: Reply, question: Question | None) -> Reading:
    """Everything found in one reply, in the order of its text. Pure, bounded, and never raises on any text."""
    text, left_out = reply.text, max(len(reply.text) - MOST_CHARACTERS, 0)
    if left_out:
        text = text[: MOST_CHARACTERS - TAIL - 1] + "\n" + text[-TAIL:]
    tap, text = reaction(lexicon, text, question)
    line = normalise(lexicon, text)
    matches = scan(lexicon, line, question)
    heard = spoken(lexicon, line, reply.language)
    only_tap = tap if tap is not None and not any(sign.isalnum() for sign in text) else None
    alone = only_tap or contact.automatic_answer(line, matches) or contact.keyword(line, matches, question)
    foreign = None
    remarks: list[Finding] = []
    if alone is not None:
        found, why = [alone, *_danger_in(lexicon, alone, line, matches)], ""
    else:
        counted = numbers(lexicon, line, heard.language, reply.channel, asked=question is not None and question.expects in MEASURE_OF)
        found, why = _content(lexicon, line, matches, counted, question, by_carer=reply.by_carer)
        death = named_death(lexicon, line, reply.first_name) if reply.first_name else None
        if death is not None and not any(finding.kind is FindingKind.DECEASED for finding in found):
            found.append(death)
        denied = named_stranger(lexicon, line, reply.first_name) if reply.first_name else None
        if denied is not None and not any(finding.kind is FindingKind.WRONG_NUMBER for finding in found):
            found.append(denied)
        foreign = other_language(lexicon, text, line, matches)
        if foreign is not None:
            found = [f for f in found if f.kind in KEPT_OF_ANOTHER_LANGUAGE]
            found.append(foreign)
        else:
            found += _unexplained(lexicon, line, matches, counted, found, heard.language)
            found, remarks = second_look(lexicon, text, line, matches, found, question)
    missing = _missing(question, found, why)
    unclear = _unclear(lexicon, line, matches, question, found, missing)
    if unclear is not None:
        found.append(unclear)
    if tap is not None and tap is not alone:
        found.append(tap)
    found += remarks
    if left_out or line.cut:
        found.append(Finding(FindingKind.UNEXPLAINED, "too_long", "unexplained.too_long", (0, len(text))))
    if left_out:
        found = [replace(finding, span=(_place(finding.span[0], left_out), _place(finding.span[1], left_out))) for finding in found]
    found.sort(key=lambda finding: (finding.span[0], finding.kind is not FindingKind.CRISIS))
    return Reading(tuple(found), heard.language, lexicon.version, missing)


def _place(offset: int, left_out: int) -> int:
    """An offset into head and tail as an offset into the whole reply."""
    return offset if offset < MOST_CHARACTERS - TAIL else offset + left_out


def _danger_in(lexicon: Lexicon, alone: Finding, line: Line, matches: Sequence[Match]) -> list[Finding]:
    """Danger signs beside words that sound like a telephone's own answer ("I'm driving and I have chest pain"): they count.

    What a tapback quotes stays nobody's.
    """
    if alone.kind is not FindingKind.AUTO_REPLY:
        return []
    told, _ = findings(line, matches, choose(matches), lexicon.gives_way, by_carer=False)
    return [finding for finding in told if finding.present and (finding.kind is FindingKind.CRISIS or "acute" in finding.qualifiers)]


def _content(
    lexicon: Lexicon, line: Line, matches: Sequence[Match], counted: Sequence[Number], question: Question | None, *, by_carer: bool
) -> tuple[list[Finding], str]:
    """All findings of a reply written by a person, and why an asked value is missing."""
    people = contact.people(line, matches)
    kinds = {finding.kind for finding in people}
    told, carer = findings(line, matches, choose(matches), lexicon.gives_way, by_carer=by_carer or FindingKind.THIRD_PARTY in kinds)
    violence = any(finding.kind is FindingKind.CRISIS and finding.name == "violence" for finding in [*told, *people])
    if violence:
        people = [finding for finding in people if (finding.kind, finding.name) != (FindingKind.THIRD_PARTY, "subject")]
    if carer and not violence and FindingKind.THIRD_PARTY not in kinds:
        relative = next((m for m in matches if m.kind == "cue" and m.name == "other_person"), None)
        span = line.span(relative.first, relative.last) if relative is not None else (0, 0)
        people.append(Finding(FindingKind.THIRD_PARTY, "relative", "contact.carer_reports_danger", span))
    symptoms = [finding for finding in told if finding.kind is FindingKind.SYMPTOM]
    measured, why = values(line, counted, matches, question)
    measured += bare_values(line, counted, matches, question, topics(lexicon, question), measured)
    found = people + told + measured + weight_changes(line, matches, counted)
    if not kinds & {FindingKind.WRONG_NUMBER, FindingKind.DECEASED}:
        named = drugs_asked(lexicon, question.text) if question is not None else frozenset[str]()
        found += medication(line, matches, symptoms, question, named)
    danger = any(f.present and (f.kind is FindingKind.CRISIS or "acute" in f.qualifiers) for f in told)
    asked = answers.request(line, matches, danger=danger)
    found += asked if FindingKind.OPT_OUT not in kinds else [f for f in asked if not _how_to_stop(line, f, people)]
    found += told_vaguely(line, matches, told)
    if question is not None:
        found += answers.answer(line, matches, question, symptoms)
        if question.expects is Expects.CHOICE:
            found += answers.choice(line, matches, counted, question)
    return found, why


def _how_to_stop(line: Line, asked: Finding, people: Sequence[Finding]) -> bool:
    """True for a question or a wish that is the opt-out itself ("how do I unsubscribe?", "can a human make these stop")."""
    stops = [finding.span for finding in people if finding.kind is FindingKind.OPT_OUT]
    if any(asked.span[0] < stop[1] and stop[0] < asked.span[1] for stop in stops):
        return True
    return asked.name in ("question", "human", "refill") and any(_same_sentence(line, asked.span, stop) for stop in stops)


def _same_sentence(line: Line, one: tuple[int, int], other: tuple[int, int]) -> bool:
    first, second = sorted((one, other))
    between = (token for token in line.tokens if first[1] <= token.start < second[0])
    return not any(token.text in SENTENCE_ENDS for token in between)


def _unexplained(
    lexicon: Lexicon, line: Line, matches: Sequence[Match], counted: Sequence[Number], found: Sequence[Finding], language: str
) -> list[Finding]:
    by_carer = any(f.kind is FindingKind.THIRD_PARTY for f in found)
    odd = unexplained(
        lexicon, line, matches, counted, language, by_carer=by_carer, troubled=any(f.present and f.kind in TROUBLES for f in found)
    )
    about_contact = any(f.kind in (FindingKind.OPT_OUT, FindingKind.WRONG_NUMBER) for f in found)
    return [] if about_contact and len(odd) <= MOST_NAMES_UNEXPLAINED else odd


def _missing(question: Question | None, found: Sequence[Finding], why: str) -> str:
    """Why the question is not answered yet, "" when it is or when nothing was asked."""
    if question is None or any(finding.kind in ABOUT_CONTACT for finding in found):
        return ""
    if question.expects in MEASURE_OF:
        value = next((f for f in found if f.kind is FindingKind.VALUE and f.name == MEASURE_OF[question.expects]), None)
        if value is not None:
            return "implausible" if SWAPPED in value.qualifiers else ""
        limit = any(f.kind is FindingKind.SYMPTOM and "meter_limit" in f.qualifiers for f in found)
        return "" if limit else why or "no_answer"
    wanted = _ANSWERS.get(question.expects)
    if wanted is not None:
        return "" if any(finding.kind is wanted for finding in found) else "no_answer"
    if question.expects is Expects.SYMPTOMS:
        answered = any(f.kind in (FindingKind.SYMPTOM, FindingKind.ANSWER) for f in found)
        vague = [f for f in found if f.kind is FindingKind.ANSWER and f.name in ("yes", "unsure")]
        if vague and not any(f.kind is FindingKind.SYMPTOM and f.present for f in found):
            return "ambiguous"
        return "" if answered else "no_answer"
    return ""


def _unclear(
    lexicon: Lexicon,
    line: Line,
    matches: Sequence[Match],
    question: Question | None,
    found: Sequence[Finding],
    missing: str,
) -> Finding | None:
    """UNCLEAR with its reason, when the question must be asked again or a person must look."""
    span = line.span(0, len(line.tokens))
    if any(finding.kind in ABOUT_CONTACT for finding in found):
        return None
    useful = [f for f in found if f.kind not in (FindingKind.UNEXPLAINED, FindingKind.VALUE)]
    if question is None or question.expects is Expects.FREE_TEXT:
        if not useful and (nothing_known(lexicon, line, matches) or not line.tokens):
            return Finding(FindingKind.UNCLEAR, "nothing_usable", "unclear.nothing_known", span)
        return None
    idiom_only = any(match.kind == "mask" and match.name in ("idiom", "dream") for match in matches)
    if not missing or (idiom_only and not found and question.expects is Expects.SYMPTOMS):
        return None
    numeric = question.expects in MEASURE_OF
    told = [f for f in useful if f.kind is not FindingKind.THIRD_PARTY]
    if told and not numeric and missing != "ambiguous":
        return None
    if numeric and any(f.kind is FindingKind.REQUEST and f.name != "question" for f in told):
        return None
    name = missing if missing in ("implausible", "ambiguous_unit") else "nothing_usable" if not told else "off_question"
    return Finding(FindingKind.UNCLEAR, name, f"unclear.{missing}", span)
