"""Staff and what each role may do. Every route of the pages and every action asks one of these permissions (ASVS 5.0 8.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """Roles of staff. Nurse, coordinator and supervisor see the patients of their own teams, the others see none."""

    NURSE = "nurse"
    COORDINATOR = "coordinator"
    """Gathers and arranges (calls, contact data, notes); what asks for a nurse's judgement stays with the nurse."""
    SUPERVISOR = "supervisor"
    CLINICIAN = "clinician"
    """Answers for the content of flows."""
    ADMINISTRATOR = "administrator"
    """Runs organization, teams and accounts."""
    AUDITOR = "auditor"
    """Reads who did what, and changes nothing."""


class Permission(StrEnum):
    """What a route asks for."""

    PUBLIC = "public"
    SIGNING_IN = "signing_in"  # the steps between the password and a whole session
    SIGNED_IN = "signed_in"
    WORK_QUEUE = "work_queue"  # see the items and patients of one's own teams
    GATHER = "gather"  # claim routine items, write notes, log call attempts, answer patients, keep contact data
    ASSESS = "assess"  # judge: close clinical items, lower urgency, accept findings, sign notes, change limits and medicines
    BREAK_GLASS = "break_glass"  # open a patient of another team for an hour, with a reason
    SUPERVISE = "supervise"  # load, times, yield and hand-offs of one's own teams
    SEE_ROTA = "see_rota"  # who is on call, and who would be called now
    MANAGE_ROTA = "manage_rota"  # cover, swap and absence, of one's own teams (administrators: of all)
    ADMINISTER = "administer"  # organization, teams, accounts
    AUDIT = "audit"  # read and verify the trail of the whole organization
    REVIEW_ACCESS = "review_access"  # read the report of opened records, and say whether the reason holds
    EXPORT = "export"  # take tables of one's own patients out as files
    PUBLISH_FLOWS = "publish_flows"  # store a flow as it is now; that lets nothing run yet
    APPROVE_FLOWS = "approve_flows"  # answer for a flow by name, and take that back (decisions 25)


_EVERYBODY = frozenset({Permission.SIGNED_IN})
_COORDINATOR = _EVERYBODY | {Permission.WORK_QUEUE, Permission.GATHER, Permission.SEE_ROTA}
_NURSE = _COORDINATOR | {Permission.ASSESS, Permission.BREAK_GLASS}
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.NURSE: _NURSE,
    Role.COORDINATOR: _COORDINATOR,
    Role.SUPERVISOR: _NURSE | {Permission.SUPERVISE, Permission.MANAGE_ROTA, Permission.REVIEW_ACCESS, Permission.EXPORT},
    Role.CLINICIAN: _EVERYBODY | {Permission.PUBLISH_FLOWS, Permission.APPROVE_FLOWS},
    Role.ADMINISTRATOR: _EVERYBODY | {Permission.ADMINISTER, Permission.PUBLISH_FLOWS, Permission.SEE_ROTA, Permission.MANAGE_ROTA},
    Role.AUDITOR: _EVERYBODY | {Permission.AUDIT, Permission.REVIEW_ACCESS},
}


IN_A_TEAM = frozenset({Role.NURSE, Role.COORDINATOR, Role.SUPERVISOR})
"""Roles that see the patients of their teams, and so need one."""
PAGED = frozenset({Role.NURSE, Role.SUPERVISOR})
"""Roles that may be on call: whoever is paged must be allowed to judge."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff with the teams whose patients they may see."""

    id: UUID
    organization_id: UUID
    name: str
    role: Role
    team_ids: tuple[UUID, ...]
    opened: tuple[UUID, ...] = ()
    """Patients of other teams whose record this member has opened with a reason, for the time being (break-glass)."""

    def may(self, permission: Permission) -> bool:
        """True when the role grants this permission; everybody has PUBLIC."""
        return permission is Permission.PUBLIC or permission in GRANTS[self.role]

    def sees(self, team_id: UUID | None, patient_id: UUID | None) -> bool:
        """True for a patient or item of one's own teams, and for a patient whose record one has opened with a reason."""
        return team_id in self.team_ids or (patient_id is not None and patient_id in self.opened)
