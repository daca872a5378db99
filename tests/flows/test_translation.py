"""Texts of flows out to translators and back: nothing lost on the way, nothing taken that patients may not get, no half-written file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.commands.surroundings import UserError
from service.commands.translate_flows import read_in, texts_of, write_out
from service.content import ContentError, compose_yaml, content_root, load_wording, load_yaml, parse_yaml, read_flows
from service.domain.texts import placeholders
from service.domain.wording import text_problem
from service.engine.languages import offered
from service.evaluation.flows.po_file import PoError, read, taken, written
from service.evaluation.flows.translation import Entry, Kind, entries, missing, split
from service.evaluation.flows.yaml_edits import edited

ROOT, WORDING = content_root(), load_wording()
KEY = "medication/weekly"
FILES = [
    str(path.relative_to(ROOT / "flows"))
    for path in sorted((ROOT / "flows").glob("*/*.yaml"))
    if not path.name.endswith(".cases.yaml") and (path.parent.name != "shared" or "steps" in load_yaml(path))
]
FLOWS = [name.removesuffix(".yaml") for name in FILES if not name.endswith("education.yaml")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Content of one programme that may be changed."""
    for name in ("shared", "medication"):
        shutil.copytree(ROOT / "flows" / name, tmp_path / "flows" / name)
    return tmp_path


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted((root / "flows").rglob("*")) if path.is_file()}


def po_of(root: Path, language: str = "es", flow: str = KEY) -> Path:
    out = root / f"{language}.po"
    write_out(root, flow, language, out)
    return out


def change(path: Path, how: Callable[[polib.POFile], None]) -> None:
    po = polib.pofile(str(path), encoding="utf-8", wrapwidth=100)
    how(po)
    po.save(str(path))


def entry_of(po: polib.POFile, name: str) -> polib.POEntry:
    return next(entry for entry in po if entry.msgctxt == name)


@pytest.mark.parametrize("flow", FLOWS)
def test_out_and_in_changes_nothing(flow: str) -> None:
    found = texts_of(ROOT, flow, "es")
    assert found
    assert missing(found) == []
    assert len({entry.name for entry in found}) == len(found)
    text = written(found, flow, "es", WORDING)
    po = read(text)
    assert taken(po, found, flow, WORDING) == ([], [])
    assert written(found, flow, "es", WORDING, po) == text, "the same flow gives the same file"


@pytest.mark.parametrize("name", FILES)
def test_every_text_of_a_file_is_given_and_no_other(name: str) -> None:
    """Held against another way of finding them: whatever stands beside an `en:`."""
    data = load_yaml(ROOT / "flows" / name)
    found: list[str] = []

    def look(node: object) -> None:
        if isinstance(node, dict):
            own = node.get("es") if "en" in node else None
            found.extend(
                [", ".join(own)] if isinstance(own, list) else own.values() if isinstance(own, dict) else [own] if own is not None else []
            )
            for each in node.values():
                look(each)
        elif isinstance(node, list):
            for each in node:
                look(each)

    look(data)
    assert {" ".join(str(text).split()) for text in found} == {entry.text for entry in entries(name, data, "es") if entry.text}


@pytest.mark.parametrize("name", FILES)
def test_a_change_touches_its_own_text_and_not_another_letter(name: str) -> None:
    before = (ROOT / "flows" / name).read_text(encoding="utf-8")
    data = parse_yaml(before, name)
    root = compose_yaml(before, name)
    found = entries(name, data, "es")
    same = {entry.path: forms_of(found, entry, lambda text: text) for entry in found if entry.text}
    assert edited(before, root, same, "es") == before
    odd = {entry.path: forms_of(found, entry, lambda text: f'{text}: "# x\\ {{') for entry in found if entry.text}
    after = edited(before, root, odd, "es")
    new = parse_yaml(after, name)
    assert [entry.text for entry in entries(name, new, "es") if entry.text] == [
        split_and_joined(entry, f'{entry.text}: "# x\\ {{') for entry in found if entry.text
    ]
    assert offered({**new, "translating": ["es"]}, ("en",)) == offered({**data, "translating": ["es"]}, ("en",))
    assert [line for line in after.splitlines() if line.lstrip().startswith("#")] == [
        line for line in before.splitlines() if line.lstrip().startswith("#")
    ], "comments stay"


