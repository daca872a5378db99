"""The desk at which a batch of texts is read: everything it needs, loaded once; contexts move on as messages are folded in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.knowledge import Knowledge
from service.actions.nobody import Nobody
from service.db import inbound
from service.db.contexts import load_contexts, load_teams
from service.db.escalation_claims import lock_open_items
from service.db.inbound import Owners
from service.db.open_items import load_phone_items
from service.domain.patient import OpenItem, PatientContext, Phone, Team
from service.engine import Flow


@dataclass(slots=True)
class Desk:
    """The phones that have written, whose they are, and all that is known of those; in order of arrival it is kept up to date."""

    phones: dict[tuple[UUID, str], Phone]
    owners: dict[UUID, Owners]
    contexts: dict[UUID, PatientContext]
    phone_items: dict[UUID, OpenItem]
    teams: dict[UUID, Team]
    flows: dict[UUID, Flow]

    def has_queue(self, organization_id: UUID, phone: Phone) -> bool:
        """Whether somebody would see what comes from this phone: a patient's team, else the organization's first."""
        owners = self.owners[phone.id]
        return bool(owners.candidates) or any(id in self.contexts for id in owners.former) or organization_id in self.teams

    def nobody(self, organization_id: UUID, phone: Phone) -> Nobody:
        """The phone as one without a known patient."""
        owners = self.owners[phone.id]
        people = tuple(self.contexts[id] for id in owners.candidates)
        lately = [self.contexts[id].team for id in owners.former if id in self.contexts]
        team = people[0].team if people else (lately[0] if lately else self.teams[organization_id])
        related = () if owners.patients else owners.related
        return Nobody(phone, team, people, self.phone_items.get(phone.id), was_a_patients=bool(owners.former), related=related)

    def keep(self, organization_id: UUID, number: str, nobody: Nobody) -> None:
        """The phone, its item and who shares it, as they stand after a text."""
        if nobody.item is not None:
            self.phone_items[nobody.phone.id] = nobody.item
        self.phones[organization_id, number] = nobody.phone
        for context in nobody.candidates:
            self.contexts[context.id] = context
            self.forget_former(context)

    def forget_former(self, context: PatientContext) -> None:
        """Numbers that were just taken off this patient's record are nobody's for what comes next."""
        for phone in context.former_phones:
            owners = self.owners.get(phone.id)
            if owners is not None and context.id in owners.patients:
                left = tuple(id for id in owners.patients if id != context.id)
                self.owners[phone.id] = Owners(left, owners.related, (*owners.former, context.id))


async def load_desk(connection: AsyncConnection, knowledge: Knowledge, senders: Sequence[tuple[UUID, str]], now: datetime) -> Desk:
    """The desk for texts from these (organization, number); phones, patients and open items are locked, in the order of all who do."""
    if not senders:
        return Desk({}, {}, {}, {}, {}, {})
    phones = await inbound.phones_of(connection, senders, now)
    owners = await inbound.owners_of(connection, [phone.id for phone in phones.values()])
    people = {id for one in owners.values() for id in (*one.patients, *one.related_to)}
    unowned = [phone.id for phone in phones.values() if len(owners[phone.id].candidates) != 1]
    if people and unowned:  # two statements below lock items: together they must keep to the order of all who lock several
        await lock_open_items(connection, people, unowned)
    contexts = await load_contexts(connection, list(people), now)
    phone_items = await load_phone_items(connection, unowned) if unowned else {}
    teams: dict[UUID, Team] = {}
    for organization_id in {organization_id for organization_id, _ in senders} if unowned else ():
        team_id = await inbound.default_team(connection, organization_id)
        if team_id is not None:
            teams[organization_id] = (await load_teams(connection, {team_id}, now))[team_id]
    flows = await knowledge.flows(connection, [one.conversation.flow_version_id for one in contexts.values() if one.conversation])
    return Desk(phones, owners, contexts, phone_items, teams, flows)
