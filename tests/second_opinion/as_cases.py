"""`python -m tests.second_opinion.as_cases FILE...`: prints lines of told/ or told_held_out/ as `rounds replies score` takes them.

The question is how somebody is, or, where a line is of doses, whether the medicine was taken: a told line has none of its own. Past, denied
and other people's symptoms are left out: only what is told as present is counted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.second_opinion.examples import read_line

LABELS = {"medication": "medication", "reason": "missed_reason", "request": "request", "crisis": "crisis_type"}
"""Prefix of an output -> the label that the label rules call it by."""
HOW = {"en": "How are you today?", "es": "¿Cómo está hoy?"}
DOSE = {"en": "Have you taken your medicine today?", "es": "¿Ya tomó su medicina hoy?"}


def case(line: str, name: str, number: int) -> dict[str, Any]:
    """One labelled reply; `name` is that of the file, which begins with the language. Raises ValueError on a label that is none."""
    urgency, told, reply = read_line(line)
    labels: dict[str, Any] = {
        LABELS[output.partition(":")[0]]: output.partition(":")[2] for output in sorted(told) if output.split(":")[0] in LABELS
    }
    symptoms = sorted(output.partition(":")[2] for output in told if output.startswith("symptom:"))
    labels |= {"symptoms_present": symptoms} if symptoms else {}
    labels |= {"opt_out": True} if "opt_out" in told else {}
    labels |= {"crisis": True} if "crisis_type" in labels else {}
    marks = line.partition(" | ")[0].split()
    labels |= {mark: True for mark in ("third_party", "wrong_number") if mark in marks}
    of_dose = "doses" in name or "medication" in labels
    return {
        "id": f"{name}-{number}",
        "lang": name[:2],
        "channel": "sms",
        "condition": "general",
        "question": (DOSE if of_dose else HOW)[name[:2]],
        "expects": "medication_taken" if of_dose else "free_text",
        "cell": name[3:].partition("-")[0],
        "reply": reply,
        "labels": labels,
        "urgency": urgency,
    }


def main() -> None:
    """Prints one case a line."""
    for file in map(Path, sys.argv[1:]):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            print(json.dumps(case(line, f"{file.stem}-{file.parent.name}", number), ensure_ascii=False))


if __name__ == "__main__":
    main()
