"""Fault test 27: STOP, START and HELP in 40 spellings and 2 languages, from the provider's webhook to what the provider is handed.

Every one is obeyed; after STOP not one text leaves but one confirmation. On both databases.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from service.db.check_in import enrollments
from service.db.communication import communications
from service.db.escalation import concerns, escalations
from service.db.patient import consents, phones
from service.domain.communication import Purpose
from tests.actions.line import Line
from tests.seed import Person, seed_patient

STOPS = {
    "en": (
        "STOP", "stop", "Stop.", "STOP!", '"STOP"', "sToP", " stop \n", "ＳＴＯＰ", "S T O P", "s.t.o.p", "STOPP", "stpo", "🛑", "STOPALL",
        "stop all", "STOP ALL!", "Unsubscribe", "UNSUBSCRIBE.", "end", "QUIT!!", "Cancel please", "revoke", "OPTOUT", "opt out", "Opt-Out",
        "remove", "ARRET", "TD", "unsub", "Stop please and thank you", "stop texting me", "please opt me out", "take me off this list",
        "no more messages please", "I don't want these texts anymore", "do not text me again", "leave me alone, stop messaging",
        "I revoke my consent", "stop it", "STOP stop STOP",
    ),
    "es": (
        "ALTO", "alto", "¡Alto!", "Alto por favor", "PARE", "parar", "CANCELAR", "cancela", "BAJA", "dar de baja", "DETENER", "salir",
        "FIN", "terminar", "basta", "REVOCAR", "eliminar", "STOP", "no más", "no mas", "no más mensajes", "ya no me manden mensajes",
        "no quiero más mensajes", "dejen de escribirme", "quítenme de la lista", "quiero darme de baja", "por favor paren",
        "no me escriban", "ya no quiero recibir mensajes", "cancele los mensajes", "deja de mandarme textos", "Detengan los mensajes",
        "borren mi numero", "Alto.", "BASTA YA", "anular", "suspender", "paren", "quítenme", "denme de baja",
    ),
}  # fmt: skip
STARTS = {"en": ("START", "start", "Start!", "UNSTOP", "unstop."), "es": ("INICIAR", "iniciar", "COMENZAR", "Reanudar", "START")}
NEVER = {"en": ("YES", "yes", "ok", "Y", "sure", "yes please"), "es": ("SI", "sí", "si por favor", "claro", "bueno")}
HELPS = {
    "en": ("HELP", "help", "Help!", "INFO", "info", "Help please", "hlep"),
    "es": ("AYUDA", "ayuda", "¡Ayuda!", "información", "ayuda por favor", "INFO"),
}
CARRIER = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"})
NOT_STOPS = ("I stopped my pills", "can't stop coughing", "bleeding won't stop", "I had to cancel my appointment", "I quit smoking")
FIRST = 110
"""The last digits of the first of the patients' numbers, 202-555-0110 and on."""
LATER = (Purpose.CHECK_IN, Purpose.REMINDER, Purpose.ANSWER, Purpose.RECHECK, Purpose.OPENING, Purpose.OPT_IN_CONFIRMATION)


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    async with Line.serving(database_url) as line:
        yield line


async def people(line: Line, how_many: int, language: str) -> list[Person]:
    """So many patients in the heart failure programme, each with a phone of their own."""
    where = line.clinic.organization_id, line.clinic.team_a, line.now
    async with line.database.transaction() as connection:
        numbers = [f"+12025550{FIRST + n}" for n in range(how_many)]
        made = [await seed_patient(connection, *where, f"Ana {number[-3:]}", number, language=language) for number in numbers]
    for person in made:
        await line.enroll(person)
    return made


async def sent_to(line: Line) -> dict[str, list[str]]:
    """What the provider was just handed, by number."""
    found: dict[str, list[str]] = {}
    for text in await line.send():
        found.setdefault(text.to, []).append(text.body)
    return found


async def still_agreed(line: Line, persons: Sequence[Person]) -> set[str]:
    """Names of those with a consent that holds."""
    holds = {row.patient_id for row in await line.rows(consents) if row.revoked_at is None}
    return {person.name for person in persons if person.id in holds}


