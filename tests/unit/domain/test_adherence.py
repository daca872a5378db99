"""The calendar of doses: what was told, what was asked and not answered, what was not asked."""

from __future__ import annotations

from datetime import date

import pytest

from service.domain.adherence import EVERY_MEDICINE, Day, DoseReport, month_of

TODAY = date(2026, 11, 20)


def day(number: int) -> date:
    return date(2026, 11, number)


def letters(reports: list[DoseReport], asked: list[int], medicine: str = EVERY_MEDICINE) -> str:
    month = month_of(medicine, reports, [day(one) for one in asked], 2026, 11, TODAY)
    assert len(month.days) == 30
    return "".join(month.days[:5])


def test_a_day_is_taken_missed_partly_unknown_or_not_asked() -> None:
    reports = [DoseReport(day(1), "taken"), DoseReport(day(2), "missed"), DoseReport(day(3), "partly")]
    assert letters(reports, [1, 2, 3, 4]) == "TMP?-"


@pytest.mark.parametrize(
    ("told", "is_"),
    [(("taken", "missed"), "M"), (("missed", "taken"), "M"), (("partly", "taken"), "P"), (("unsure", "taken"), "T"), (("unsure",), "?")],
)
def test_of_several_reports_on_a_day_the_worst_counts(told: tuple[str, ...], is_: str) -> None:
    assert letters([DoseReport(day(1), one) for one in told], [1])[0] == is_


def test_a_report_that_names_a_medicine_counts_for_that_one_alone() -> None:
    reports = [DoseReport(day(1), "missed", frozenset({"insulin"})), DoseReport(day(2), "taken")]
    assert letters(reports, [], "insulin") == "MT---"
    assert letters(reports, [], "water_pill") == "-T---"
    assert letters(reports, []) == "MT---"


def test_the_percentage_is_of_the_days_with_an_answer_and_nothing_is_known_of_the_future() -> None:
    reports = [DoseReport(day(1), "taken"), DoseReport(day(2), "taken"), DoseReport(day(3), "missed")]
    month = month_of(EVERY_MEDICINE, reports, [day(n) for n in range(1, 31)], 2026, 11, TODAY)
    assert (month.answered, month.asked, month.percent_taken) == (3, 20, 67)
    assert set(month.days[20:]) == {Day.NOT_ASKED}
    assert month_of(EVERY_MEDICINE, [], [], 2026, 2, TODAY).percent_taken is None
    assert len(month_of(EVERY_MEDICINE, [], [], 2024, 2, TODAY).days) == 29
