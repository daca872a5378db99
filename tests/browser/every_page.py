"""Every page of the staff's part with somebody who may see it: what the checks of all pages walk through.

A new GET route of `service.web.routes` has its line here, or it is named among those that are no pages; a test holds that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, update

from service.db.database import Database
from service.db.escalation import escalations
from service.db.observation import observations
from service.db.schema import new_id
from service.domain.escalation import Reached
from service.domain.urgency import Urgency
from tests.seed import Clinic, seed_item

VISITOR = ""
NOT_PAGES = {
    "/": "leads on to where one works",
    "/static/{digest}/{name}": "a file",
    "/queue/live": "a stream",
    "/items/{id}/live": "a stream",
    "/supervisor/report.csv": "a file",
    "/patients/{id}/time.csv": "a file",
    "/audit/audit.csv": "a file",
    "/me/second-factor": "in the middle of setting up a second factor; tests/browser/test_sign_in_pages.py walks it",
    "/sign-in/code": "in the middle of a sign-in; tests/browser/test_sign_in_pages.py walks it",
    "/sign-in/set-up": "in the middle of a sign-in; tests/browser/test_sign_in_pages.py walks it",
    "/invitation/{secret}": "needs a secret that is shown once; tests/browser/test_sign_in_pages.py walks it",
}
_PATTERN = re.compile(r"\{(\w+):(?:[^{}]|\{\d+(?:,\d*)?\})*\}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: the path of its route, who looks at it (a name of the cast, VISITOR for nobody), and the address asked for."""

    route: str
    who: str
    path: str


@dataclass(frozen=True, slots=True)
class World:
    """What stands in the database: items of several kinds, two of them Nora's, one that is closed."""

    clinic: Clinic
    urgent: str
    emergency: str
    mine: str
    unknown: str
    unsafe: str
    closed: str

    def shown(self) -> list[Shown]:
        """Every page, and some of them in more than one state."""
        chi, ben = self.clinic.chi.id, self.clinic.ben.id
        patient = f"/patients/{chi}"
        return [
            Shown("/sign-in", VISITOR, "/sign-in"),
            Shown("/sign-in", VISITOR, "/sign-in?ended=1"),
            Shown("/help", VISITOR, "/help"),
            Shown("/again", "nora", "/again"),
            Shown("/me", "nora", "/me"),
            Shown("/me/password", "nora", "/me/password"),
            *(Shown("/queue", "nora", f"/queue?tab={tab}") for tab in ("unclaimed", "mine", "team", "snoozed", "done")),
            *(Shown("/items/{id}", "nora", f"/items/{one}") for one in (self.urgent, self.emergency, self.mine)),
            *(Shown("/items/{id}", "nora", f"/items/{one}") for one in (self.unknown, self.unsafe, self.closed)),
            Shown("/patients", "nora", "/patients"),
            Shown("/patients/new", "nora", "/patients/new"),
            Shown("/patients/doubles", "nora", "/patients/doubles"),
            Shown("/patients/{id}/merge/{other}", "nora", f"{patient}/merge/{ben}"),
            Shown("/patients/{id}", "nora", patient),
            *(
                Shown(f"/patients/{{id}}/{part}", "nora", f"{patient}/{part}")
                for part in ("care", "record", "print", "charts", "doses", "contacts", "people", "time")
            ),
            Shown("/answers", "nora", "/answers"),
            Shown("/hand-over", "nora", "/hand-over"),
            *(Shown(path, "sol", path) for path in ("/oncall", "/oncall/ladders", "/oncall/promises", "/oncall/drills", "/oncall/phone")),
            *(Shown(path, "sol", path) for path in ("/supervisor", "/supervisor/report", "/supervisor/sample", "/rota", "/who")),
            *(Shown(path, "ada", path) for path in ("/admin", "/admin/teams", "/admin/organization")),
            Shown("/admin/staff/{id}", "ada", f"/admin/staff/{self.clinic.nora.id}"),
            *(Shown(path, "abe", path) for path in ("/audit", "/audit/verify", "/access")),
            Shown("/open-record", "nora", "/open-record"),
            Shown("/replies", "nora", "/replies"),
            Shown("/flows", "cleo", "/flows"),
            Shown("/flows/{programme}/{flow}", "cleo", "/flows/weekly/how_are_you"),
            Shown("/flows/{programme}/{flow}/history", "cleo", "/flows/weekly/how_are_you/history"),
        ]


def plain(path: str) -> str:
    """A route's path without the patterns of its parts: "/items/{id}"."""
    return _PATTERN.sub(r"{\1}", path)


async def make_world(database: Database, clinic: Clinic) -> World:
    """The items and readings that the pages show."""
    now = datetime.now(UTC) - timedelta(minutes=7)
    urgent = await seed_item(database, clinic.chi, now)
    emergency = await seed_item(
        database,
        clinic.ana,
        now,
        words="I have chest pain",
        highlight="chest pain",
        urgency=Urgency.EMERGENCY,
        reason="Chest pain",
        due_in=timedelta(minutes=15),
        reached=Reached.NOT_REACHED,
    )
    silent = {"highlight": "", "urgency": Urgency.SAME_DAY, "reason": "No answer to two check-ins", "due_in": timedelta(hours=4)}
    mine = await seed_item(database, clinic.ben, now - timedelta(hours=5), **silent)  # type: ignore[arg-type]
    unknown = await seed_item(
        database, clinic.fay, now, urgency=Urgency.ROUTINE, reason="A message from a number that several patients share", known=False
    )
    afraid = {"words": "he reads my phone", "highlight": "he reads my phone", "reason": "Not safe to contact", "do_not_contact": True}
    unsafe = await seed_item(database, clinic.dov, now, **afraid)  # type: ignore[arg-type]
    closed = await seed_item(database, clinic.gus, now, urgency=Urgency.ROUTINE, reason="A question about a bill")
    held = {"state": "claimed", "claimed_by": clinic.nora.id, "claimed_at": now, "claimed_until": now + timedelta(hours=1)}
    done = {"state": "resolved", "resolved_by": clinic.nora.id, "resolved_at": now, "disposition": "no_action_needed"}
    async with database.transaction() as connection:
        await connection.execute(update(escalations).where(escalations.c.id == mine).values(held))
        await connection.execute(update(escalations).where(escalations.c.id == closed).values(done))
        readings = [
            {
                "id": new_id(now - timedelta(days=day)),
                "organization_id": clinic.organization_id,
                "patient_id": clinic.chi.id,
                "kind": "value",
                "name": "weight",
                "value": 199.0 + day % 4,
                "unit": "lb",
                "rule": "value.weight",
                "span_start": 0,
                "span_end": 0,
                "taken_at": now - timedelta(days=day),
            }
            for day in (0, 1, 2, 4, 5, 8, 9, 12)
        ]
        await connection.execute(insert(observations), readings)
    return World(clinic, *(str(one) for one in (urgent, emergency, mine, unknown, unsafe, closed)))