def split_and_joined(entry: Entry, text: str) -> str:
    return ", ".join(split(text)) if entry.kind is Kind.WORDS else text


def forms_of(found: list[Entry], entry: Entry, how: Callable[[str], str]) -> dict[str, str] | list[str]:
    if entry.kind is Kind.WORDS:
        return split(how(entry.text))
    return {each.form: how(each.text) for each in found if each.path == entry.path and each.text}


@pytest.mark.parametrize("name", FILES)
def test_a_language_that_is_not_there_yet_is_added_beside_the_others(name: str) -> None:
    before = (ROOT / "flows" / name).read_text(encoding="utf-8")
    data = parse_yaml(before, name)
    found = entries(name, data, "fr")
    assert {entry.text for entry in found} == {""}
    new = {
        entry.path: ["un", "deux"]
        if entry.kind is Kind.WORDS
        else {each.form: f"En français: {each.english}" for each in found if each.path == entry.path}
        for entry in found
    }
    after = edited(before, compose_yaml(before, name), new, "fr")
    loaded = parse_yaml(after, name)
    assert loaded["translating"] == ["fr"]
    assert missing(entries(name, loaded, "fr")) == []
    assert {entry.text for entry in entries(name, loaded, "fr") if entry.kind is not Kind.WORDS} == {
        f"En français: {entry.english}" for entry in found if entry.kind is not Kind.WORDS
    }
    left = dict(offered(loaded))
    del left["translating"]
    assert left == data, "what patients get is as it was"


