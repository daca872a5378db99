"""A new organization with the numbers that its texts come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from service.actions.refusal import Refused
from service.db import audit, clinic
from service.db.changes import Changes
from service.db.database import Database
from service.domain.schedule import QUIET_FROM, QUIET_UNTIL, to_utc


@dataclass(frozen=True, slots=True)
class NewOrganization:
    """A clinic: zone, numbers (E.164), quiet hours (equal times mean never), emergency numbers as patients dial them."""

    name: str
    zone: str
    clinic_phone: str
    after_hours_number: str = ""
    quiet_start: time = QUIET_FROM
    quiet_end: time = QUIET_UNTIL
    emergency_number: str = "911"
    crisis_line: str = "988"
    is_demo: bool = False


async def add_organization(database: Database, organization: NewOrganization, *, provider: str, sender: str, now: datetime) -> UUID:
    """The id of the new organization. `sender` is a number or a provider's sender pool, "" when there is none yet.

    Raises Refused for a name or a sender that is taken, and for an unknown zone.
    """
    if not organization.name.strip() or len(organization.name) > 200:
        raise Refused("The name has 1 to 200 letters.")
    try:
        to_utc(date(2026, 1, 1), time(12), organization.zone)
    except ValueError:
        raise Refused("The zone is not known: write one such as America/New_York.") from None
    async with database.transaction() as connection:
        if organization.name in {known.name for known in await clinic.list_organizations(connection)}:
            raise Refused("There is an organization of this name already.")
        if sender and await clinic.sender_taken(connection, provider, sender):
            raise Refused("Another organization sends from this number already: each needs its own.")
        changes = Changes(now)
        id = clinic.add_organization(
            changes,
            name=organization.name,
            zone=organization.zone,
            clinic_phone=organization.clinic_phone,
            after_hours_number=organization.after_hours_number,
            quiet_start=organization.quiet_start,
            quiet_end=organization.quiet_end,
            emergency_number=organization.emergency_number,
            crisis_line=organization.crisis_line,
            is_demo=organization.is_demo,
        )
        if sender:
            clinic.add_sender(changes, id, provider=provider, sender=sender)
        audit.record(changes, id, "organization_added", object_kind="organization", object_id=id)
        await changes.write(connection)
    return id
