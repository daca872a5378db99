"""The language of a page: whose choice it is, what is filled in, and that one request's language is not the next one's."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from service.actions.refusal import Refused
from service.web.language import ENGLISH, Language, _, choose, counted, later, pgettext, read_languages, speak, spoken, told
from service.web.times import clock_time, day_of, duration, month_of, short_day, time_left
from tests.web.conftest import TEMPLATES

LANGUAGES = read_languages(TEMPLATES / "locale")
NOW = datetime(2026, 11, 16, 15, 4, tzinfo=UTC)
NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("wanted", "accepted", "code"),
    [
        ("es", "en-US,en;q=0.9", "es"),
        ("en", "es", "en"),
        (None, "es-MX,es;q=0.9,en;q=0.8", "es"),
        (None, "en-US,es;q=0.9", "en"),
        (None, "es;q=0.4, en;q=0.9", "en"),
        (None, "fr, es;q=0.1", "es"),
        (None, "es;q=0, fr", "en"),
        (None, "", "en"),
        (None, "*;;;q=x,\x00" * 100, "en"),
        ("xx", "es", "es"),
    ],
)
def test_the_own_choice_goes_before_the_browsers_and_english_is_the_rest(wanted: str | None, accepted: str, code: str) -> None:
    assert choose(LANGUAGES, wanted, accepted).code == code


async def test_a_request_speaks_its_own_language_and_no_other_does() -> None:
    spanish = Language("es", {("", "Hello {name}"): ("Hola, {name}",), ("", "{num} text"): ("{num} texto", "{num} textos")})

    async def says(language: Language) -> tuple[str, str, str]:
        speak(language)
        await asyncio.sleep(0)
        return spoken(), _("Hello {name}", name="Ana"), counted("{num} text", "{num} texts", 2)

    assert list(await asyncio.gather(says(spanish), says(ENGLISH))) == [("es", "Hola, Ana", "2 textos"), ("en", "Hello Ana", "2 texts")]
    assert spoken() == "en"


async def test_what_has_no_translation_stays_english_and_braces_of_patients_stay_as_they_are() -> None:
    speak(Language("es"))
    assert (_("Save {it}"), _("Save {it}", it="{x}"), later("Save"), pgettext("state", "Open")) == ("Save {it}", "Save {x}", "Save", "Open")


async def test_a_refusal_is_english_on_the_command_line_and_the_pages_language_on_a_page() -> None:
    refused = Refused("At most {most} days.", most=3)
    speak(Language("es", {("", "At most {most} days."): ("Como máximo {most} días.",)}))
    assert (str(refused), told(refused), told(Refused("100 % {sure}"))) == ("At most 3 days.", "Como máximo 3 días.", "100 % {sure}")


async def test_days_and_times_are_told_in_spanish() -> None:
    speak(LANGUAGES["es"])
    assert clock_time(NOW, NEW_YORK, NOW) == "10:04 a. m."
    assert clock_time(NOW - timedelta(days=5, hours=-9), NEW_YORK, NOW) == "mié 11 nov, 7:04 p. m."
    assert (day_of("1950-03-01"), month_of(date(2026, 11, 1)), short_day(date(2026, 1, 3))) == (
        "1 de marzo de 1950",
        "noviembre de 2026",
        "sáb 3 ene",
    )
    assert (duration(timedelta(days=1, hours=2)), time_left(NOW, NOW), time_left(NOW + timedelta(minutes=5), NOW)) == (
        "1 día 2 h",
        "menos de 1 min de retraso",
        "quedan 5 min",
    )
