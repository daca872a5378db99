"""Reading JSON of Telnyx with care: what is not of its shape is as good as missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from service.telephony.port import LONGEST_ID

_ID = re.compile(rf"[0-9A-Za-z:_.-]{{1,{LONGEST_ID}}}", re.ASCII)
_ADDRESS = re.compile(
    r"\+[0-9]{5,15}|[0-9]{3,8}|[0-9A-Za-z &_+-]{1,11}|[a-z]{2,12}:\+?[0-9]{5,20}|[0-9A-Za-z][0-9A-Za-z._%+-]{0,63}@[0-9A-Za-z.-]{1,190}",
    re.ASCII,
)
"""E.164, a short code, a name of at most 11 characters; another channel's address (`whatsapp:+1...`), a gateway's e-mail address."""


def text(value: Any) -> str:
    """A string, "" for anything else."""
    return value if isinstance(value, str) else ""


def table(value: Any) -> dict[str, Any]:
    """A JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """A JSON array, an empty one for anything else."""
    return value if isinstance(value, list) else []


def first(value: Any) -> dict[str, Any]:
    """The first object of an array, an empty one when there is none."""
    return table(items(value)[0]) if items(value) else {}


def an_id(value: Any) -> str:
    """One of Telnyx's ids (a UUID, or v3:...), "" for what cannot be one."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def address(value: Any) -> str:
    """A number or a sender's name, "" for what cannot be one."""
    return value if isinstance(value, str) and _ADDRESS.fullmatch(value) else ""


def instant(value: Any) -> datetime | None:
    """An aware UTC instant from ISO 8601 or RFC 2822, None for anything else; one without a zone is UTC."""
    given = text(value)
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(given)
        except (ValueError, TypeError):
            continue
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return None
