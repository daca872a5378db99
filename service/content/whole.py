"""All content together, as the program starts with it, and what its parts say of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from service.content.files import ContentError
from service.content.flows import load_flows
from service.content.shared import (
    URGENCY_TABLE,
    load_contact_law,
    load_follow_through,
    load_opening,
    load_ready_answers,
    load_script,
    load_tables,
    load_wording,
)
from service.content.vocabulary import load_lexicon
from service.domain.contact_law import ContactLaw
from service.domain.ready_answer import ReadyAnswer
from service.domain.script import Script
from service.domain.wording import Wording
from service.engine import Flow
from service.engine.follow_through import FollowThrough
from service.engine.opening import Opening
from service.replies import Lexicon
from service.triage import Tables, symptoms_named


@dataclass(frozen=True, slots=True)
class Content:
    """All reviewed content, as app.py injects it into the actions."""

    lexicon: Lexicon
    tables: Tables
    flows: Mapping[str, Flow]
    wording: Wording
    script: Script
    follow_through: FollowThrough
    opening: Opening
    law: ContactLaw
    answers: tuple[ReadyAnswer, ...] = ()
    """Ready answers of nurses."""


def load_content(root: Path | None = None) -> Content:
    """Reads and checks all content once at start. Raises ContentError at the first mistake.

    `root` is the folder that holds `flows/`; None means the installed or checked-out one, which is read once a process: it is a value.
    """
    return _own_content() if root is None else _content(root)


@cache
def _own_content() -> Content:
    return _content(None)


def _content(root: Path | None) -> Content:
    wording = load_wording(root)
    tables = load_tables(root)
    for rule in tables.rules:
        if rule.answer and rule.answer not in wording.texts:
            raise ContentError(URGENCY_TABLE.name, f"rule {rule.id}", f'the wording has no text "{rule.answer}"')
    lexicon, flows = load_lexicon(), load_flows() if root is None else load_flows(root, wording)
    for error in unknown_rechecks(tables, flows):
        raise error
    for error in unknown_symptoms(lexicon, tables, flows):
        raise error
    script, after, opening, law = load_script(root, wording), load_follow_through(root), load_opening(root), load_contact_law(root)
    return Content(lexicon, tables, flows, wording, script, after, opening, law, load_ready_answers(root))


def unknown_rechecks(tables: Tables, flows: Mapping[str, Flow]) -> Iterator[ContentError]:
    """Rules of the urgency table that name a safety re-check which is none."""
    known = sorted(key for key, flow in flows.items() if flow.kind == "recheck")
    for rule in tables.rules:
        if rule.recheck and rule.recheck not in known:
            told = f"write one of {', '.join(known)}" if known else "there is none yet: write a file with kind: recheck in flows/shared/"
            yield ContentError(URGENCY_TABLE.name, f"rule {rule.id}", f'there is no safety re-check "{rule.recheck}"; {told}')


def unknown_symptoms(lexicon: Lexicon, tables: Tables, flows: Mapping[str, Flow]) -> Iterator[ContentError]:
    """A symptom that no reader finds is a typing error: its rule would never fire, and nobody would notice."""
    known = {entry.name for entry in lexicon.entries if entry.kind == "symptom"}
    named = [(URGENCY_TABLE.name, f"rule {rule.id}", symptoms_named(rule.when)) for rule in tables.rules]
    for key, flow in flows.items():
        for step in flow.steps:
            named += [(f"{key}.yaml", f"steps.{step.key}.only_if", symptoms_named(condition)) for condition in flow.only_if(step)]
        for step in flow.questions:
            named.append((f"{key}.yaml", f"steps.{step.key}.about", frozenset(step.about)))
            named += [(f"{key}.yaml", f"red flag {flag.name}", symptoms_named(flow.rule(step, flag).when)) for flag in step.red_flags]
        if flow.sooner_when is not None:
            named.append((f"{key}.yaml", "silence.sooner_when", symptoms_named(flow.sooner_when)))
        if flow.quicken_when is not None:
            named.append((f"{key}.yaml", "quicken.when", symptoms_named(flow.quicken_when)))
    for file, where, symptoms in named:
        for symptom in sorted(symptoms - known):
            near = get_close_matches(symptom, sorted(known), n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            yield ContentError(file, where, f'"{symptom}" is no symptom that the vocabulary knows{hint}')
