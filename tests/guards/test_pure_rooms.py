"""The pure rooms take what they need as arguments: no input or output, no clock, no packages but the listed ones.

import-linter (pyproject.toml) holds who imports whom inside; here is what it cannot say: a list of what MAY come from outside,
and that nobody asks for the current time.
"""

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.guards.source import ROOT, dotted, imported, modules, tree, where

ALLOWED = {
    "domain": {"whenever", "dateutil", "phonenumbers"},
    "replies": {"numpy"},
    "triage": {"cel"},
    "engine": {"pydantic"},
}
# What the standard library offers against purity: the outside world, the clock, chance, and concurrency.
IMPURE = {
    *("asyncio", "concurrent", "ftplib", "glob", "http", "importlib", "io", "logging", "multiprocessing", "os", "pathlib", "random"),
    *("secrets", "select", "selectors", "shutil", "signal", "smtplib", "socket", "sqlite3", "subprocess", "tempfile", "threading", "time"),
    *("urllib", "webbrowser"),
}
# Anything that reads the clock, however the module was imported. `now` as a name of an argument is fine; calling it is not.
READS_THE_CLOCK = re.compile(
    r"(^|\.)(now|utcnow|today|today_in_system_tz|now_in_system_tz|monotonic|perf_counter|time_ns|localtime|gmtime)$"
)
# Elsewhere the clock is an argument too, and only service/clock.py asks the machine. (`clock.now()` is what the others call.)
ASKS_THE_MACHINE = re.compile(
    r"^(datetime\.|dt\.)?(datetime\.(now|utcnow|today)|date\.today)$|^(time\.)(time|time_ns|localtime|gmtime)$"
    r"|^(whenever\.)?(Instant|ZonedDateTime|PlainDateTime|Date|OffsetDateTime)\.(now|now_in_system_tz|today_in_system_tz)$"
)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_pure_room_imports_nothing_that_acts(room: str) -> None:
    wrong = [
        f"{where(path, line)} imports {name}"
        for path in modules(f"service/{room}")
        for line, name in imported(path)
        if (outer := name.split(".")[0]) != "service"
        and (outer in IMPURE or (outer not in sys.stdlib_module_names and outer not in ALLOWED[room]))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_pure_room_never_reads_the_clock_nor_a_file(room: str) -> None:
    wrong = [
        f"{where(path, node.lineno)} calls {name}"
        for path in modules(f"service/{room}")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ((READS_THE_CLOCK.search(name := dotted(node.func))) or name in {"open", "input", "print", "__import__", "uuid4", "uuid.uuid4"})
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.law(9)
def test_only_the_clock_asks_the_machine_for_the_time() -> None:
    wrong = [
        f"{where(path, node.lineno)} calls {name}: take the clock as an argument"
        for path in modules("service")
        if path != ROOT / "service/clock.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ASKS_THE_MACHINE.match(name := dotted(node.func))
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_settings_read_the_environment() -> None:
    wrong = [
        where(path, node.lineno)
        for path in modules("service")
        if path not in (ROOT / "service/settings.py", ROOT / "service/__init__.py")  # the second sets one, before numpy is imported
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and dotted(node) in {"os.environ", "os.getenv", "os.environb"}
    ]
    assert not wrong, "read the environment in service/settings.py only:\n" + "\n".join(wrong)


def test_the_guards_know_the_forms_they_forbid(tmp_path: Path) -> None:
    for form in ("datetime.now", "datetime.datetime.utcnow", "date.today", "time.time", "Instant.now", "whenever.Instant.now"):
        assert ASKS_THE_MACHINE.match(form), form
        assert READS_THE_CLOCK.search(form) or form == "time.time", form
    for form in ("clock.now", "self._clock.now", "facts.now_local", "request.app.clock.now"):
        assert not ASKS_THE_MACHINE.match(form), form
