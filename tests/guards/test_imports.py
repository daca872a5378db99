"""Who may import whom, room by room, as the house plan lists it; and which packages from outside belong to which room.

import-linter (pyproject.toml) holds the direction, also through third modules; here are the exact lists.
"""

import pytest

from tests.guards.source import ROOT, imported, modules, where

EDGES = {"actions", "db", "telephony.port", "domain", "settings", "clock"}
MAY_IMPORT = {
    "web": EDGES | {"evaluation"},
    "webhooks": EDGES,
    "api": EDGES,
    "jobs": EDGES,
    "actions": {"engine", "triage", "replies", "telephony.port", "db", "domain", "clock"},
    "content": {"evaluation", "engine", "triage", "replies", "domain", "yaml_values"},
    "evaluation": {"engine", "triage", "replies", "domain"},
    "db": {"domain"},
    "telephony": {"domain"},
    "engine": {"triage", "replies", "domain"},
    "triage": {"replies", "domain"},
    "replies": {"domain"},
    "providers": {"telephony", "settings", "provider_settings"},
    "settings": {"db", "domain", "provider_settings"},
    "provider_settings": set[str](),
    "logs": set[str](),
    "clock": set[str](),
    "yaml_values": set[str](),
    "domain": set[str](),
}
MAY_IMPORT_ALL = {"app", "__main__", "__init__", "commands", "demo"}

# Package from outside -> the places (below service/) that may name it.
BELONGS_TO = {
    "twilio": ["telephony/twilio"],
    "apscheduler": ["jobs"],
    "sqlalchemy": ["db"],
    "alembic": ["db"],
    "asyncpg": ["db"],
    "aiosqlite": ["db"],
    "ruamel": ["content/files.py"],
    "yaml": ["yaml_values.py"],
    "cel": ["triage/expression.py"],
    "prometheus_client": ["web/monitor.py"],
    "pyphen": ["evaluation/flows"],
    "polib": ["evaluation/flows", "web/language.py"],
    "pyotp": ["actions/second_factors.py"],
    "segno": ["web/second_factor_pages.py"],
    "phonenumbers": ["domain"],
    "whenever": ["domain/schedule.py"],
    "dateutil": ["domain/schedule.py"],
    "zoneinfo": ["domain/schedule.py"],
}
# A connection is handed through as a value; its type may be named by whoever hands it.
ANYWHERE = {"sqlalchemy.ext.asyncio"}


def room_of(name: str) -> str:
    """The room of a dotted name or path below service: "telephony.twilio.send" -> "telephony"."""
    return name.split(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_the_plan_lists(room: str) -> None:
    allowed = MAY_IMPORT[room]
    files = modules(f"service/{room}") or [path for path in [ROOT / f"service/{room}.py"] if path.exists()]
    wrong = []
    for path in files:
        for line, name in imported(path):
            inside = name.removeprefix("service").removeprefix(".")
            if not name.startswith("service") or not inside or room_of(inside) == room:
                continue
            if not any(f"{inside}.".startswith(f"{each}.") for each in allowed):
                wrong.append(f"{where(path, line)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_every_room_has_its_list() -> None:
    rooms = {path.relative_to(ROOT / "service").parts[0].removesuffix(".py") for path in modules("service")}
    assert rooms <= set(MAY_IMPORT) | MAY_IMPORT_ALL


@pytest.mark.law(9)  # zones are applied in domain/schedule.py only, so nobody else may import what applies them
@pytest.mark.parametrize("package", BELONGS_TO)
def test_a_package_from_outside_stays_in_its_room(package: str) -> None:
    wrong = [
        f"{where(path, line)} imports {name}"
        for path in modules("service")
        if not any((ROOT / "service" / place) in (path, *path.parents) for place in BELONGS_TO[package])
        for line, name in imported(path)
        if room_of(name) == package and name not in ANYWHERE
    ]
    assert not wrong, "\n".join(wrong)