def test_a_translation_is_taken_and_only_its_letters_change(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(root)
    path = po_of(root)
    change(path, lambda po: setattr(entry_of(po, f"{KEY}.yaml greeting"), "msgstr", "{clinic} le manda un saludo."))
    read_in(root, KEY, path)
    assert f"flows/{KEY}.yaml: 1 text in es changed" in capsys.readouterr().out
    after = contents(root)
    assert {name for name in before if before[name] != after[name]} == {f"flows/{KEY}.yaml"}
    old, new = before[f"flows/{KEY}.yaml"].decode().splitlines(), after[f"flows/{KEY}.yaml"].decode().splitlines()
    [(was, now)] = [(one, other) for one, other in zip(old, new, strict=True) if one != other]
    assert now.strip() in ('es: "{clinic} le manda un saludo."', "es: '{clinic} le manda un saludo.'")
    assert was.strip().startswith("es:")
    assert read_flows(root).flows[KEY].greeting["es"].plain == "{clinic} le manda un saludo."
    assert list(root.glob("**/*.part")) == []


REFUSED: list[tuple[str, str, str]] = [
    ("greeting", "Le saluda la clinica.", "the placeholder {clinic} is lost"),
    ("greeting", "Le saluda {clinic}, {first_name}.", "the English has no placeholder {first_name}"),
    ("greeting", "Le saluda {clinic}, {nombre}.", "the English has no placeholder {nombre}"),
    ("greeting", "Le saluda {clinic}. {", "a brace is left over"),
    ("greeting", "Le saluda {clinic}. Una enfermera le llama hoy.", "promises a time"),
    ("greeting", "Le saluda {clinic}. " + "Por favor lea todo. " * 16, "shorten it to 2"),
    ("greeting", "Le saluda {clinic}. Responda ALTO si quiere.", "ends all messages"),
    ("greeting", "Le saluda {clinic}: https://clinic.example/es", 'does not lead to "https:"'),
    ("greeting", "Le saluda {clinic}. Mire bit.ly/es.", 'does not lead to "t.ly/e"'),
    ("greeting", "Le saluda {clinic}. Llame al (202) 555-0177.", 'does not lead to "202) 555-0177"'),
    ("greeting", "", "is empty, but patients get a text there"),
    ("greeting", "Le saluda\n{clinic}.", "write it in one line"),
    ("greeting", "Le saluda {clinic}.\u200b", "a sign that cannot be shown"),
]


@pytest.mark.parametrize(("name", "text", "told"), REFUSED)
def test_what_patients_may_not_get_is_refused_by_file_and_entry(
    root: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, told: str
) -> None:
    path = po_of(root)
    change(path, lambda po: setattr(entry_of(po, f"{KEY}.yaml {name}"), "msgstr", text))
    before = contents(root)
    with pytest.raises(UserError, match="no file was changed"):
        read_in(root, KEY, path)
    printed = capsys.readouterr().out
    assert re.search(rf"es\.po: line \d+, {re.escape(KEY)}\.yaml {name}: ", printed)
    assert told in printed
    assert contents(root) == before


def test_choices_keep_their_numbers_and_their_words_end_no_messages(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = po_of(root, flow="shared/missed_dose")
    before = contents(root)
    asked = next(entry for entry in texts_of(root, "shared/missed_dose", "es") if entry.choices and entry.form == "plain")
    worded = next(entry for entry in texts_of(root, "shared/missed_dose", "es") if entry.kind is Kind.WORDS)

    def spoil(po: polib.POFile) -> None:
        entry_of(po, asked.name).msgstr = asked.text.replace("2", "dos")
        entry_of(po, worded.name).msgstr = "alto, otra cosa"

    change(path, spoil)
    with pytest.raises(UserError, match="2 mistakes"):
        read_in(root, "shared/missed_dose", path)
    printed = capsys.readouterr().out
    assert "choice 2 is not offered" in printed
    assert '"alto" ends all messages' in printed
    assert contents(root) == before


def test_what_only_the_whole_flow_shows_is_refused_too(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A greeting that fits by itself, but not with the question after it."""
    path = po_of(root)
    change(path, lambda po: setattr(entry_of(po, f"{KEY}.yaml greeting"), "msgstr", "Le saluda {clinic}. " + "Lea todo, por favor. " * 11))
    before = contents(root)
    with pytest.raises(UserError, match="would stand in the flows; no file was changed"):
        read_in(root, KEY, path)
    assert "shorten one of them to 2 together" in capsys.readouterr().out
    assert contents(root) == before


def test_unknown_missing_and_doubled_entries_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, before = po_of(root), contents(root)
    text = path.read_text(encoding="utf-8")
    place = f"{KEY}.yaml greeting"
    for spoilt, told in (
        (text.replace(f'"{place}"', f'"{KEY}.yaml greetings"'), "the flow has no such text"),
        (text.replace(f'"{place}"', f'"{KEY}.yaml greetings"'), f"{place}: is not in the file"),
        (text + text[text.index("#. Text message: stands before the first") :].split("\n\n")[0] + "\n", "stands there twice"),
        (text.replace(f'msgctxt "{place}"\n', ""), "msgctxt is missing"),
        (text.replace('"Language: es\\n"\n', ""), "names no language"),
        (text.replace('"Language: es\\n"', '"Language: en\\n"'), "English is what is translated from"),
        (text.replace(KEY, "medication/daily"), "not of medication/weekly"),
        (text.replace('msgid "Hello', 'msgid "Hello, hello'), "the English has changed"),
        (text.replace(f'msgctxt "{place}"', f'#, fuzzy\nmsgctxt "{place}"'), "is marked fuzzy"),
        (text.replace("\nmsgstr", "\nmsgstring"), "not readable as PO"),
        ("", "it is empty"),
        ("/etc/passwd", "it is empty"),
        (text + "#" * 1_000_001, "longer than"),
    ):
        path.write_text(spoilt, encoding="utf-8")
        with pytest.raises(UserError) as refused:
            read_in(root, KEY, path)
        assert told in str(refused.value) + capsys.readouterr().out
        assert contents(root) == before
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(UserError, match="UTF-8"):
        read_in(root, KEY, path)
    path.unlink()
    po_of(root)
    for flow in ("medication/none", "shared/wording", "../medication/weekly"):
        with pytest.raises(UserError, match="there is no flow"):
            read_in(root, flow, path)


def test_an_english_text_that_changed_since_makes_its_translation_fuzzy(root: Path) -> None:
    path = po_of(root)
    flow = root / "flows" / f"{KEY}.yaml"
    flow.write_text(flow.read_text(encoding="utf-8").replace("Hello from {clinic}.", "Hello again from {clinic}."), encoding="utf-8")
    with pytest.raises(UserError):
        read_in(root, KEY, path)
    write_out(root, KEY, "es", path)
    [marked] = polib.pofile(str(path), encoding="utf-8").fuzzy_entries()
    assert (marked.msgctxt, marked.previous_msgid) == (f"{KEY}.yaml greeting", "Hello from {clinic}.")
    write_out(root, KEY, "es", path)
    assert polib.pofile(str(path), encoding="utf-8").fuzzy_entries(), "until somebody has looked at it"
    before = contents(root)
    with pytest.raises(UserError):
        read_in(root, KEY, path)
    change(path, lambda po: entry_of(po, f"{KEY}.yaml greeting").flags.remove("fuzzy"))
    read_in(root, KEY, path)
    assert contents(root) == before, "it still fits"
    write_out(root, KEY, "es", path)
    assert polib.pofile(str(path), encoding="utf-8").fuzzy_entries() == []


def test_work_that_is_not_read_in_yet_is_not_written_over(root: Path) -> None:
    path = po_of(root)
    change(path, lambda po: setattr(entry_of(po, f"{KEY}.yaml greeting"), "msgstr", "{clinic} le saluda."))
    text = path.read_bytes()
    with pytest.raises(UserError, match="read it in with --in first"):
        write_out(root, KEY, "es", path)
    with pytest.raises(UserError, match="in es, not in fr"):
        write_out(root, KEY, "fr", path)
    assert path.read_bytes() == text


def test_a_third_language_grows_without_being_offered(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = read_flows(root).flows[KEY].version
    path = po_of(root, "fr")
    found = texts_of(root, KEY, "fr")
    assert missing(found)
    change(path, lambda po: setattr(entry_of(po, f"{KEY}.yaml greeting"), "msgstr", "Bonjour de {clinic}."))
    read_in(root, KEY, path)
    printed = capsys.readouterr().out
    assert f"fr is not offered to patients: {len(missing(found)) - 1} texts are missing" in printed
    files = read_flows(root)
    assert files.errors == ()
    assert (files.flows[KEY].version, files.flows[KEY].languages) == (version, ("en", "es")), "what is approved has not changed"
    assert load_yaml(root / "flows" / f"{KEY}.yaml")["translating"] == ["fr"]
    flow = root / "flows" / f"{KEY}.yaml"
    whole = flow.read_text(encoding="utf-8")
    flow.write_text(whole.replace("languages: [en, es]\ntranslating: [fr]", "languages: [en, es, fr]"), encoding="utf-8")
    told = [str(error) for error in read_flows(root).errors]
    assert any("the text in fr is missing; add fr:" in each and "days_missed.ask" in each for each in told)
    assert any('have no "fr"' in each for each in told)
    flow.write_text(whole.replace("languages: [en, es]", "languages: [en, es, fr]"), encoding="utf-8")
    assert '"fr" is offered already' in str(read_flows(root).errors[0])
    flow.write_text(whole.replace("translating: [fr]\n", ""), encoding="utf-8")
    assert "is none of the flow's languages" in str(read_flows(root).errors[0])


def test_an_offered_language_with_a_text_missing_is_not_read_and_can_be_set_back(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = root / "flows" / f"{KEY}.yaml"
    whole = flow.read_text(encoding="utf-8")
    without = re.sub(r"\n  es: .*clinic.*", "", whole, count=1)
    assert without != whole
    flow.write_text(without, encoding="utf-8")
    [error] = read_flows(root).errors
    assert (error.file, "the text in es is missing" in error.what) == (f"{KEY}.yaml", True)
    flow.write_text(without.replace("languages: [en, es]", "languages: [en]\ntranslating: [es]"), encoding="utf-8")
    files = read_flows(root)
    assert files.errors == ()
    assert files.flows[KEY].languages == ("en",)
    assert not any("es" in step.ask for step in files.flows[KEY].questions), "subflows too speak what the flow offers"
    path = po_of(root)
    change(path, lambda po: setattr(entry_of(po, f"{KEY}.yaml greeting"), "msgstr", "Le saluda {clinic}."))
    read_in(root, KEY, path)
    assert "missing" not in capsys.readouterr().out.splitlines()[-1]
    flow.write_text(flow.read_text(encoding="utf-8").replace("languages: [en]\ntranslating: [es]", "languages: [en, es]"), encoding="utf-8")
    assert read_flows(root).errors == ()


SPOILERS = ['"', "\n", "\\", "{", "}", "msgstr", "#, fuzzy\n", '""', "\n\n", "#~ "]


@st.composite
def spoilt(draw: st.DrawFn, text: str) -> str:
    """The text with a piece taken out and something else put in, or cut short."""
    begin = draw(st.integers(0, len(text)))
    end = draw(st.integers(begin, min(len(text), begin + 200)) | st.just(len(text)))
    return text[:begin] + draw(st.text(max_size=20) | st.sampled_from(SPOILERS)) + text[end:]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_spoilt_file_is_refused_or_gives_texts_that_may_be_sent(data: st.DataObject) -> None:
    found = found_in_weekly()
    try:
        po = read(data.draw(spoilt(written(found, KEY, "es", WORDING))))
        changes, problems = taken(po, found, KEY, WORDING)
    except PoError:
        return
    if not problems:
        for entry, text in changes:
            assert text
            assert set(placeholders(text)) == set(placeholders(entry.english))
            assert entry.kind is not Kind.WRITTEN or not text_problem(text, WORDING, "es")


@cache
def found_in_weekly() -> list[Entry]:
    return texts_of(ROOT, KEY, "es")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoilt_file_gives_errors_and_never_a_half_written_flow(root: Path, data: st.DataObject) -> None:
    path, before = root / "spoilt.po", contents(root)
    text = data.draw(spoilt(written(found_in_weekly(), KEY, "es", WORDING)))
    path.write_text(text, encoding="utf-8", errors="replace")
    refused = ""
    try:
        read_in(root, KEY, path)
    except (UserError, ContentError) as error:
        refused = str(error)
    if refused:
        assert "spoilt.po" in refused or "no file was changed" in refused
        assert contents(root) == before
    else:
        assert read_flows(root).errors == ()
        for name, content in contents(root).items():
            if before[name] != content:
                old, new = parse_yaml(before[name].decode(), name), parse_yaml(content.decode(), name)
                assert offered({**new, "translating": ["es"]}, ("en",)) == offered({**old, "translating": ["es"]}, ("en",))
                (root / name).write_bytes(before[name])
    path.unlink()
    assert list(root.glob("**/*.part")) == []


def test_reading_is_never_more_than_an_error() -> None:
    for text in ("\n", 'msgid ""\n', "\x00\n\x00", 'msgid "a"\nmsgstr[0] "b"\n', '"\n"\n', 'msgctxt "a"\nmsgctxt "b"\n', "\ufeff\n"):
        with pytest.raises(PoError):
            read(text)
