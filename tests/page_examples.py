"""What guides show: commands behind `$ ` and what they print.

They are run page by page, in a folder with the fixture machines and the files that the page shows: a block of code
whose first line is ``` title="NAME" is such a file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))

_FENCE = re.compile(r"^```(?:[a-z]*| title=.*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"^```\n(?=\$ )(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r'^``` title="([\w./-]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_OURS = re.compile(r"^(?:\$ |.*[|&;] )?ruleset-lint ([a-z-]+)([^|;#\n]*)", re.MULTILINE)
_OPTION = re.compile(r"(?<!\S)(--[a-z][a-z0-9-]*)")


class Use(NamedTuple):
    """A command of ours somewhere on a page, and an option that it is given."""

    command: str
    option: str


def refreshed(text: str, folder: Path) -> str:
    """The page with what its commands print today; they run one after another in `folder`."""
    environment = _prepared(folder)
    for name, content in _FILE.findall(text):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")

    def rerun(shown: re.Match[str]) -> str:
        return "```\n" + _COMMAND.sub(answer, shown[1]) + "```"

    def answer(command: re.Match[str]) -> str:
        ran = subprocess.run(
            ["bash", "-c", f"{{ {command[1]}\n}} 2>&1"], cwd=folder, env=environment, capture_output=True, check=False
        )
        return f"$ {command[1]}\n{ran.stdout.decode()}"

    return _SHOWN.sub(rerun, text)


def uses(text: str) -> Iterator[Use]:
    """The options that a page gives to commands of ours, in code."""
    code = "\n".join(_FENCE.findall(text) + re.findall(r"`([^`\n]+)`", _FENCE.sub("", text)))
    for command, words in _OURS.findall(code):
        yield from (Use(command, option) for option in _OPTION.findall(words))


def _prepared(folder: Path) -> dict[str, str]:
    shutil.copytree(ROOT / "fixtures/hosts", folder / "fixtures/hosts")
    program = folder.with_name(f"{folder.name}-bin") / "ruleset-lint"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m ruleset_lint "$@"\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