@pytest.mark.parametrize("language", ["en", "es"])
async def test_40_spellings_of_stop_end_everything_but_one_confirmation(line: Line, language: str) -> None:
    words = STOPS[language]
    assert len(set(words)) >= 40
    persons = await people(line, len(words), language)
    for person in persons:
        await line.text(person, "before", Purpose.CHECK_IN)  # waits in the outbox while STOP comes in
    for person, word in zip(persons, words, strict=True):
        await line.says(person.number, word)
    heard = await sent_to(line)
    obeyed = {word: len(heard.get(person.number, [])) for person, word in zip(persons, words, strict=True)}
    assert obeyed == dict.fromkeys(words, 1)
    confirmed = await line.rows(communications, communications.c.purpose == Purpose.OPT_OUT_CONFIRMATION)
    assert {row.body for row in confirmed} == {body for bodies in heard.values() for body in bodies}
    assert await still_agreed(line, persons) == set()
    stopped = await line.rows(phones, phones.c.id.in_([person.phone_id for person in persons]))
    assert all(row.opted_out_at is not None for row in stopped)
    over = await line.rows(enrollments, enrollments.c.patient_id.in_([person.id for person in persons]))
    assert {row.status for row in over} == {"opted_out"}
    items = {row.patient_id for row in await line.rows(escalations)}
    assert {person.id for person in persons} <= items
    for person, word in zip(persons, words, strict=True):  # once more: no second confirmation
        await line.says(person.number, word)
    for purpose in LATER:
        for person in persons:
            await line.text(person, "after", purpose)
    line.clock.forward(minutes=10)
    await line.work()
    assert await sent_to(line) == {}


async def test_what_the_carrier_has_answered_is_not_answered_again(line: Line) -> None:
    words = sorted(CARRIER)
    persons = await people(line, len(words), "en")
    for person, word in zip(persons, words, strict=True):
        await line.text(person, "before", Purpose.CHECK_IN)
        await line.says(person.number, word, opt_out_type="STOP")
    assert await sent_to(line) == {}
    assert await still_agreed(line, persons) == set()


@pytest.mark.parametrize("language", ["en", "es"])
async def test_start_alone_restores_and_no_yes_ever_does(line: Line, language: str) -> None:
    starts, never = STARTS[language], NEVER[language]
    persons = await people(line, 2 * len(starts) + 2 * len(never), language)
    for place, person in enumerate(persons):
        if place % 2:
            await line.says(person.number, "stop texting me" if language == "en" else "ya no me manden mensajes")
        else:
            await line.says(person.number, "STOP", opt_out_type="STOP")
    await line.send()
    saying = [word for word in (*starts, *never) for _ in range(2)]
    for person, word in zip(persons, saying, strict=True):
        lifts = word.strip(".!").upper() in ("START", "UNSTOP", "YES")  # the carrier takes these for an opt-in, YES too
        await line.says(person.number, word, opt_out_type="START" if lifts else "")
    back = {person.name for person, word in zip(persons, saying, strict=True) if word in starts}
    assert await still_agreed(line, persons) == back
    heard = await sent_to(line)
    assert all(person.number not in heard for person, word in zip(persons, saying, strict=True) if word in never)
    for person in persons:
        await line.text(person, "after", Purpose.CHECK_IN)
    assert set(await sent_to(line)) == {person.number for person in persons if person.name in back}


async def test_yes_after_stop_that_the_carrier_takes_for_start_is_told_to_a_nurse(line: Line) -> None:
    [person] = await people(line, 1, "en")
    await line.says(person.number, "STOP", opt_out_type="STOP")
    await line.says(person.number, "YES", opt_out_type="START")
    assert "machine.not_opted_in" in {row.rule for row in await line.rows(concerns)}
    assert await still_agreed(line, [person]) == set()


async def test_a_yes_that_the_carrier_takes_for_start_still_answers_a_check_in(line: Line) -> None:
    chi = line.clinic.chi
    await line.planned(chi)
    await line.work()
    await line.send()
    await line.says(chi.number, "150")
    await line.send()
    await line.says(chi.number, "YES", opt_out_type="START")
    assert len(await line.send()) >= 1


@pytest.mark.parametrize("language", ["en", "es"])
async def test_help_is_answered_in_every_spelling_and_ends_nothing(line: Line, language: str) -> None:
    words = HELPS[language]
    persons = await people(line, 2 * len(words), language)
    for person in persons[: len(words)]:
        await line.says(person.number, "STOP")
    await line.send()
    for person, word in zip(persons, [*words, *words], strict=True):
        await line.says(person.number, word)
    heard = await sent_to(line)
    assert {number: len(bodies) for number, bodies in heard.items()} == {person.number: 1 for person in persons}
    assert await still_agreed(line, persons) == {person.name for person in persons[len(words) :]}
    assert {person.id for person in persons} <= {row.patient_id for row in await line.rows(escalations)}


async def test_words_that_only_sound_like_stop_end_nothing(line: Line) -> None:
    persons = await people(line, len(NOT_STOPS), "en")
    for person, word in zip(persons, NOT_STOPS, strict=True):
        await line.says(person.number, word)
    assert await still_agreed(line, persons) == {person.name for person in persons}
