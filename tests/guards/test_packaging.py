"""What is committed builds anywhere: hashed locks that name no index, content that travels in the wheel, no path of one machine."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.guards.source import ROOT, tracked_files

LOCKS = ["requirements.lock", "requirements-dev.lock"]
REQUIREMENT = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.MULTILINE)
# Folder of the repository -> its place in the wheel. `service` has static files, migrations and lexicons in it.
TRAVELS = {"service": "service", "flows": "service/_content/flows", "templates": "service/_content/templates"}


def locked(name: str) -> dict[str, str]:
    return dict(REQUIREMENT.findall((ROOT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_hashes_every_package(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host| @ ", text)
    packages = re.split(r"^(?=[a-z0-9])", "\n".join(line for line in text.splitlines() if not line.startswith("#")), flags=re.MULTILINE)
    without = [package.split()[0] for package in packages if package.strip() and "--hash=sha256:" not in package]
    assert not without, without


def test_the_tools_are_locked_with_the_same_releases_as_the_product() -> None:
    tools = locked("requirements-dev.lock")
    assert {name: tools.get(name) for name in locked("requirements.lock")} == locked("requirements.lock")


def test_every_named_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"] + project["build-system"]["requires"]
    names = {re.split(r"[\[<>=!~; ]", each)[0].lower().replace(".", "-").replace("_", "-") for each in wanted}
    assert names <= set(locked("requirements.lock")), "run `make lock`"


def test_no_file_names_a_folder_of_one_machine() -> None:
    private = re.compile(rb"/(root|home/[a-z]+|work)/[a-z.]")
    wrong = [str(path.relative_to(ROOT)) for path in tracked_files() if path != Path(__file__) and private.search(path.read_bytes())]
    assert not wrong, wrong


def test_every_folder_of_code_is_a_package() -> None:
    """A folder without __init__.py is invisible to import-linter."""
    folders = {path.parent for path in (ROOT / "service").rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_the_wheel_carries_code_and_content(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    for folder, place in TRAVELS.items():
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert files, f"{folder} is empty"
        missing = [str(path) for path in files if f"{place}/{path.relative_to(ROOT / folder)}" not in carried]
        assert not missing, missing
