"""The READMEs cannot drift: commands, addresses, folders and figures in them are those of the program."""

import argparse
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp.test_utils import make_mocked_request

from service.__main__ import parser
from service.demo.run import Demo
from tests.guards.source import ROOT, tracked_files

README = ROOT / "README.md"
DOCS = [README, ROOT / "deploy" / "README.md", ROOT / "flows" / "README.md"]
SPAN = re.compile(r"`([^`\n]+)`")
CODE = re.compile(r"^    (\S.*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)(?:#([a-z-]+))?\)")
ADDRESS = re.compile(r"^(?:(GET|POST) )?(?:https://[a-z.]+)?(/(?:sign-in|queue|items|webhooks|healthz|demo)[a-z/<>-]*)(?:#\S*)?$")


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def commands(parent: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that can be run, as it is typed after `rounds`, with its arguments."""
    groups = [action for action in parent._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield " ".join(words), parent
    for group in groups:
        for word, child in group.choices.items():
            yield from commands(child, (*words, word))


def told(path: Path) -> list[str]:
    """What a text tells its reader to type after `rounds`: in backticks, or on a line of code."""
    typed = [*SPAN.findall(text(path)), *CODE.findall(text(path))]
    return [each.removeprefix("rounds ").split("  #")[0] for each in typed if re.match(r"rounds [a-z]+( |$)", each)]


def test_the_readme_lists_every_command_and_no_other() -> None:
    table = re.findall(r"^\| `rounds ([a-z ]+)` \| (.+) \|$", text(README), re.MULTILINE)
    assert sorted(name for name, _ in table) == sorted(name for name, _ in commands(parser()))
    assert all(meaning.strip() for _, meaning in table)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_text_names_exists_with_its_options(path: Path) -> None:
    known = dict(commands(parser()))
    for line in told(path):
        name = next((name for name in known if f"{line} ".startswith(f"{name} ")), None)
        assert name is not None, f"{path.name}: rounds {line}"
        options = {option for action in known[name]._actions for option in action.option_strings}
        assert set(re.findall(r"(?<= )--[a-z-]+", line)) <= options, f"{path.name}: rounds {line}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
async def test_every_address_that_a_text_names_is_answered(path: Path, tmp_path: Path) -> None:
    app = Demo(tmp_path, "http://127.0.0.1:8080").app()
    found = [match.groups() for match in map(ADDRESS.match, SPAN.findall(text(path))) if match]
    assert found or path == DOCS[-1], "no address found: does the pattern still fit?"
    for method, address in found:
        whole = re.sub(r"<[a-z]+>", str(UUID(int=1)), address)
        resolved = await app.router.resolve(make_mocked_request(method or "GET", whole))
        wanted = make_mocked_request("POST", whole)
        if resolved.http_exception is not None and method is None:
            resolved = await app.router.resolve(wanted)
        assert resolved.http_exception is None, f"{path.name}: {method or ''} {address}"


def test_the_two_commands_are_targets_and_the_others_that_are_named_too() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text(ROOT / "Makefile"), re.MULTILINE))
    assert {"demo", "test"} <= {line.removeprefix("make ") for line in CODE.findall(text(README)) if line.startswith("make ")}
    for path in DOCS:
        named = re.findall(r"(?:`|^    )make ([a-z-]+)", text(path), re.MULTILINE)
        assert set(named) <= targets, path.name


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere_in_the_repository(path: Path) -> None:
    tracked = set(tracked_files())
    for name, heading in LINK.findall(text(path)):
        target = (path.parent / name).resolve()
        assert target in tracked, f"{path.name} links to {name}, which is not in the repository"
        headings = (
            {re.sub(r"[^a-z -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.+)$", text(target), re.MULTILINE)}
            if heading
            else set()
        )
        assert not heading or heading in headings, f"{path.name} links to #{heading}"


def test_the_rooms_in_the_readme_are_those_of_the_import_order() -> None:
    rooms = set(re.findall(r"^\| `service/([a-z_]+)(?:/|\.py)`", text(README), re.MULTILINE))
    contracts = tomllib.loads(text(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = {word for layer in contracts[0]["layers"] for word in re.findall(r"[a-z_]+", layer)}
    assert rooms <= layers
    assert {name for name in layers if (ROOT / "service" / name).is_dir()} <= rooms
    for folder in re.findall(r"^\| `([a-z]+)/` \|", text(README), re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder


def test_the_laws_in_the_readme_are_numbered_as_the_tests_mark_them() -> None:
    section = text(README).split("## What it holds to")[1].split("\n## ")[0]
    assert re.findall(r"^(\d+)\. ", section, re.MULTILINE) == [str(number) for number in range(1, 13)]


def test_the_safety_notice_says_what_must_be_said() -> None:
    notice = text(README).split("## Clinical safety notice")[1].split("\n## ")[0]
    for words in (
        "not an emergency service",
        "time-critical",
        "not a medical device",
        "draft",
        "named clinician",
        "consent",
        "not encrypted",
    ):
        assert words in notice, words


def test_pictures_are_small_enough_to_travel() -> None:
    pictures = list((ROOT / "docs" / "screens").glob("*.png"))
    assert pictures
    for path in pictures:
        assert path.stat().st_size <= 150_000, path.name
