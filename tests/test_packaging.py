"""The wheel holds everything that the checkout runs with."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ruleset_lint.resources import resource

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """Names of the files in a wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return frozenset(archive.namelist())


@pytest.mark.parametrize(("folder", "pattern"), [("grammar", "*.lark"), ("rules", "**/*.py")])
def test_data_folders_are_inside_the_package(wheel: frozenset[str], folder: str, pattern: str) -> None:
    wanted = {f"ruleset_lint/_data/{path.relative_to(ROOT)}" for path in (ROOT / folder).glob(pattern)}
    assert wanted
    assert wanted <= wheel


def test_templates_and_types_are_there(wheel: frozenset[str]) -> None:
    templates = {str(path.relative_to(ROOT)) for path in (ROOT / "ruleset_lint").rglob("*.j2")}
    assert templates | {"ruleset_lint/py.typed"} <= wheel


def test_only_our_name_goes_to_site_packages(wheel: frozenset[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info" not in name} == {"ruleset_lint"}


def test_a_checkout_uses_its_own_folders() -> None:
    assert resource("rules") == ROOT / "rules"
