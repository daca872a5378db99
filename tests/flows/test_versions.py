"""A version holds all that it says: texts, lessons, subflows; what changes in the files later changes nothing in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from service.content import content_root, load_flows, load_wording
from service.engine import Flow

CHECK_INS = ("heart_failure/daily", "diabetes_type_2/check_in")
STANDS_ELSEWHERE = ("shared/voice.yaml", "shared/urgency.yaml")
"""What holds for every check-in and is no part of one: how calls are led, and the table of dangers."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the content that a test may change."""
    shutil.copytree(content_root() / "flows", tmp_path / "flows")
    return tmp_path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), "utf-8")


def first_lesson(root: Path, programme: str) -> str:
    flow = load_flows(root)[f"{programme}/{'daily' if programme == 'heart_failure' else 'check_in'}"]
    topic = next(iter(flow.education))
    return flow.education[topic][0].text["en"].plain


def wording(root: Path) -> None:
    thanks = load_wording(root).texts["thanks"]["en"]
    replace(root / "flows" / "shared" / "wording.yaml", thanks, thanks.replace("Thank", "Many thanks, we thank"))


def lesson(root: Path) -> None:
    for programme in ("heart_failure", "diabetes_type_2"):
        words = first_lesson(root, programme)
        replace(root / "flows" / programme / "education.yaml", words[:20], "Something else here:")


@pytest.mark.law(7)
@pytest.mark.parametrize("change", [wording, lesson], ids=["shared wording", "a lesson"])
def test_a_change_of_shared_texts_is_a_new_version_and_leaves_the_old_one_as_it_was(root: Path, change: Callable[[Path], None]) -> None:
    before = {key: load_flows(root)[key] for key in CHECK_INS}
    stored = {key: json.loads(json.dumps(flow.to_json())) for key, flow in before.items()}
    change(root)
    after = load_flows(root)
    for key in CHECK_INS:
        kept = Flow.from_json(stored[key])
        assert after[key].version != before[key].version == kept.version, key
        assert kept.to_json() == before[key].to_json()
        for name in before[key].phrases:
            assert kept.wording.raw(name, "en") == before[key].wording.raw(name, "en")
        assert kept.education == before[key].education != {}


@pytest.mark.law(7)
def test_a_change_of_a_subflow_is_a_new_version_of_each_check_in_that_runs_it(root: Path) -> None:
    before = load_flows(root)
    path = root / "flows" / "shared" / "missed_dose.yaml"
    stored = {key: json.loads(json.dumps(flow.to_json())) for key, flow in before.items()}
    text = path.read_text("utf-8")
    users = {key for key in before if f"run: shared/{path.stem}" in (root / "flows" / f"{key}.yaml").read_text("utf-8")}
    assert users
    line = next(each for each in text.splitlines() if each.strip().startswith("reason: "))
    path.write_text(text.replace(line, f"{line}, as told by the patient", 1), "utf-8")
    after = load_flows(root)
    changed = {key for key in before if after[key].version != before[key].version}
    assert users <= changed
    assert changed != set(before)
    for key in changed:
        assert Flow.from_json(stored[key]).to_json() == before[key].to_json()


def test_what_holds_for_every_check_in_is_in_none(root: Path) -> None:
    before = {key: flow.version for key, flow in load_flows(root).items()}
    for name in STANDS_ELSEWHERE:
        path = root / "flows" / name
        path.write_text(path.read_text("utf-8") + "\n# looked at again\n", "utf-8")
    assert {key: flow.version for key, flow in load_flows(root).items()} == before
