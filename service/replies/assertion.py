"""Whether a symptom in a reply is the patient's, now: negated, ended, past, hypothetical or somebody else's, clause by clause.

The cues and the words that end their reach are lexicon data (entries of kind `cue`). In doubt a danger sign stays present.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.reading import Assertion
from service.replies.normalise import Line
from service.replies.scan import Match

HARD_STOPS = frozenset(".;!?")
REACH_BEFORE = 14
"""Words that a cue reaches forward at most."""
REACH_TO_A_CRISIS = 2
"""The same before a danger without a symptom name, which never stands in a list."""
LONGEST_IN_LIST = 4
"""A danger sign of more words is no item of a list ("no fever, cough or chest pain")."""
NEW_SUBJECTS = frozenset("i im ive id its theres hes shes he she just been my".split())
FAR_IN_LIST = 2
"""After a Spanish "no ... y" the next item follows at once; more words are a new statement ("no quiero mensajes y la herida huele mal")."""
PARTICIPLES = ("ado", "ido", "cho", "sto", "rto")
"""Before these a Spanish "he" is a verb and no person ("nunca me he desmayado")."""
IS = frozenset("its es son".split())
IS_DENIED = IS | frozenset("is isnt aint was wasnt it era fue".split())
"""Beside a negation these deny that something is so, and a second "is" behind it tells what is."""
STATES = frozenset("i im ive its".split())
WOULD = frozenset("will would might could may should can have want need".split())
"""After "if" only a statement begins anew, not "I would" or "I will"."""
LEADS_ON = frozenset("or that if when did do dont didnt havent never not because".split())
"""Words after which a subject does not begin a new statement ("if my leg swells or I get chest pain")."""
REACH_TO_DANGER = 7
"""Words that a negation reaches forward to a danger sign, unless a list runs on."""
REACH_AFTER = 8
REACH_AFTER_MILD = 13
"""Words after a symptom within which "gone now" still belongs to it; fewer for danger signs."""
PLAIN = frozenset("not_a_cue starter list_word scope_end because self_well introduced now story story_after".split())
"""Cues that no look-alike takes away."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a symptom is asserted; `gone` marks a past one that the patient says is over."""

    assertion: Assertion
    gone: bool = False


