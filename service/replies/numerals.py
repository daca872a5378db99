"""Numbers in a reply: digits, words, the way people say readings aloud ("one eighty three point six"), in two languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.reading import Channel
from service.replies.lexicon import Lexicon
from service.replies.normalise import Line

HOMOPHONES = {"too": 2.0, "to": 2.0, "for": 4.0, "won": 1.0, "ate": 8.0, "tree": 3.0, "sex": 6.0, "tin": 10.0}
POINT = frozenset({"point", "punto", "coma", "dot"})
JOIN = frozenset({"and", "y", "a"})
LARGEST = 10_000.0


@dataclass(frozen=True, slots=True)
class Number:
    """A number at the words first..last-1. `decimal` tells 37.0 from 37."""

    value: float
    first: int
    last: int
    decimal: bool = False
    spoken: bool = False


def numbers(lexicon: Lexicon, line: Line, language: str, channel: Channel, *, asked: bool) -> list[Number]:
    """All numbers, in the order of the text. `asked`: the question asks for a number, so homophones may count."""
    words = [token.text for token in line.tokens]
    values = {word: value for of in lexicon.numbers.values() for word, value in of.items() if word not in lexicon.known}
    values |= lexicon.numbers.get(language, {})
    homophones = asked and channel is Channel.VOICE
    found: list[Number] = []
    place = 0
    while place < len(words):
        if words[place][0].isdigit():
            number = _digits(words, place, channel)
        else:
            number = _spoken(words, place, values, homophones)
        if number is None:
            place += 1
            continue
        found.append(number)
        place = number.last
    return found


def _digits(words: Sequence[str], place: int, channel: Channel) -> Number | None:
    try:
        value = float(words[place])
    except ValueError:
        return None
    last = place + 1
    decimal = "." in words[place]
    if not decimal and _at(words, last) in POINT and _at(words, last + 1).isdigit():
        value += float("0." + words[last + 1])
        return Number(value, place, last + 2, True)
    if channel is Channel.VOICE and 1 <= value <= 9 and not decimal and len(_at(words, last)) == 2 and _at(words, last).isdigit():
        value, last = value * 100 + float(words[last]), last + 1
    if (half := _half(words, last)) and not decimal:
        return Number(value + 0.5, place, half, True)
    if value > LARGEST:
        return None
    return Number(value, place, last, decimal)


def _at(words: Sequence[str], place: int) -> str:
    return words[place] if 0 <= place < len(words) else ""


def _half(words: Sequence[str], place: int) -> int:
    """The place after "and a half" / "y media" (units such as libras may stand between), 0 when it is not there."""
    if _at(words, place) in ("pounds", "lbs", "libras", "kilos"):
        after = _half(words, place + 1)
        return after
    if _at(words, place) == "and" and _at(words, place + 1) == "a" and _at(words, place + 2) == "half":
        return place + 3
    if _at(words, place) == "y" and _at(words, place + 1) in ("media", "medio"):
        return place + 2
    return 0


def _spoken(words: Sequence[str], place: int, values: dict[str, float], homophones: bool) -> Number | None:
    """A run of number words as one number; None when no number word stands here."""
    start = place
    if _at(words, place) == "a" and _at(words, place + 1) in ("hundred", "hunderd"):
        place += 1
    run: list[float] = []
    decimals = ""
    in_decimals = False
    last = place
    while place < len(words):
        word = words[place]
        value = values.get(word)
        if value is None and homophones and word in HOMOPHONES and _homophone_fits(words, place, values, run, in_decimals):
            value = HOMOPHONES[word]
        if in_decimals:
            if value is None or value > 9:
                break
            decimals += str(int(value))
        elif word in POINT and run and (_at(words, place + 1) in values or (homophones and _at(words, place + 1) in HOMOPHONES)):
            in_decimals = True
        elif value is not None:
            run.append(value)
        elif not (word in JOIN and run and _joins(words, place, values, run)):
            break
        place += 1
        last = place
    if not run or (len(run) == 1 and run[0] == 100 and start == last):
        return None
    value = _value(run)
    if value is None:
        return None
    if decimals:
        value += float("0." + decimals)
    if not decimals and (half := _half(words, last)):
        value, last, decimals = value + 0.5, half, "5"
    return Number(value, start, last, bool(decimals), True) if value <= LARGEST else None


def _joins(words: Sequence[str], place: int, values: dict[str, float], run: list[float]) -> bool:
    """ "hundred and three", "ochenta y tres": the join word stands inside one number."""
    following = values.get(_at(words, place + 1))
    if following is None or words[place] == "a":
        return False
    if words[place] == "and":
        return run[-1] == 100 and following < 100
    return run[-1] >= 20 and run[-1] % 10 == 0 and following < 10


def _homophone_fits(words: Sequence[str], place: int, values: dict[str, float], run: list[float], in_decimals: bool) -> bool:
    """Sound-alikes count inside or beside a spoken number only, or as the last word after "about a" / "say"."""
    if in_decimals:
        return True
    word, following = words[place], values.get(_at(words, place + 1))
    if run:
        return (
            run[-1] >= 20
            and word in ("too", "to", "won", "ate", "for", "tree")
            and following is None
            and not (word in ("to", "for") and _at(words, place + 1) not in ("", "over", "point", ".", ",", "sobre"))
        )
    if following is not None and following >= 10 and word != "for":
        return True
    return place == len(words) - 1 and word in ("too", "won", "ate", "tree") and len(words) <= 4


def _value(run: list[float]) -> float | None:
    """The value of number words in a row, None when they are not one number."""
    total = 0.0
    pending: list[float] = []
    for value in run:
        if value == 100 and pending and pending[-1] < 10:
            pending[-1] *= 100
        elif value == 1000 and pending:
            total += sum(pending) * 1000
            pending = []
        else:
            pending.append(value)
    groups: list[float] = []
    for value in pending:
        previous = groups[-1] if groups else None
        fits_hundred = previous is not None and previous >= 100 and previous % 100 == 0 and value < 100
        fits_ten = previous is not None and previous % 100 >= 20 and previous % 10 == 0 and 0 < value < 10
        if previous is not None and (fits_hundred or fits_ten):
            groups[-1] = previous + value
        else:
            groups.append(value)
    if total:
        return total + groups[0] if len(groups) == 1 else total if not groups else None
    if len(groups) == 1:
        return groups[0]
    if all(value < 10 for value in groups) and len(groups) <= 4:
        return float("".join(str(int(value)) for value in groups))
    if len(groups) == 2 and 1 <= groups[0] < 10 and 10 <= groups[1] < 100:
        return groups[0] * 100 + groups[1]
    if len(groups) == 3 and 1 <= groups[0] < 10 and groups[1] == 0 and groups[2] < 10:
        return groups[0] * 100 + groups[2]
    return None
