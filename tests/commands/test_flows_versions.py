"""From file to a version that runs, by commands: publish, approve, withdraw, move, and what the list says."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from service.commands.flows_versions import SHOWN
from service.content import load_flows
from tests.commands.conftest import Ended

Run = Callable[..., Ended]
FLOW = "weekly/how_are_you"


@pytest.fixture
def clinicians(a_clinic: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run`, in a clinic with two clinicians and an administrator."""
    for name, email, role in (
        ("Dr. Sample", "sample@example.org", "clinician"),
        ("Dr. Other", "other@example.org", "clinician"),
        ("Ada Adeyemi", "ada@example.org", "administrator"),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO("seven green bicycles\n"))
        assert a_clinic("staff", "add", "--email", email, "--name", name, "--role", role, "--password-stdin").code == 0
    return a_clinic


def test_a_flow_is_published_approved_and_withdrawn_and_the_list_says_so(clinicians: Run) -> None:
    a_clinic = clinicians
    version = load_flows()[FLOW].version

    def listed() -> str:
        printed = a_clinic("flows", "list").out
        [_, after] = printed.split(f"{FLOW}  ", 1)
        return after.splitlines()[0]

    assert listed().startswith(f"{version[:SHOWN]}  draft, review by ")
    refused = a_clinic("flows", "approve", FLOW, "--version", version, "--clinician", "Dr. Sample")
    assert (refused.code != 0, "not published" in refused.err) == (True, True)
    assert a_clinic("flows", "publish", FLOW).code == 0
    assert "published, not approved" in listed()
    assert "no check-in of it starts" in a_clinic("flows", "list").out
    wrong = a_clinic("flows", "approve", FLOW, "--version", "0" * 12, "--clinician", "Dr. Sample")
    assert (wrong.code != 0, "not the version that the file holds" in wrong.err) == (True, True)
    approved = a_clinic("flows", "approve", FLOW, "--version", version[:SHOWN], "--clinician", "Dr. Sample")
    assert approved == Ended(0, f"{FLOW}  {version[:SHOWN]}  approved\n", "")
    assert "approved by Dr. Sample on 20" in listed()
    not_theirs = a_clinic("flows", "withdraw", FLOW, "--clinician", "Ada Adeyemi", "--reason", "wrong limit")
    assert (not_theirs.code != 0, "for a clinician" in not_theirs.err) == (True, True)
    withdrawn = a_clinic("flows", "withdraw", FLOW, "--clinician", "other@example.org", "--reason", "wrong limit")
    assert withdrawn.code == 0
    assert "approval withdrawn by Dr. Other on 20" in listed()
    nobody = a_clinic("flows", "move", FLOW, "--to", version, "--preview")
    assert (nobody.code != 0, "approval of this version stands" in nobody.err) == (True, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("move", FLOW, "--to", "0" * 12, "--preview"), "no published version"),
        (("move", FLOW, "--to", "0" * 12, "--by", "Nobody Known"), "names no member of staff"),
        (("move", FLOW, "--to", "0" * 12), "one of the arguments --preview --by is required"),
        (("move", FLOW, "--to", "0" * 12, "--preview", "--by", "Nora"), "not allowed with argument"),
        (("withdraw", FLOW, "--clinician", "Dr. Other", "--reason", "wrong limit"), "nothing to withdraw"),
        (("withdraw", FLOW, "--clinician", "Dr. Nobody", "--reason", "wrong limit"), "--clinician names no member of staff"),
        (("approve", FLOW, "--version", "0" * 12, "--clinician", "Ada Adeyemi"), "for a clinician"),
    ],
)
def test_what_cannot_be_done_says_why(clinicians: Run, arguments: tuple[str, ...], said: str) -> None:
    ended = clinicians("flows", *arguments)
    assert ended.code != 0
    assert said in ended.err


def test_a_move_with_nobody_under_way_says_so(clinicians: Run) -> None:
    a_clinic = clinicians
    version = load_flows()[FLOW].version
    a_clinic("flows", "publish", FLOW)
    assert a_clinic("flows", "approve", FLOW, "--version", version, "--clinician", "Dr. Sample").code == 0
    moved = a_clinic("flows", "move", FLOW, "--to", version, "--preview")
    assert moved == Ended(0, "0 would move, 0 as before; no red flag would be raised.\n", "")
