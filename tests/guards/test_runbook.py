"""Every alarm and every rule of an operational item has its runbook page, whose commands and links exist; and there is no other page."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.__main__ import parser
from service.actions.raise_alarms import JOB_SILENT
from service.db.alarms import ALARMS
from service.db.health import Health
from service.jobs.emergency import LOOPS
from service.web.monitor import exposition
from service.yaml_values import read_yaml
from tests.guards.source import ROOT, modules, tree
from tests.guards.test_docs import commands

RUNBOOK = ROOT / "deploy" / "runbook"
NO_ALARMS = {"README", "synthetic_patient"}
FOUND_OTHERWISE = {
    "database": "named by GET /healthz",
    "ping_missing": "the watcher elsewhere",
    "promise_breaking": "a line in the history of an item",
    "no_phone": "start_check_ins",
    "flow_not_approved": "start_check_ins",
    "text_not_delivered": "settle_communications",
    "text_expired": "settle_communications",
    "text_cancelled": "settle_communications",
    "number_in_doubt": "doubt_number",
    "opted_out_at_provider": "blocked_number",
    "related_number_blocked": "blocked_number",
}
"""Names that no `Problem(...)` spells out, and where they come from."""
PARTS = ["**What it means.**", "## Look at", "## Do", "## Do not"]


@cache
def constants(path: Path) -> dict[str, str]:
    """The texts that a module calls by a name in capitals."""
    return {
        target.id: node.value.value
        for node in tree(path).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _text_of(path: Path, name: str) -> str:
    """What a name in capitals stands for in this module: its own constant, else that of the module it is imported from."""
    if name in (own := constants(path)):
        return own[name]
    module = _imports(path, name) or ""
    return constants(ROOT / f"{module.replace('.', '/')}.py")[name]


def rules() -> set[str]:
    """The rules of operational items, as `Problem(organization, rule, ...)` spells them out; a row of a list has other problems."""
    found = set()
    for path in [*modules("service/actions"), *modules("service/db")]:
        if _imports(path, "Problem") not in ("service.db.problems", None):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem" and len(node.args) > 1:
                rule = node.args[1]
                if isinstance(rule, ast.Constant):
                    found.add(str(rule.value))
                elif isinstance(rule, ast.Name) and rule.id.isupper():
                    found.add(_text_of(path, rule.id))
    return found


def _imports(path: Path, name: str) -> str | None:
    """The module that this one has the name from; None where it is its own."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and any((each.asname or each.name) == name for each in node.names):
            return node.module
    return None


def pages() -> dict[str, Path]:
    return {path.stem: path for path in RUNBOOK.glob("*.md") if path.stem not in NO_ALARMS}


def test_every_alarm_has_its_page_and_every_page_its_alarm() -> None:
    wanted = {alarm.name for alarm in ALARMS} | {JOB_SILENT} | rules() | set(FOUND_OTHERWISE)
    assert len(rules()) > 15, "rules are not found where they stand"
    assert sorted(wanted - pages().keys()) == [], "write deploy/runbook/<name>.md"
    assert sorted(pages().keys() - wanted) == [], "no alarm has this name"


def test_names_that_come_from_elsewhere_stand_there() -> None:
    for name, where in FOUND_OTHERWISE.items():
        path = ROOT / "service" / "actions" / f"{where}.py"
        if path.exists():
            stem = "text_" if name.startswith("text_") else name
            assert stem in path.read_text(encoding="utf-8"), f"{where} no longer raises {name}"


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_page_says_what_it_means_what_to_look_at_what_to_do_and_what_not(name: str) -> None:
    text = pages()[name].read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    places = [text.find(f"{part}\n" if part.startswith("#") else part) for part in PARTS]
    assert -1 not in places, f"{PARTS[places.index(-1)]} is missing"
    assert places == sorted(places)
    parts = [part.strip() for part in re.split("|".join(f"^{re.escape(part)}" for part in PARTS), text, flags=re.MULTILINE)][1:]
    assert all(len(part) > 20 for part in parts), "a part is empty"


@pytest.mark.parametrize("path", sorted(RUNBOOK.glob("*.md")), ids=lambda path: path.stem)
def test_what_a_page_tells_to_type_exists_and_its_links_lead_somewhere(path: Path) -> None:
    known = dict(commands(parser()))
    text = path.read_text(encoding="utf-8")
    for line in [*re.findall(r"`rounds ([^`]+)`", text), *re.findall(r"^    rounds (.+)$", text, re.MULTILINE)]:
        name = next((name for name in known if f"{line} ".startswith(f"{name} ")), None)
        assert name is not None, f"rounds {line}"
        options = {option for action in known[name]._actions for option in action.option_strings}
        assert set(re.findall(r"(?<= )--[a-z-]+", line)) <= options, f"rounds {line}"
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (path.parent / target).is_file(), target
    for named in re.findall(r"(?:see|See) `([a-z_]+)`", text):
        assert named in pages(), named


@pytest.mark.parametrize("path", sorted(RUNBOOK.glob("*.md")), ids=lambda path: path.stem)
def test_jobs_that_a_page_names_are_jobs(path: Path) -> None:
    source = (ROOT / "service" / "jobs" / "work.py").read_text(encoding="utf-8")
    for job in re.findall(r"`([a-z_]+)` under job", path.read_text(encoding="utf-8")):
        assert f'"{job}"' in source or job in {*LOOPS, "walk_synthetic"}, job


def test_the_index_lists_every_page() -> None:
    text = (RUNBOOK / "README.md").read_text(encoding="utf-8")
    assert set(pages()) <= set(re.findall(r"\]\(([a-z_]+)\.md\)", text))


def test_the_rules_for_prometheus_ask_for_metrics_that_there_are() -> None:
    told = (ROOT / "deploy" / "alerts.yaml").read_text(encoding="utf-8")
    groups = read_yaml(told)["groups"]
    names = {family.name for family in text_string_to_metric_families(exposition(Health(())).decode())}
    asked = {name for group in groups for rule in group["rules"] for name in re.findall(r"rounds_[a-z_]+", rule["expr"])}
    assert asked <= names
    assert asked
    for runbook in re.findall(r"runbook: \"?(runbook/[a-z_A-Z]+\.md)", told):
        assert (ROOT / "deploy" / runbook).is_file(), runbook
