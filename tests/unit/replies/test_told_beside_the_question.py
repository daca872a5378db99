"""Families of replies that were once read as their neighbours: each with the near sentences that must stay what they are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.content import load_lexicon, load_tables
from service.domain.facts import Facts
from service.domain.reading import Assertion, Channel, Expects, FindingKind, Question, Reading, Reply
from service.replies import read
from service.triage import decide

LEXICON, TABLES = load_lexicon(), load_tables()
NOW = datetime(2026, 3, 8, 14, 0, tzinfo=UTC)
SYMPTOMS, YES_NO, DOSE = Expects.SYMPTOMS, Expects.YES_NO, Expects.MEDICATION_TAKEN
WOUND = "Is your wound red, wet, bleeding or opening up? Reply NO, or tell us what you see."
HERIDA = "¿La herida se ve roja, mojada, con sangre o abierta? Responda NO, o diga qué ve."
BIRTH = "How are you since the birth? Any headache, bleeding or worries?"
URINE = "Are you passing much less urine than usual? Reply YES or NO."
ORINA = "¿Orina mucho menos que de costumbre? Responda SI o NO."
SAFE = "Do you feel safe where you are right now? Reply YES or NO."
SALVO = "¿Se siente a salvo en este momento? Responda SI o NO."
SESSION = "Did you go to your last session and stay to the end? Reply YES or NO."
SESION = "¿Fue a su tratamiento la vez pasada, de principio a fin? Responda SI o NO."
CLEAR = "Was the fluid you drained clear? Reply YES or NO."
CLARO = "¿Le ha salido claro el agua que drena? Responda SI o NO."
HELPED = "With that low, did you pass out, or did someone have to help you? Reply YES or NO."
AYUDA = "Con esa baja, ¿ha perdido el sentido o le tuvo que ayudar alguien? Responda SI o NO."
WOKEN = "Did cough, wheeze or tight breathing wake you last night? Reply YES or NO."
DESPERTADO = "Anoche, ¿se ha despertado por tos, silbido o falta de aire? Responda SI o NO."
BLADDER = "Are your legs newly weak or numb, or do you lose urine without wanting to? Reply YES or NO."
VEJIGA = "¿Tiene las piernas sin fuerza o dormidas, o se le sale la orina sin querer? Responda SI o NO."
THINNER = "Did you take your blood thinner yesterday?"
ANTICOAGULANTE = "¿Tomó su anticoagulante ayer?"


def heard(reply: str, expects: Expects | None, text: str = "", channel: Channel = Channel.SMS) -> Reading:
    question = None if expects is None else Question(expects, text=text)
    return read(LEXICON, Reply(reply, channel=channel), question)


def urgency(reply: str, expects: Expects | None, text: str = "") -> str:
    question = None if expects is None else Question(expects, text=text)
    decided = decide(TABLES, read(LEXICON, Reply(reply), question).findings, Facts(), NOW, question).urgency
    return str(decided) if decided else "none"


def name(reading: Reading, kind: FindingKind) -> str:
    return next((finding.name for finding in reading.findings if finding.kind is kind), "")


def symptoms(reading: Reading, *assertions: Assertion) -> set[str]:
    return {f.name for f in reading.findings if f.kind is FindingKind.SYMPTOM and f.assertion in assertions}


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        *[(text, "missed") for text in ("no, my wife had them", "no my son has them at his house", "no, las tenía mi esposa")],
        *[(text, "missed") for text in ("no, mi hijo las trae en su carro", "no, se las tomó mi esposa")],
        *[(text, "unsure") for text in ("my wife had them", "my husband has them")],
        *[(text, "taken") for text in ("my wife gave them to me", "she had them with breakfast", "mi esposa me las dio")],
        *[(text, "taken") for text in ("my mom took them at 8", "no I didn't miss any", "no, we never skip any")],
        *[(text, "missed") for text in ("no I didn't take them", "ya ni las tomo para qué", "ni las tomo", "no las tomé")],
        *[(text, "partly") for text in ("took the pill, not the shot", "took my pills but not the insulin", "menos la metformina")],
        *[(text, "taken") for text in ("no me falta ninguna", "hoy no se me olvidó", "sí, no se me olvidó", "no se me olvidó ninguna")],
    ],
)
def test_who_had_the_medicine_decides_whether_it_was_taken(reply: str, status: str) -> None:
    assert name(heard(reply, DOSE), FindingKind.MEDICATION) == status


@pytest.mark.parametrize("reply", ["no se me olvidó", "no se me olvidaron", "no se me pasó", "no me olvidé"])
@pytest.mark.parametrize("channel", [Channel.VOICE, Channel.SMS])
def test_a_spanish_no_without_its_comma_is_never_a_dose_taken(reply: str, channel: Channel) -> None:
    reading = heard(reply, DOSE, channel=channel)
    assert name(reading, FindingKind.MEDICATION) in ("", "missed")
    assert reading.missing or reading.has(FindingKind.MEDICATION, "missed")
    assert urgency(reply, DOSE) == "same_day"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        *[(text, "urgent") for text in ("took two because I forgot yesterday", "took them twice since I missed last night")],
        *[(text, "urgent") for text in ("me tomé dos porque ayer se me pasó", "tomé el doble para reponer la de ayer")],
        *[(text, "emergency") for text in ("my grandson got into them", "the baby swallowed one", "mi nieto se tomó una")],
        *[(text, "same_day") for text in ("my baby took my attention and I forgot", "I forgot because of the grandkids")],
    ],
)
def test_doses_taken_twice_or_by_a_child_are_no_forgotten_dose(reply: str, expected: str) -> None:
    assert urgency(reply, DOSE) == expected


@pytest.mark.parametrize(
    ("reply", "expects", "expected"),
    [
        *[(text, DOSE, "same_day") for text in ("ran out of it", "they are out of it")],
        *[(text, DOSE, "same_day") for text in ("the pharmacy is out of it", "they said they're out of it")],
        *[(text, None, "same_day") for text in ("ran out of it", "I ran all out of it")],
        *[(text, DOSE, "emergency") for text in ("he is out of it", "she seems totally out of it")],
        *[(text, SYMPTOMS, "emergency") for text in ("I feel out of it", "they are out of it", "my husband is out of it")],
        *[(text, DOSE, "same_day") for text in ("they changed my pills and I'm confused", "I'm confused about how to take them")],
        *[(text, DOSE, "same_day") for text in ("don't know how to take them", "confused about which ones to take", "no sé cómo tomarlas")],
        *[(text, DOSE, "same_day") for text in ("me cambiaron las pastillas y estoy confundida", "estoy confundido con las pastillas")],
        *[(text, DOSE, "emergency") for text in ("I'm confused", "estoy confundida", "confused and took my pills")],
        *[(text, DOSE, "emergency") for text in ("she's confused about everything since they changed her pills",)],
        *[(text, DOSE, "emergency") for text in ("I'm confused about where I am",)],
        *[(text, SYMPTOMS, "emergency") for text in ("they changed my pills and I'm confused", "confused about what day it is")],
    ],
)  # fmt: skip
def test_no_medicine_and_questions_about_it_are_no_confused_mind(reply: str, expects: Expects | None, expected: str) -> None:
    assert urgency(reply, expects) == expected


@pytest.mark.parametrize(
    "reply",
    ["they changed my pills and I'm confused", "don't know how to take them", "no sé cómo tomarlas", "estoy confundida con las pastillas"],
)  # fmt: skip
def test_not_knowing_how_to_take_it_is_a_question(reply: str) -> None:
    assert heard(reply, DOSE).has(FindingKind.REQUEST, "question")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        *[(text, "emergency") for text in ("short of breath even when I sit", "short of breath sitting still")],
        *[(text, "emergency") for text in ("short of breath just sitting here",)],
        *[(text, "emergency") for text in ("trouble breathing even when resting", "even sitting I am short of breath")],
        *[(text, "emergency") for text in ("winded, just sitting",)],
        *[(text, "emergency") for text in ("me falta el aire aunque esté sentada", "aun sentado me falta el aire")],
        *[(text, "emergency") for text in ("me ahogo hasta sentada",)],
        *[(text, "emergency") for text in ("puffer's not doing anything", "el inhalador no me hace nada")],
        *[(text, "urgent") for text in ("short of breath when I walk, fine sitting down", "out of breath on stairs, fine at rest")],
        *[(text, "urgent") for text in ("me falta el aire cuando camino, sentada no", "me falta el aire al subir escaleras, sentado bien")],
        *[(text, "none") for text in ("not short of breath even when I sit", "no me falta el aire sentada")],
    ],
)  # fmt: skip
def test_breathless_at_rest_and_only_when_moving_are_told_apart(reply: str, expected: str) -> None:
    assert urgency(reply, SYMPTOMS) == expected


@pytest.mark.parametrize(
    ("reply", "present", "denied"),
    [
        ("no fever, no chills, cough", {"cough"}, {"fever", "chills"}), ("no fever, cough, no chills", {"cough"}, {"fever", "chills"}),
        ("sin fiebre, sin escalofríos, tos", {"cough"}, {"fever", "chills"}),
        ("no fiebre, no escalofríos, tos", {"cough"}, {"fever", "chills"}),
        ("no bleeding, bruise on my arm", {"bruising"}, {"bleeding"}), ("no fever, chills or cough", set(), {"fever", "chills", "cough"}),
        ("sin fiebre, escalofríos ni tos", set(), {"fever", "chills", "cough"}),
        ("no fever, no chills, no cough", set(), {"fever", "chills", "cough"}),
        ("I don't have fever, cough", set(), {"fever", "cough"}), ("denies fever, chills, cough", set(), {"fever", "chills", "cough"}),
    ],
)  # fmt: skip
def test_each_bare_no_denies_one_thing_of_a_list(reply: str, present: set[str], denied: set[str]) -> None:
    reading = heard(reply, SYMPTOMS)
    assert symptoms(reading, Assertion.PRESENT) == present
    assert denied <= symptoms(reading, Assertion.DENIED)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        *[(text, True) for text in ("worse, I could not lie flat last night", "couldn't lie flat last night")],
        *[(text, True) for text in ("peor, no pude acostarme plano anoche",)],
        *[(text, True) for text in ("need more pillows to sleep", "otra almohada", "sí, uso otra almohada", "uso una almohada más")],
        *[(text, False) for text in ("slept flat last night",)],
        *[(text, False) for text in ("no more pillows than usual", "no uso otra almohada")],
    ],
)  # fmt: skip
def test_not_lying_flat_answers_a_question_about_breathing(reply: str, told: bool) -> None:
    reading = heard(reply, SYMPTOMS)
    assert ("orthopnea" in symptoms(reading, Assertion.PRESENT)) is told
    assert reading.missing == ""
    assert not reading.has(FindingKind.REQUEST)


@pytest.mark.parametrize(
    ("reply", "crisis"),
    [
        *[(text, False) for text in ("we cannot go on with this call", "I can't go on with this chat")],
        *[(text, False) for text in ("I can't keep going with these questions",)],
        *[(text, False) for text in ("I can't go on with this survey", "no puedo seguir con esta llamada")],
        *[(text, False) for text in ("no puedo seguir con la encuesta",)],
        *[(text, True) for text in ("I can't go on", "I can't go on like this")],
        *[(text, True) for text in ("can't go on with this pain", "I can't go on with my life like this")],
        ("I can't go on with this call, I want to die", True),
    ],
)  # fmt: skip
def test_not_going_on_with_a_call_is_no_wish_to_die(reply: str, crisis: bool) -> None:
    assert heard(reply, None).has(FindingKind.CRISIS, "self_harm") is crisis


@pytest.mark.parametrize(
    ("reply", "ends"),
    [
        *[(text, False) for text in ("please stop sending these at 6am", "stop texting me so early", "dejen de mandar tan temprano")],
        *[(text, False) for text in ("ya no me manden mensajes en la noche", "stop calling me at work")],
        *[(text, True) for text in ("stop texting me", "please stop sending these", "ya no me manden mensajes", "no more texts please")],
    ],
)
def test_when_messages_come_is_asked_about_and_ends_none(reply: str, ends: bool) -> None:
    assert heard(reply, None).has(FindingKind.OPT_OUT) is ends
    assert ends or urgency(reply, None) == "same_day"


@pytest.mark.parametrize(
    ("reply", "text", "answer"),
    [
        ("too expensive", THINNER, "no"), ("can't afford them", THINNER, "no"), ("insurance won't pay", THINNER, "no"),
        ("the pharmacy was closed", THINNER, "no"), ("muy caras", ANTICOAGULANTE, "no"), ("el seguro no las paga", ANTICOAGULANTE, "no"),
        ("la farmacia estaba cerrada", ANTICOAGULANTE, "no"), ("no me alcanza", ANTICOAGULANTE, "no"),
        ("hardly anything", URINE, "yes"), ("casi nada", ORINA, "yes"), ("no, about the same", URINE, "no"), ("no, normal", ORINA, "no"),
        ("hardly anything", "Any bleeding since yesterday?", "no"), ("casi nada", "¿Sangra?", "no"),
        ("not very", SAFE, "unsure"), ("sometimes", SAFE, "unsure"), ("no mucho", SALVO, "unsure"), ("más o menos", SALVO, "unsure"),
        ("yes I'm with my sister", SAFE, "yes"), ("no", SAFE, "no"), ("sí", SALVO, "yes"),
        ("left an hour early, cramps", SESSION, "no"), ("missed it, no ride", SESSION, "no"), ("yes, left at noon", SESSION, "yes"),
        ("me salí una hora antes por calambres", SESION, "no"), ("sí fui", SESION, "yes"),
        ("a bit cloudy", CLEAR, "no"), ("mostly but then pink", CLEAR, "no"), ("yes", CLEAR, "yes"), ("un poco turbia", CLARO, "no"),
        ("sí, clarita", CLARO, "yes"), ("a bit", "Any pain today?", "yes"), ("my wife gave me juice", HELPED, "yes"),
        ("no, my wife was asleep", HELPED, "no"), ("mi hija me dio jugo", AYUDA, "yes"), ("no, yo me tomé un jugo", AYUDA, "no"),
        ("twice", WOKEN, "yes"), ("no", WOKEN, "no"), ("dos veces", DESPERTADO, "yes"), ("ni una vez", DESPERTADO, "no"),
        ("wet myself twice", BLADDER, "yes"), ("no accidents, legs fine", BLADDER, "no"), ("se me salió dos veces", VEJIGA, "yes"),
        ("twice", "Do you feel the buzz?", ""),
    ],
)  # fmt: skip
def test_a_yes_no_answer_is_read_by_what_was_asked(reply: str, text: str, answer: str) -> None:
    assert name(heard(reply, YES_NO, text), FindingKind.ANSWER) == answer


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("too expensive", "cost"), ("can't afford them", "cost"), ("insurance won't pay", "cost"), ("the pharmacy was closed", "pharmacy"),
        ("muy caras", "cost"), ("no me alcanza para comprarlas", "cost"), ("la farmacia estaba cerrada", "pharmacy"),
    ],
)  # fmt: skip
def test_why_there_is_no_medicine_says_that_none_was_taken(reply: str, reason: str) -> None:
    reading = heard(reply, DOSE)
    assert name(reading, FindingKind.MEDICATION) == "missed"
    assert name(reading, FindingKind.MISSED_REASON) == reason


@pytest.mark.parametrize(
    ("reply", "text", "found"),
    [
        ("it popped open this morning", WOUND, "wound_opening"), ("part of it came open", WOUND, "wound_opening"),
        ("yellow stuff coming out and it stinks", WOUND, "wound_drainage"), ("se me abrió un puntito", HERIDA, "wound_opening"),
        ("huele feo", HERIDA, "wound_drainage"), ("looks good, dry", WOUND, ""), ("se ve bien seca", HERIDA, ""),
        ("it popped open this morning", "Any swelling today?", ""),
        ("my foot's gone cold and white", "Any pain in a leg?", "skin_color_change"),
        ("no headache, bleeding is almost nothing", BIRTH, ""),
        ("it keeps bleeding, held it 30 minutes", "Is your access bleeding?", "bleeding"),
    ],
)  # fmt: skip
def test_what_a_question_names_need_not_be_named_again(reply: str, text: str, found: str) -> None:
    present = symptoms(heard(reply, SYMPTOMS, text), Assertion.PRESENT)
    assert found in present if found else not present & {"wound_opening", "wound_drainage", "skin_color_change", "bleeding"}


@pytest.mark.parametrize("reply", ["no la he visto, está tapada", "no me la he revisado", "todavía no la veo"])
def test_not_having_looked_is_no_no(reply: str) -> None:
    assert heard(reply, SYMPTOMS, HERIDA).has(FindingKind.ANSWER, "unsure")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        *[(text, "emergency") for text in ("my arm's been tingly and heavy since breakfast", "left side of my face feels like novocaine")],
        *[(text, "emergency") for text in ("se me durmió el brazo y lo siento pesado", "vomité como asientos de café")],
        *[(text, "urgent") for text in ("peed maybe once since yesterday", "solo oriné una vez desde ayer")],
        *[(text, "same_day") for text in ("my arms are sore and heavy from lifting", "my feet are tingly", "yo bien mal")],
        *[(text, "none") for text in ("mi esposo tuvo un infarto hace años, yo bien",)],
    ],
)
def test_danger_told_in_passing(reply: str, expected: str) -> None:
    assert urgency(reply, SYMPTOMS) == expected
