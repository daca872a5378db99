"""Roles as the pages name them."""

from __future__ import annotations

from service.web.language import later

ROLES = later(
    {
        "nurse": "Nurse",
        "coordinator": "Coordinator",
        "supervisor": "Supervisor",
        "clinician": "Clinician",
        "administrator": "Administrator",
        "auditor": "Auditor",
    }
)
MEANS = later(
    {
        "nurse": "works the items of her teams",
        "coordinator": "gathers and arranges for her teams; clinical judgement stays with the nurses",
        "supervisor": "as a nurse, and sees load and times of her teams",
        "clinician": "approves what patients are asked; sees no patients",
        "administrator": "runs teams and accounts; sees no patients",
        "auditor": "reads who did what; changes nothing",
    }
)
