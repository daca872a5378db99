"""How texts, times and amounts are written in a flow file, and what they become."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_DURATION = re.compile(r"(\d{1,4}) (min|h|d)")
_MINUTES = {"min": 1, "h": 60, "d": 1440}
_DAYS = re.compile(r"(\d{1,4}) d")
_AMOUNT = re.compile(r"(\d{1,4}(?:\.\d{1,2})?) (lb|kg|mg/dL|mmHg|%|degF|/min|L/min)")


def _minutes(value: Any) -> Any:
    """ "3 h" -> 180; whole minutes stay as they are (a stored flow)."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if match is None:
            raise ValueError('write a time such as "30 min", "4 h" or "2 d"')
        return int(match[1]) * _MINUTES[match[2]]
    return value


def _days(value: Any) -> Any:
    if isinstance(value, str):
        match = _DAYS.fullmatch(value)
        if match is None:
            raise ValueError('write a number of days such as "14 d"')
        return int(match[1])
    return value


def _text(value: Any) -> Any:
    return {"plain": value} if isinstance(value, str) else value


def _amount(value: Any) -> Any:
    if isinstance(value, str):
        match = _AMOUNT.fullmatch(value)
        if match is None:
            raise ValueError('write a number and its unit, such as "10 lb"')
        return {"value": float(match[1]), "unit": match[2]}
    return value


class Model(BaseModel):
    """Frozen, and strict about names: a word that means nothing is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, use_attribute_docstrings=True)


class Text(Model):
    """A text in one language, in one form or two."""

    plain: str = Field(min_length=1)
    """For everybody: no diagnosis, no drug."""
    detail: str = ""
    """Used instead once the patient has agreed to drug and disease names."""

    def pick(self, detail_consent: bool) -> str:
        """The text this patient may get."""
        return self.detail if detail_consent and self.detail else self.plain


class Amount(Model):
    """A number with its unit, such as 10 lb."""

    value: float = Field(gt=0)
    unit: str


_Time = Annotated[str, Field(pattern=rf"^{_DURATION.pattern}$", examples=["30 min", "4 h", "2 d"])]
_DayCount = Annotated[str, Field(pattern=rf"^{_DAYS.pattern}$", examples=["14 d"])]
_NumberAndUnit = Annotated[str, Field(pattern=rf"^{_AMOUNT.pattern}$", examples=["10 lb"])]

Localized = dict[str, Annotated[Text, BeforeValidator(_text, json_schema_input_type=str | Text)]]
"""A text by language: en: and es:."""
Minutes = Annotated[int, Field(ge=1, le=30 * 1440), BeforeValidator(_minutes, json_schema_input_type=_Time)]
"""A time such as 30 min, 4 h or 2 d; kept as minutes."""
Days = Annotated[int, Field(ge=1, le=1100), BeforeValidator(_days, json_schema_input_type=_DayCount)]
"""A number of days such as 14 d."""
WrittenAmount = Annotated[Amount, BeforeValidator(_amount, json_schema_input_type=_NumberAndUnit)]