class Clauses:
    """The cues of one reply, ready to judge each of its symptoms."""

    def __init__(self, line: Line, matches: Sequence[Match], symptoms: Sequence[Match]) -> None:
        self.words = [token.text for token in line.tokens]
        cues = [match for match in matches if match.kind == "cue"]
        masks = [cue for cue in cues if cue.name == "not_a_cue"]
        self.cues = [
            cue
            for cue in cues
            if cue.name in PLAIN or not any(mask.covers(cue) and (cue.name != "ended" or mask.length > cue.length) for mask in masks)
        ]
        self._by_name: dict[str, list[Match]] = {}
        for cue in self.cues:
            self._by_name.setdefault(cue.name, []).append(cue)
        self.starters = {cue.first for cue in cues if cue.name == "starter" and not (self.words[cue.first] == "he" and _opens(masks, cue))}
        self.list_words = {cue.first for cue in cues if cue.name == "list_word"}
        self.because = {cue.first for cue in cues if cue.name == "because"}
        self.ends = {cue.first for cue in cues if cue.name == "scope_end"}
        self.speaker_well = bool(self._named("self_well")) and not self._named("introduced")
        """ "me, I'm fine": what is told of somebody else is not about the patient."""
        self.symptoms = symptoms
        self.stops = [place for place, word in enumerate(self.words) if word in HARD_STOPS]
        self.hard = sorted({*self.stops, *self.ends})

    def clause(self, match: Match) -> tuple[int, int]:
        """The words (first, last) of the clause that holds the match."""
        return self._between(self.hard, match)

    def sentence(self, match: Match) -> tuple[int, int]:
        """The words of the sentence that holds the match ("but" does not end it)."""
        return self._between(self.stops, match)

    def _between(self, borders: Sequence[int], match: Match) -> tuple[int, int]:
        before, after = bisect_left(borders, match.first), bisect_left(borders, match.last)
        return borders[before - 1] + 1 if before else 0, borders[after] if after < len(borders) else len(self.words)

    def _named(self, name: str) -> list[Match]:
        return self._by_name.get(name, [])

    def _reaches(self, cue: Match, match: Match, *, crosses_starters: bool = False) -> bool:
        """True when a cue before the match, in its clause, still holds where the match begins."""
        if not (cue.last <= match.first and match.first - cue.last <= REACH_BEFORE and self.clause(match)[0] <= cue.first):
            return False
        if match.entry.kind == "crisis" and match.first - cue.last > REACH_TO_A_CRISIS:
            return False
        until = match.last if match.entry.acute else match.first + 1
        if cue.name == "negated" and any(self._corrected(cue, place) for place in range(cue.last + 1, until)):
            return False
        for place in range(cue.last, match.first):
            if match.entry.acute and place > cue.last and self._new_subject(cue, place):
                return False
            if place in self.because and not crosses_starters:
                return False
            if self.words[place] == "y" and place > cue.last and match.first - place > FAR_IN_LIST and cue.name == "negated":
                return False
            if self.words[place] in ",:" and not self._list_goes_on(cue, place, match):
                return False
            if place in self.starters and not crosses_starters:
                before = self.words[place - 1] if place else ""
                if self.words[place] in ONLY and place > cue.last:
                    return False
                bare_no = place == cue.last and cue.length == 1 and self.words[cue.first] == "no"
                if before in ("and", "y", "e", ",", "&") or (bare_no and self.words[place] in SPEAKS_ON):
                    return False
        return True

    def _new_subject(self, cue: Match, place: int) -> bool:
        """ "no swelling I just want to die": a danger sign after a new subject is not reached by an earlier "no" or "if"."""
        word, after = self.words[place], self.words[place + 1] if place + 1 < len(self.words) else ""
        if word not in NEW_SUBJECTS or self.words[place - 1] in LEADS_ON or (word == "he" and after.endswith(PARTICIPLES)):
            return False
        return cue.name != "hypothetical" or (word in STATES and after not in WOULD)

    def _corrected(self, cue: Match, place: int) -> bool:
        """ "it isn't phlegm it's blood", "no es reflujo es sangre": the second "is" says what it is instead."""
        if self.words[place] not in IS or self.words[place - 1] in LEADS_ON:
            return False
        return not IS_DENIED.isdisjoint(self.words[max(cue.first - 1, 0) : cue.last + 1])

    def _list_goes_on(self, cue: Match, comma: int, match: Match) -> bool:
        """After "no" a comma ends the reach, unless a list runs on: "no fever, cough or chills"."""
        if comma == cue.last and cue.length == 1 and cue.name == "negated":
            return False
        if cue.name == "past":
            return True
        if self.words[cue.first] in DENIES and match.length <= LONGEST_IN_LIST and SPEAKS_OF.isdisjoint(self.words[comma : match.first]):
            return True
        if match.entry.acute and match.length > LONGEST_IN_LIST:
            return False
        _, last = self.clause(match)
        for place in range(comma + 1, last):
            if place in self.starters:
                return False
            if place in self.list_words and not (self.words[place] in BARE_NO and self.words[place - 1] == ","):
                return True
        if match.entry.acute or match.first != comma + 1 or match.length > 3 or cue.name != "negated":
            return False
        if cue.length == 1 and self.words[cue.first] in BARE_NO:
            return False
        return SINCE_WHEN.isdisjoint(self.words[match.last : match.last + 1])

    def status(self, match: Match) -> Status:
        """The assertion of one symptom."""
        clause = self.clause(match)
        past = self._past(match, clause)
        ended = self._ended(match)
        if self._negated(match):
            return Status(Assertion.PAST, True) if past and match.entry.acute is False and ended else Status(Assertion.DENIED)
        if any(self._reaches(cue, match) for cue in self._named("hypothetical")):
            return Status(Assertion.HYPOTHETICAL)
        if self._told_story(match):
            return Status(Assertion.HYPOTHETICAL)
        if self._of_another(match):
            return Status(Assertion.OTHER_PERSON)
        if past:
            return Status(Assertion.PAST, ended)
        return Status(Assertion.ENDED) if ended else Status(Assertion.PRESENT)

    def _negated(self, match: Match) -> bool:
        if self.words[match.last : match.last + 1] == ["?"] and not NO.isdisjoint(self.words[match.last + 1 : match.last + 2]):
            return True
        if "," in self.words[match.first : match.last] and not WHEN.isdisjoint(self.words[match.last : match.last + 1]):
            return False  # "sin fiebre, escalofríos por la noche", read by one phrase
        over = self._named("ended")
        negated = [cue for cue in self._named("negated") if not any(cue.overlaps(end) for end in over)]
        if any(self._reaches(cue, match) and not self._stands_alone(cue, match) for cue in negated):
            return True
        if match.entry.acute and not NEGATIONS.isdisjoint(self.words[match.first : match.last]):
            return False  # "no se ha movido nada": the second "no" in Spanish only strengthens the first
        comma = match.last + 1 if self.words[match.last : match.last + 1] in ([","], [":"]) else -1
        return any(
            (cue.first == match.last or (cue.first == comma and not NEVER.isdisjoint(self.words[cue.first : cue.last])))
            and not (cue.first == match.last and cue.length == 1 and self.words[cue.first] in ONLY_STRENGTHENS)
            and (cue.last >= len(self.words) or self.words[cue.last] in ",.;!?")
            for cue in self._named("negated_after")
        )

    def _stands_alone(self, cue: Match, match: Match) -> bool:
        """True when a danger sign stands in a statement of its own behind a negation ("no pude pesarme traigo un dolor en el pecho")."""
        if not match.entry.acute:
            return False
        between, begins = self.words[cue.last : match.first], self.words[match.first]
        if begins in NEGATIONS:
            return True
        if not LISTS_ON.isdisjoint(between) or ("que" in between[:2] and between[:2] != ["es", "que"]):
            return False
        anew = any(word in SPEAKS_ANEW for word in between[1:]) or (begins in SPEAKS_ANEW and len(between) > 1)
        return anew or len(between) > REACH_TO_DANGER

    def past(self, match: Match) -> bool:
        """True when the clause of the match speaks of long ago."""
        return self._past(match, self.clause(match))

    def _past(self, match: Match, clause: tuple[int, int]) -> bool:
        near = [_apart(cue, match) for cue in self._named("past") if clause[0] <= cue.first and cue.last <= clause[1]]
        if not match.entry.acute:
            near += [0 for cue in self._named("past_mild") if cue.overlaps(match)]
        now = [_apart(cue, match) for cue in self._named("now") if clause[0] <= cue.first and cue.last <= clause[1]]
        return bool(near) and not (now and min(now) < min(near))

    def untroubling(self, match: Match, *, denied: bool) -> bool:
        """True when a word that may stand for trouble is told of somebody else, of long ago, of a film or, where `denied` counts, denied.

        Stricter than for symptoms: no word of the patient about himself may stand between the other person and it.
        """
        if self._told_story(match):
            return True
        first, last = self.clause(match)
        if self._past(match, (first, last)) and STILL.isdisjoint(self.words[first:last]):
            return True
        if denied and self._negated(match) and STILL.isdisjoint(self.words[first : match.last]):
            return True
        for cue in self._named("other_person"):
            named = self.words[cue.first] not in PRONOUNS or self.speaker_well
            if named and first <= cue.first <= match.first and FIRST_PERSON.isdisjoint(self.words[cue.last : match.last]):
                return True
        return any(match.last <= cue.first and cue.last <= last for cue in self._named("other_after"))

    def _ended(self, match: Match) -> bool:
        if any(self._reaches(cue, match) and not self._stands_alone(cue, match) for cue in self._named("ended")):
            return True
        later = [other.first for other in self.symptoms if other.first >= match.last]
        reach = REACH_AFTER if match.entry.acute else REACH_AFTER_MILD
        limit = min([self.sentence(match)[1] + 1, match.last + reach, *later[:1]])
        return any(match.last <= cue.first < max(limit, 0) for cue in self._named("ended_after"))

    def _told_story(self, match: Match) -> bool:
        """True for what happened in a film, a book or a dream, as long as the patient does not turn to what is real."""
        first, last = self.clause(match)
        if any(match.last <= cue.first <= match.last + 4 and cue.last <= last for cue in self._named("story_after")):
            return True
        for cue in self._named("story"):
            if not (first <= cue.first and cue.first <= match.first):
                continue
            stops = AWAKE if cue.first < cue.last and self.words[cue.first].startswith(DREAMS) else AWAKE | FIRST_PERSON
            if stops.isdisjoint(self.words[cue.last : match.first]) and (stops is AWAKE or self.words[match.first] not in FIRST_PERSON):
                return True
        return False

    def _of_another(self, match: Match) -> bool:
        first, last = self.clause(match)
        if any(match.last <= cue.first and cue.last <= last for cue in self._named("other_after")):
            return True
        for cue in self._named("other_person"):
            if not (first <= cue.first and cue.first <= match.first and match.first - cue.last <= REACH_BEFORE):
                continue
            between = range(cue.last, match.first)
            if not any(place in self.starters and self.words[place] in FIRST_PERSON for place in between):
                return True
        return False


