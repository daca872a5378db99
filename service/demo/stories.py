"""How each patient's days in the programme went, and what stands open in the queue when the demo begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from service.demo.cast import ZONE
from service.demo.history import BREATHED, SWALLOWED, WEIGHED, Diary, Reason, past_days, usual_day, usual_weight
from service.domain.communication import Purpose
from service.domain.escalation import Disposition, Reached
from service.domain.urgency import Urgency

Story = Callable[[Diary, datetime, Mapping[str, UUID]], None]
PROMPTLY = timedelta(seconds=2)
CHIS_BAD_DAY = 13
IDAS_SUGAR = (131, 142, 126, 155, 138, 149, 133, 127, 144, 136)
"""On the ten mornings before the demo (mg/dL): near her target, with a swing that means nothing."""


def _ana(diary: Diary, anchor: datetime, staff: Mapping[str, UUID]) -> None:
    for day, at in enumerate(past_days(anchor, ZONE)):
        if day != 9:
            usual_day(diary, day, at)
            continue
        replies = diary.day(at, weight=usual_weight(diary.kept.person, day), breathing="no but a bit dizzy when I get up", pill="yes")
        words = "a bit dizzy"
        reason = Reason(
            "symptom.dizziness",
            Urgency.SAME_DAY,
            "Dizziness",
            "Rounds default: a new symptom is seen the same day",
            replies[1],
            _span(words, "no but a bit dizzy when I get up"),
        )
        raised = at + BREATHED
        item = diary.item(raised, Urgency.SAME_DAY, raised + timedelta(hours=4), [reason], reached=Reached.NONE_NEEDED)
        note = (
            "Called Ana. Dizzy for a few seconds on standing, no fall, blood pressure 112/70 on her own cuff. Advised to get up slowly "
            "and to drink as planned; cardiology informed, no change of dose. Looks again at tomorrow's check-in."
        )
        diary.resolved(
            item, staff["Nora Nowak"], raised + timedelta(minutes=12), raised + timedelta(minutes=31), Disposition.ADVICE_GIVEN, note
        )


def _ben(diary: Diary, anchor: datetime, staff: Mapping[str, UUID]) -> None:
    for day, at in enumerate(past_days(anchor, ZONE)):
        if day % 3 != 2:
            usual_day(diary, day, at)
            continue
        diary.day(at, weight=None, breathing="", pill="")
        if day == 14:
            reason = Reason(
                "machine.check_in_unanswered",
                Urgency.SAME_DAY,
                "No answer to the check-in, nor to its reminder",
                "Rounds safety rule 26: silence becomes an item, sooner at high risk",
            )
            raised = at + timedelta(hours=5)
            item = diary.item(raised, Urgency.SAME_DAY, raised + timedelta(hours=4), [reason], reached=Reached.NONE_NEEDED)
            note = "Reached Ben at home. The phone was at his son's. Weight 203.9 lb, no swelling. Asks to be texted later."
            diary.resolved(
                item,
                staff["Nora Nowak"],
                raised + timedelta(minutes=20),
                raised + timedelta(minutes=44),
                Disposition.NO_ACTION_NEEDED,
                note,
            )


def _chi(diary: Diary, anchor: datetime, staff: Mapping[str, UUID]) -> None:
    for day, at in enumerate(past_days(anchor, ZONE)):
        if day == CHIS_BAD_DAY:
            _chis_bad_day(diary, at, staff)
        else:
            usual_day(diary, day, at)


def _chis_bad_day(diary: Diary, at: datetime, staff: Mapping[str, UUID]) -> None:
    gain = 5.6
    weight = round(usual_weight(diary.kept.person, CHIS_BAD_DAY - 1) + gain, 1)
    said = "worse, my ankles are huge and I need 3 pillows now"
    replies = diary.day(at, weight=weight, breathing=said, pill="yes")
    key, zones = diary.flow.key, diary.flow.sources["zones"]
    reasons = [
        Reason(
            f"{key}.weight.gained_in_a_day",
            Urgency.URGENT,
            f"Weight {weight:g} lb, up {gain:g} lb within a day (limit 3 lb): a sign of fluid",
            zones,
            replies[0],
            (0, len(f"{weight:g}")),
        ),
        Reason(
            f"{key}.breathing_swelling.marked_swelling",
            Urgency.URGENT,
            "Marked or growing swelling (leg swelling)",
            zones,
            replies[1],
            _span("my ankles are huge", said),
            BREATHED - WEIGHED,
        ),
        Reason(
            f"{key}.breathing_swelling.breathless_lying_flat",
            Urgency.URGENT,
            "Breathless lying flat, or needs more pillows",
            zones,
            replies[1],
            _span("3 pillows", said),
            BREATHED - WEIGHED,
        ),
    ]
    raised = at + WEIGHED
    item = diary.item(raised, Urgency.URGENT, raised + timedelta(hours=1), reasons, reached=Reached.DELIVERED)
    diary.said_to(raised + PROMPTLY, "Thank you. A nurse will answer you within 1 hour. If you get worse, call 911.", Purpose.ANSWER)
    note = (
        "S: up 5.6 lb in a day, ankle swelling, 3 pillows. B: heart failure, home 2 weeks. A: fluid overload, speaks in sentences, no "
        "chest pain. R: Dr. Serrano doubled the water pill for 3 days; seen in clinic the same afternoon. Chi knows when to call 911."
    )
    diary.resolved(item, staff["Nora Nowak"], raised + timedelta(minutes=6), raised + timedelta(minutes=38), Disposition.SEEN_TODAY, note)


def _dov(diary: Diary, anchor: datetime, staff: Mapping[str, UUID]) -> None:
    days = past_days(anchor, ZONE)
    for day, at in enumerate(days[:-5]):
        usual_day(diary, day, at)
    at = days[-5] + timedelta(minutes=5)
    words = "please stop texting me, it is too much"
    stop = diary.heard(at, words)
    confirmation = (
        f"{diary.clinic}: you get no more texts from us, and nobody watches over your answers any more. In an emergency call 911; "
        "in a crisis call or text 988. To come back, reply START."
    )
    diary.said_to(at + PROMPTLY, confirmation, Purpose.OPT_OUT_CONFIRMATION)
    reason = Reason(
        "machine.opted_out",
        Urgency.ROUTINE,
        "Opted out: nobody watches over this patient by text any more",
        "FCC 64.1200(a)(10)",
        stop,
        _span("stop texting me", words),
    )
    item = diary.item(at, Urgency.ROUTINE, at + timedelta(days=1), [reason], reached=Reached.NONE_NEEDED)
    note = "Called Dov. Daily texts are too many for him. Agreed: I call every Monday at 10. He knows the 911 signs."
    diary.resolved(item, staff["Nora Nowak"], at + timedelta(hours=2), at + timedelta(hours=3), Disposition.ADVICE_GIVEN, note)


def _usual(diary: Diary, anchor: datetime, staff: Mapping[str, UUID]) -> None:
    for day, at in enumerate(past_days(anchor, ZONE)):
        usual_day(diary, day, at)


def _fay(diary: Diary, anchor: datetime, staff: Mapping[str, UUID]) -> None:
    _usual(diary, anchor, staff)
    said = "took it but I ran out of my blood thinner on monday"
    replies = diary.day(anchor, weight=usual_weight(diary.kept.person, 2), breathing="no", pill=said)
    reason = Reason(
        f"{diary.flow.key}.water_pill.missed_high_alert",
        Urgency.URGENT,
        "A dose of a high-alert medicine was missed",
        diary.flow.sources["missed_dose"],
        replies[2],
        _span("ran out of my blood thinner", said),
    )
    raised = anchor + SWALLOWED
    diary.item(raised, Urgency.URGENT, raised + timedelta(hours=1), [reason], reached=Reached.DELIVERED)
    answer = "Thank you. A nurse will answer you within 1 hour. If you get worse, call 911."
    diary.said_to(raised + PROMPTLY, answer, Purpose.ANSWER)


def _gus(diary: Diary, anchor: datetime, staff: Mapping[str, UUID]) -> None:
    _usual(diary, anchor, staff)
    said = "no forgot it this morning"
    replies = diary.day(anchor, weight=usual_weight(diary.kept.person, 4), breathing="no", pill=said, taken=False)
    reason = Reason(
        f"{diary.flow.key}.water_pill.missed",
        Urgency.SAME_DAY,
        "Water pill not taken, or only in part",
        diary.flow.sources["missed_dose"],
        replies[2],
        _span("forgot it", said),
    )
    raised = anchor + SWALLOWED
    diary.item(raised, Urgency.SAME_DAY, raised + timedelta(hours=4), [reason], reached=Reached.DELIVERED)
    answer = "Thank you for telling us. A nurse will answer you today. If you get worse, call 911."
    diary.said_to(raised + PROMPTLY, answer, Purpose.ANSWER)


def _hal(diary: Diary, anchor: datetime, staff: Mapping[str, UUID]) -> None:
    first, second = past_days(anchor, ZONE, diary.kept.person.days)
    diary.answered(
        first, [("feeling", "2"), ("warning_signs", "no"), ("medicines", "4"), ("services", "3 none ordered"), ("whom_to_call", "2")]
    )
    diary.answered(
        second,
        [
            ("feeling", "3 better"),
            ("warning_signs", "no"),
            ("medicines", "4"),
            ("visit_two_weeks", "2"),
            ("way_there", "2 my son drives me"),
            ("services", "3"),
        ],
    )


def _ida(diary: Diary, anchor: datetime, staff: Mapping[str, UUID]) -> None:
    for at, sugar in zip(past_days(anchor, ZONE, diary.kept.person.days), IDAS_SUGAR, strict=True):
        replies = diary.answered(at, [("glucose", str(sugar)), ("any_lows", "no"), ("medicine", "yes"), ("illness", "no")])
        diary.observed(at + WEIGHED, replies[0], "value", "glucose", str(sugar), value=float(sugar), unit="mg/dL")


def _span(words: str, said: str) -> tuple[int, int]:
    start = said.index(words)
    return start, start + len(words)


STORIES: Mapping[str, Story] = {
    "ana": _ana,
    "ben": _ben,
    "chi": _chi,
    "dov": _dov,
    "eva": _usual,
    "fay": _fay,
    "gus": _gus,
    "hal": _hal,
    "ida": _ida,
}
