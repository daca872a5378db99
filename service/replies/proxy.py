"""Of whom a relative or carer speaks who writes from their own number: of the patient, unless they say "I" and nobody else."""

from __future__ import annotations

from service.replies.lexicon import Lexicon
from service.replies.normalise import normalise

_FIRST_PERSON = frozenset(
    "i im ive id ill me my mine myself yo me mi mis estoy ando soy tengo siento tome tuve fui peso vomite cai desmaye".split()
)
_OF_ANOTHER = frozenset(
    (
        "she shes he hes her hers him his herself himself they theyre them mom moms mum mama mommy mother mothers dad dads daddy papa"
        " father fathers wife husband grandma grandpa grandmother grandfather granny aunt uncle brother sister patient client resident"
        " ella madre padre esposa esposo marido mujer abuela abuelo abuelita abuelito suegra suegro tia tio hermana hermano paciente le"
    ).split()
)


def speaks_of_themself(lexicon: Lexicon, text: str, first_name: str) -> bool:
    """True for "I have chest pain": a first person and no word for anybody else. Then nobody knows whom it is about."""
    words = {token.text for token in normalise(lexicon, text).tokens}
    named = {token.text for token in normalise(lexicon, first_name).tokens}
    return bool(words & _FIRST_PERSON) and not words & (_OF_ANOTHER | named)
