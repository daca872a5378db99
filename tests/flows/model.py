"""Flows that only tests read: a copy of a plain check-in, and one that uses every word of the language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service.content import load_wording
from service.engine import Flow, Library, parse_education, parse_flow
from service.yaml_values import read_yaml

HERE = Path(__file__).parent
WORDING = load_wording()
PLAIN_FILE, EVERY_FILE = "heart_failure/daily.yaml", "shared_kit/every_kind.yaml"
PLAIN = (HERE / "model_flow.yaml").read_text("utf-8")
EVERY = (HERE / "every_kind.yaml").read_text("utf-8")
REASON = """
kind: subflow
title: Why a dose was missed
owner: Test team
approver: null
status: draft, not clinically approved
review_by: 2027-05-31
sources: {own: An invented sheet for subflows}
languages: [en, es]
steps:
  reason:
    ask: {en: "Why? 1 forgot 2 cost", es: "¿Causa? 1 olvido 2 costo"}
    ask_again: {en: "1 forgot 2 cost", es: "1 olvido 2 costo"}
    say: {en: "Press 1 if you forgot, 2 for the cost.", es: "Marque 1 si fue olvido, 2 por el costo."}
    expects: choice
    choices: [{value: forgot}, {value: cost}]
    red_flags:
      - {name: cost, when: {choice: cost}, urgency: routine, reason: Cost, source: own}
  again:
    only_if: {step: reason, choice: forgot}
    tell: {en: "A box by the bed can help.", es: "Una caja junto a la cama ayuda."}
"""
EDUCATION = """
title: Feet
owner: Test team
sources: {sheet: An invented sheet}
messages:
  feet:
    - {name: look, en: "Look at your feet daily.", es: "Mire sus pies cada noche.", source: sheet}
    - {name: shoes, en: "Wear shoes that fit.", es: "Use zapatos de su talla.", source: sheet, say: {en: "Wear shoes.", es: "Use zapatos."}}
"""


def loaded(text: str) -> Any:
    return read_yaml(text)


def library(subflow: str = REASON, education: str = EDUCATION) -> Library:
    book = parse_education(loaded(education), "shared_kit/education.yaml", WORDING)
    return Library({"shared/reason": loaded(subflow)}, {"shared_kit": book})


def parsed(text: str, file: str = PLAIN_FILE) -> Flow:
    return parse_flow(loaded(text), file, WORDING, library() if file == EVERY_FILE else None)


MODEL = parsed(PLAIN)
KINDS = parsed(EVERY, EVERY_FILE)
