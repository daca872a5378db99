"""Every table of the schema, imported once so that the metadata is whole (migrations, tests, guards)."""

from service.db import (  # noqa: F401
    audit,
    calls,
    check_in,
    communication,
    due_work,
    escalation,
    flows,
    observation,
    organization,
    patient,
    pauses,
    staff,
)
from service.db.schema import metadata

__all__ = ["metadata"]
