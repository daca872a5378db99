"""Staff and what each role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """Roles of staff; a nurse sees the patients of their own teams only, a clinician answers for the content of flows."""

    NURSE = "nurse"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    CLINICIAN = "clinician"


class Permission(StrEnum):
    """What a route asks for."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    WORK_QUEUE = "work_queue"  # see and work the items of one's own teams
    ADMINISTER = "administer"
    PUBLISH_FLOWS = "publish_flows"  # store a flow as it is now; that lets nothing run yet
    APPROVE_FLOWS = "approve_flows"  # answer for a flow by name, and take that back (decisions 25)


GRANTS: dict[Role, frozenset[Permission]] = {
    Role.NURSE: frozenset({Permission.SIGNED_IN, Permission.WORK_QUEUE}),
    Role.SUPERVISOR: frozenset({Permission.SIGNED_IN, Permission.WORK_QUEUE}),
    Role.ADMINISTRATOR: frozenset({Permission.SIGNED_IN, Permission.ADMINISTER, Permission.PUBLISH_FLOWS}),
    Role.CLINICIAN: frozenset({Permission.SIGNED_IN, Permission.PUBLISH_FLOWS, Permission.APPROVE_FLOWS}),
}


IN_A_TEAM = frozenset({Role.NURSE, Role.SUPERVISOR})
"""Roles that see the patients of their teams, and so need one."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff with the teams whose patients they may see."""

    id: UUID
    organization_id: UUID
    name: str
    role: Role
    team_ids: tuple[UUID, ...]

    def may(self, permission: Permission) -> bool:
        """True when the role grants this permission; everybody has PUBLIC."""
        return permission is Permission.PUBLIC or permission in GRANTS[self.role]