def _opens(masks: Sequence[Match], cue: Match) -> bool:
    """True when a look-alike begins with the cue: the "he" of "no he vomitado" is a verb and no person."""
    return any(mask.first == cue.first and mask.length > cue.length for mask in masks)


def _apart(cue: Match, match: Match) -> int:
    """How many words lie between them."""
    return max(cue.first - match.last, match.first - cue.last, 0)


FIRST_PERSON = frozenset("i im ive id my mine me myself yo mi mis me tengo estoy ando siento mio mia".split())
PRONOUNS = frozenset("his her hes shes he she their theyre someone somebody people everyone everybody alguien el ella".split())
"""Another person without a name or a kinship: may be the patient, told by a carer."""
STILL = frozenset("still since now ever lately today todavia aun sigue siguen sigo ahora ahorita desde hoy ultimamente".split())
"""What began long ago is not over."""
DENIES = frozenset("deny denies denied denying niega nego".split())
"""A list behind one of these runs on over its commas: "denies dizziness, chest pain, cough"."""
BARE_NO = frozenset("no sin".split())
"""Each denies one thing: "no fever, no chills, cough" and "no fever, cough, no chills" tell a cough, "no fever, cough or chills" none."""
SINCE_WHEN = frozenset("at in when whenever while during since last overnight por en cuando al durante desde anoche".split())
"""Behind the second of two symptoms these say when it comes, so that it is there: "no fever, chills at night"."""
WHEN = SINCE_WHEN - {"in", "en", "since", "desde"}
SPEAKS_OF = frozenset("has had having have got reports says complains feels refiere dice tiene but pero and y".split())
"""Words with which a list of what is denied has ended."""
DREAMS = ("dream", "nightmare", "son", "pesadilla")
AWAKE = frozenset("woke awoke waking woken really actually desperte desperto despertar verdad and y but pero".split())
ONLY = frozenset("just only solo solamente nomas".split())
"""After a negation these tell what there is instead: "not really, just chest pressure"."""
LISTS_ON = frozenset("o u or".split())
NO = frozenset("no nope nah none never not nada".split())
"""After a symptom and a question mark these answer it: "winded? no"."""
NEVER = frozenset("never none nunca jamas ningun ninguno ninguna cero".split())
"""Behind a comma these still deny what stands before it ("hurting myself, never")."""
ONLY_STRENGTHENS = frozenset("nunca jamas".split())
"""In Spanish these at once behind a statement do not deny it ("nada va a mejorar nunca")."""
NEGATIONS = frozenset("no ni sin ya tampoco nunca".split())
"""A danger sign that begins with one of these says itself what is missing ("no no puedo respirar")."""
SPEAKS_ANEW = frozenset("ahora ahorita tengo estoy esta estan ando siento traigo amaneci me se le yo mire".split())
"""In Spanish these begin a statement of their own, unless they stand right behind the negation."""
SPEAKS_ON = frozenset("i im ive my it its he she we yo mi just only solo nomas".split())
"""After "no" these begin a new statement: "no I have chest pain"."""
