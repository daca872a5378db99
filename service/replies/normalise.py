"""A reply as words: small letters, no accents, straight signs, common slips put right; each word knows its place in the original."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.reading import Span
from service.replies.lexicon import Lexicon

MOST_TOKENS = 700
MOST_WORDS_A_BREATH = 2
"""On average at most so many words between dots: the sender is out of breath."""
_ELLIPSIS = re.compile(r"\.{2,}")
_TOKEN = re.compile(r"\d+o[\do]*(?:[.,][\do]+)?(?![a-z])|\d+[.,]\d*o[\do]*(?![a-z])|\d+(?:[.,]\d+)?|[a-z]+(?:'[a-z]+)*|\n+|[^\sa-z0-9']")
_LONG_RUN = re.compile(r"([a-z])\1{2,}")
_FOLDED = {
    "’": "'",
    "‘": "'",
    "`": "'",
    "´": "'",
    "“": '"',
    "”": '"',
    "–": "-",
    "—": "-",
    "…": "..",
    "ı": "i",
    "½": ".5",
    "¼": ".25",
    "¾": ".75",
    "đ": "d",
    "Đ": "d",
    "ł": "l",
    "Ł": "l",
}
_DROPPED = frozenset('\u00ad\u200b\u200c\u200d\u200e\u200f\ufe0e\ufe0f\u2060\ufeff¿¡"*_~')
_LETTER_FOR_DIGIT = re.compile(r"(?<![a-z])[il](?=[\do]{2}(?:\D|$))|(?<=\d)[il](?=\d)")


@dataclass(frozen=True, slots=True)
class Token:
    """One normalised word or sign, and where it stands in the reply as written."""

    text: str
    start: int
    end: int
    capital: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The words of a reply, each followed by one blank in `text`; `starts` are the words' places in `text`."""

    tokens: tuple[Token, ...]
    text: str
    starts: tuple[int, ...]
    cut: bool

    def span(self, first: int, last: int) -> Span:
        """The place in the original of the words first..last-1."""
        if not self.tokens or last <= first:
            return (0, 0)
        return (self.tokens[first].start, self.tokens[last - 1].end)


def normalise(lexicon: Lexicon, text: str) -> Line:
    """The words of `text` (already cut to its bound); at most MOST_TOKENS of them, `cut` says when there were more."""
    characters, starts, ends = _fold(text)
    folded = "".join(characters)
    folded = _gasped(folded)
    folded = _LETTER_FOR_DIGIT.sub("1", folded) if any(sign.isdigit() for sign in folded) else folded
    tokens: list[Token] = []
    cut = False
    for match in _TOKEN.finditer(folded):
        if len(tokens) >= MOST_TOKENS:
            cut = True
            break
        if match.group() == "-" and folded[match.start() - 1 : match.start()].isalpha() and folded[match.end() : match.end() + 1].isalpha():
            continue
        start, end = starts[match.start()], ends[match.end() - 1]
        tokens.extend(_words(lexicon, match.group(), start, end, text[start : start + 1].isupper()))
    tokens = _sounds(lexicon, tokens)
    places, at = [], 0
    for token in tokens:
        places.append(at)
        at += len(token.text) + 1
    return Line(tuple(tokens), "".join(token.text + " " for token in tokens), tuple(places), cut)


def _gasped(folded: str) -> str:
    """ "cant..... walk.. to.... the door": dots between single words are breath, no full stops; each becomes a blank."""
    pieces = [piece for piece in _ELLIPSIS.split(folded) if piece.strip()]
    if len(pieces) < 3 or sum(len(piece.split()) for piece in pieces) > MOST_WORDS_A_BREATH * len(pieces):
        return folded
    return _ELLIPSIS.sub(lambda dots: " " * len(dots.group()), folded)


def _fold(text: str) -> tuple[Sequence[str], Sequence[int], Sequence[int]]:
    """The signs of `text` in small letters without accents, with where each begins and ends in it."""
    if text.isascii() and _DROPPED.isdisjoint(text) and "`" not in text:
        return text.lower(), range(len(text)), range(1, len(text) + 1)
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for place, original in enumerate(text):
        if original in _DROPPED:
            continue
        for sign in _FOLDED.get(original) or unicodedata.normalize("NFKD", original).casefold():
            if unicodedata.combining(sign) or "\U0001f3fb" <= sign <= "\U0001f3ff":
                continue
            if unicodedata.category(sign) == "Nd":
                sign = str(unicodedata.digit(sign))
            characters.append(sign)
            starts.append(place)
            ends.append(place + 1)
    return characters, starts, ends


