"""What the invented patients write: mostly what a daily check-in asks for, now and then what a nurse must see. English and Spanish."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

Weighted = Sequence[tuple[int, str]]

BREATHING: Weighted = (
    (60, "no"),
    (12, "No, same as yesterday"),
    (6, "nope feeling good today"),
    (4, "no swelling, breathing fine"),
    (3, "my ankles are a little puffy"),
    (2, "yes, harder to breathe when I climb the stairs"),
    (1, "I woke up gasping and had to sit up"),
    (8, "No, igual que ayer"),
    (3, "un poco hinchados los pies"),
)
PILL: Weighted = (
    (55, "yes"),
    (15, "Yes I took it with breakfast"),
    (8, "took it"),
    (6, "not yet"),
    (4, "no I forgot"),
    (3, "ran out, pharmacy is closed until monday"),
    (1, "I stopped taking it, makes me go all night"),
    (6, "Sí, ya la tomé"),
    (2, "No, se me olvidó"),
)
ANYTHING: Weighted = (
    (25, "thanks"),
    (15, "ok"),
    (10, "Thank you nurse, have a nice day"),
    (8, "When is my next appointment?"),
    (6, "could somebody call me about my refill"),
    (4, "is it ok to eat soup"),
    (4, "182 this morning"),
    (4, "bp 134/82"),
    (3, "feeling dizzy when I get up"),
    (2, "I have chest pain"),
    (2, "I skipped my water pill and my ankles are huge"),
    (1, "can't breathe lying down, slept in the chair"),
    (1, 'Liked "Thank you. That is all for today."'),
    (1, "STOP"),
    (4, "gracias"),
    (2, "me duele la cabeza desde ayer"),
)


def choose(dice: random.Random, words: Weighted) -> str:
    """One of them, by weight."""
    return dice.choices([text for _, text in words], [weight for weight, _ in words])[0]


def conversation(dice: random.Random, weight_lb: int) -> Iterator[str]:
    """What one patient writes, text by text: the answers to the heart failure check-in, then whatever comes to mind."""
    weight = weight_lb + dice.choice((-2, -1, -1, 0, 0, 0, 0, 0, 1, 1, 2, 4))
    yield dice.choices((f"{weight}", f"{weight} lbs", f"I weigh {weight} today", choose(dice, ANYTHING)), (60, 20, 12, 8))[0]
    yield choose(dice, BREATHING)
    yield choose(dice, PILL)
    while True:
        yield choose(dice, ANYTHING)
