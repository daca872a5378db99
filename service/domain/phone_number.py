"""Telephone numbers as people write them, and the one form (E.164) in which they are stored."""

from __future__ import annotations

import phonenumbers

HOME = "US"
"""Numbers without a country code are of this country."""
LONGEST = 40


def parse_phone_number(text: str) -> str:
    """The number in E.164 ("+12025550101") from "(202) 555-0101", "202 555 0101" or an international form.

    ValueError, which never repeats the number, when it cannot be a telephone number.
    """
    try:
        if len(text) > LONGEST:
            raise ValueError
        number = phonenumbers.parse(text, HOME)
    except (phonenumbers.NumberParseException, ValueError):
        raise ValueError("is no telephone number: write it as +12025550101") from None
    if number.extension or not phonenumbers.is_valid_number(number):
        raise ValueError("is not in use as a telephone number: write it whole, without extension, as +12025550101")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_telephone_number(text: str) -> bool:
    """Whether a text can be sent there: an E.164 number in use. False for short codes, names, and withheld numbers that a provider
    spells as digits (+266696687 for "anonymous")."""
    try:
        return text.startswith("+") and parse_phone_number(text) == text
    except ValueError:
        return False


def written_phone_number(number: str) -> str:
    """An E.164 number as people write it, "(202) 555-0101" or international; what is no number comes back as it is."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    at_home = parsed.country_code == phonenumbers.country_code_for_region(HOME)
    kind = phonenumbers.PhoneNumberFormat.NATIONAL if at_home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, kind)


def masked_phone_number(number: str) -> str:
    """The end of a number, "ends in 0101": enough to know it again, too little to call it."""
    return f"ends in {number[-4:]}" if len(number) > 4 else "no number"