def _words(lexicon: Lexicon, raw: str, start: int, end: int, capital: bool) -> list[Token]:
    if raw[0].isdigit():
        number = raw.replace("o", "0").replace(",", ".")
        if re.fullmatch(r"\d{1,3}\.\d{3}", number) and "," in raw:
            number = number.replace(".", "")
        return [Token(number, start, end)]
    if raw[0] == "\n":
        return [Token(".", start, end)]
    if not raw[0].isalpha() or raw[0] > "z":
        return [Token(raw, start, end)]
    if raw.endswith("'ll"):
        return [Token(raw[:-3].replace("'", ""), start, end, capital), Token("will", start, end)]
    word = raw.replace("'", "")
    word = _known_form(lexicon, word)
    if word in lexicon.spelling:
        return [Token(part, start, end, capital) for part in lexicon.spelling[word]]
    if len(word) >= 5 and word.endswith("in") and word + "g" in lexicon.vocabulary:
        word += "g"
    if word not in lexicon.vocabulary:
        word = _corrected(lexicon, word)
        if word not in lexicon.vocabulary and len(word) >= 7 and (parts := _run_together(lexicon, word)):
            return [Token(part, start, end, capital) for part in parts]
    return [Token(word, start, end, capital)]


def _known_form(lexicon: Lexicon, word: str) -> str:
    """ "sooo" -> "so", "baaad" -> "bad", "hoooola" -> "hola": the known form of a stretched word."""
    if word in lexicon.vocabulary or word in lexicon.spelling or not _LONG_RUN.search(word):
        return word
    for repeat in (r"\1", r"\1\1"):
        form = _LONG_RUN.sub(repeat, word)
        if form in lexicon.vocabulary or form in lexicon.spelling:
            return form
    return _LONG_RUN.sub(r"\1", word)


def _corrected(lexicon: Lexicon, word: str) -> str:
    """The one clinical word that is a single slip away (a letter dropped, added, changed, or two swapped), else the word."""
    if not 5 <= len(word) <= 20:
        return word
    if word in lexicon.corrections:
        return lexicon.corrections[word]
    found: set[str] = set()
    for place in range(len(word)):
        form = word[:place] + word[place + 1 :]
        if form in lexicon.phrase_words and len(form) >= 6:
            found.add(form)
        elif form in lexicon.corrections and _close(word, lexicon.corrections[form]):
            found.add(lexicon.corrections[form])
    return found.pop() if len(found) == 1 else word


def _close(word: str, other: str) -> bool:
    """True when the words have one length and the same first letter, and differ by one letter or one swap."""
    if len(word) != len(other) or word[0] != other[0]:
        return False
    apart = [place for place in range(len(word)) if word[place] != other[place]]
    if len(apart) == 1:
        return True
    if len(apart) != 2 or apart[1] != apart[0] + 1:
        return False
    first, second = apart
    return word[first] == other[second] and word[second] == other[first]


def _run_together(lexicon: Lexicon, word: str) -> tuple[str, str] | None:
    """ "chestpain" -> ("chest", "pain") when both parts are words of phrases and neither is short."""
    for place in range(4, len(word) - 2):
        left, right = word[:place], word[place:]
        if any(left in words for words in lexicon.numbers.values()):
            continue
        if left in lexicon.vocabulary and right in lexicon.vocabulary and len(right) >= 3:
            return left, right
    return None


def _sounds(lexicon: Lexicon, tokens: list[Token]) -> list[Token]:
    """Words put right that only sound like the ones meant, where a clinical word stands within two words of them."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        for sound in lexicon.sounds.get(tokens[place].text, ()):
            after = place + len(sound.heard)
            if tuple(token.text for token in tokens[place:after]) != sound.heard:
                continue
            around = tokens[max(0, place - 2) : place] + tokens[after : after + 2]
            if sound.beside and not any(token.text in sound.beside for token in around):
                continue
            start, end = tokens[place].start, tokens[after - 1].end
            if len(sound.means) == len(sound.heard):
                found.extend(Token(word, token.start, token.end) for word, token in zip(sound.means, tokens[place:after], strict=True))
            else:
                found.extend(Token(word, start, end) for word in sound.means)
            place = after
            break
        else:
            found.append(tokens[place])
            place += 1
    return found
