"""Finds calls to our numbers that no webhook told of: somebody called and heard at most the fallback, and nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.recovered_in_part import tell_incomplete
from service.db import health, inbound
from service.db.changes import Changes
from service.db.database import Database
from service.db.problems import Problem, report
from service.db.schema import new_id
from service.domain.urgency import Urgency
from service.telephony.port import NotOffered, PermanentFailure, ProviderError, RemoteCall, Telephone

_log = structlog.get_logger(__name__)

JOB = "recover_calls"
RULE = "somebody_called"
OVERLAP = timedelta(minutes=10)
LONGEST = timedelta(days=2)
A_LITTLE = timedelta(minutes=2)
"""A call so young may be at its webhook right now."""
MOST = 200
"""Calls read of one number in a round; more of them in so short a time is a storm, and loud."""
_PATIENT = "A patient has called while the service could not answer: call them back."
_SOMEBODY = "Somebody has called while the service could not answer, from a number that is no patient's."


async def recover_calls(database: Database, telephones: Mapping[str, Telephone], now: datetime, own_phones: Collection[str] = ()) -> int:
    """One round: the calls to our numbers since the last round that ran to its end, at most two days back; how many nobody knew of.

    Each is an item, once: of the patient when the number is one patient's, else of the clinic. Calls from `own_phones` are Rounds'
    own. Every provider is tried; then raises ProviderError when one could not be asked, so that the round does not count.
    """
    async with database.reading() as connection:
        last = await health.last_run(connection, JOB)
        numbers = {name: await inbound.own_numbers(connection, name) for name in telephones}
    since = max(now - LONGEST, (last or now - LONGEST) - OVERLAP)
    found, failed = 0, None
    for name, telephone in telephones.items():
        for number in filter(None, numbers[name]):
            try:
                listed = await telephone.list_calls(to=number, since=since, inbound=True, limit=MOST)
            except NotOffered:
                break
            except ProviderError as error:
                _log.warning("calls_not_listed", provider=name, code=error.code)
                failed = failed or error
                if isinstance(error, PermanentFailure):  # this number's matter: patients call the others too
                    continue
                break
            if len(listed) >= MOST:
                await tell_incomplete(database, name, len(listed), now)
            old = [call for call in listed if call.created_at is not None and call.created_at <= now - A_LITTLE]
            others = [call for call in old if call.sender not in own_phones and call.sender not in numbers[name]]
            async with database.transaction() as connection:
                found += await _tell(connection, telephone, number, others, now)
    if found:
        _log.warning("calls_recovered", calls=found)
    if failed is not None:
        raise failed
    return found


async def _tell(connection: AsyncConnection, telephone: Telephone, number: str, listed: Sequence[RemoteCall], now: datetime) -> int:
    keys = [(telephone.name, telephone.account, call.provider_id, new_id(now)) for call in listed]
    new = await inbound.first_seen(connection, keys, now) if keys else set()
    missed = [call for call in listed if (telephone.name, telephone.account, call.provider_id) in new]
    organization_id = (await inbound.organizations_of(connection, telephone.name, {number})).get(number) if missed else None
    if organization_id is None:
        return 0
    changes = Changes(now)
    callers = sorted({call.sender for call in missed if call.sender.startswith("+")})
    phones = await inbound.phones_of(connection, [(organization_id, caller) for caller in callers], now) if callers else {}
    owners = await inbound.owners_of(connection, [phone.id for phone in phones.values()]) if phones else {}
    problems = []
    for caller in callers:
        phone_id = phones[organization_id, caller].id
        whose = owners[phone_id].patients
        problems.append(_problem(organization_id, whose[0] if len(whose) == 1 else None, phone_id))
    if any(not call.sender.startswith("+") for call in missed):
        problems.append(_problem(organization_id, None, None))
    await report(connection, changes, problems)
    await changes.write(connection)
    return len(missed)


def _problem(organization_id: UUID, patient_id: UUID | None, phone_id: UUID | None) -> Problem:
    reason = _SOMEBODY if patient_id is None else _PATIENT
    return Problem(organization_id, RULE, reason, Urgency.SAME_DAY, patient_id=patient_id, phone_id=phone_id)
