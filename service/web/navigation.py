"""Where the pages' frame leads to: one place for each kind of work, shown to whoever may go there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from service.domain.staff import Permission, Staff
from service.web.language import _, later

WORDS = later(
    {
        "/queue": "Queue",
        "/patients": "Patients",
        "/hand-over": "Hand-over",
        "/oncall": "On call",
        "/rota": "Rota",
        "/supervisor": "Supervision",
        "/open-record": "Another team's record",
        "/access": "Opened records",
        "/flows": "Flows",
        "/replies": "Read a reply",
        "/audit": "Audit",
        "/admin": "Administration",
    }
)
"""Pages that are places of their own, in the order in which they stand."""
ACCOUNT = "/me"


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the main navigation and the permission that its route asks for."""

    path: str
    permission: Permission

    @property
    def word(self) -> str:
        """Its name in the language of the request."""
        return _(WORDS[self.path])


@dataclass(frozen=True, slots=True)
class Navigation:
    """The places that this application has; `account`: there is a page of one's own account."""

    places: tuple[Place, ...]
    account: bool

    @classmethod
    def of(cls, routes: Iterable[tuple[str, str, Permission]]) -> Navigation:
        """From (method, path, permission) of every route."""
        pages = {path: permission for method, path, permission in routes if method == "GET"}
        return cls(tuple(Place(path, pages[path]) for path in WORDS if path in pages), ACCOUNT in pages)

    def of_staff(self, staff: Staff) -> list[Place]:
        """Where this member of staff may go."""
        return [place for place in self.places if staff.may(place.permission)]

    def here(self, path: str) -> str:
        """The place that a path belongs to, "" for none: /rota for /who, /queue for an item."""
        of_another = {"/who": "/rota", "/items": "/queue"}
        first = "/" + path.strip("/").partition("/")[0]
        return of_another.get(first, first)


NAVIGATION = web.AppKey("NAVIGATION", Navigation)
