"""What the pages of a record are given by the composition root: the words that rules know, and how a patient is enrolled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from aiohttp import web

from service.actions.enroll_patient import Enrolled, Place
from service.db.database import Database
from service.domain.contact_law import ContactLaw
from service.domain.staff import Staff
from service.evaluation.flows.terms import Terms

Enroll = Callable[[Database, ContactLaw, Staff, UUID, Place, datetime], Awaitable[Enrolled]]
"""`enroll_own_patient` with its wording and its opening texts."""

TERMS = web.AppKey("TERMS", Terms)
ENROLL: web.AppKey[Enroll] = web.AppKey("ENROLL")
OTHER_KIND = "other"
"""A medicine that no rule looks at."""
