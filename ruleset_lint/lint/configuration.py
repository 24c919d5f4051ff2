"""The configuration of a run: what can be set, and the files that say so. Knows not what the settings do."""

import difflib
import os
import re
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from ruleset_lint.lint.configuration_values import READERS
from ruleset_lint.lint.finding import Severity
from ruleset_lint.netfilter.services import ADMINISTRATION, Service
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.text import safe

FILE_NAMES = ("ruleset-lint.toml", ".ruleset-lint.toml", "pyproject.toml")
LARGEST = 64 << 10  # bytes
LONGEST_LINE = 4 << 10  # bytes
MOST_DOTS = 16

_TOOL = "ruleset-lint"
_KEY = r"[ \t]*\[{0,2}([A-Za-z0-9_.'\" \t-]*)[=\]]"
_SHOWN = 60


class ConfigurationError(ValueError):
    """A configuration that cannot be used; the text is one line and says where and why."""


class Configuration(NamedTuple):
    """Settings of a run; all of them have a default. `ram` is in bytes. `source` is the file they come from, if any."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    severity: tuple[tuple[str, Severity], ...] = ()
    profile: str | None = None
    complete: bool = False
    services: tuple[Endpoint, ...] = ()
    ram: int | None = None
    admin_service: Service = ADMINISTRATION
    source: str | None = None

    @property
    def own_services(self) -> tuple[Service, ...]:
        """The busy services of the machine itself."""
        return tuple(one.service for one in self.services if one.address is None)


def find(start: Path, audited: Collection[Path] = ()) -> Path | None:
    """The nearest configuration file from a folder up to the root of its repository, outside one in the folder alone.

    None if there is none. Never one that lies inside an audited folder: what is judged must not configure its judge.
    """
    judged = {_real(folder) for folder in audited} - {Path("/")}
    for folder in _up_to_repository(_real(start)):
        if not any(folder.is_relative_to(root) for root in judged):
            for name in FILE_NAMES:
                if _is_configuration(folder / name):
                    return folder / name
    return None


def _up_to_repository(start: Path) -> list[Path]:
    """The folder and those above it, as far as the repository goes: above that, anybody may have put a file."""
    folders = [start, *start.parents]
    top = next((number for number, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    return folders[: top + 1]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_configuration(path: Path) -> bool:
    """Whether a file is meant for this program; a pyproject.toml is if it has a table for it."""
    if path.name != "pyproject.toml" or not path.is_file():
        return path.is_file()
    try:
        with path.open("rb") as file:
            return f"[tool.{_TOOL}".encode() in file.read(1 << 20)
    except OSError:
        return False


def read(path: Path) -> Configuration:
    """The configuration in a file. Raises ConfigurationError."""
    return parse(_content(path), str(path))


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        _refuse(str(path), f"cannot be read: {reason}")
    if len(data) > LARGEST:
        _refuse(str(path), f"larger than {LARGEST >> 10} KiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"{path}:{data[: error.start].count(10) + 1}", "not UTF-8")


def parse(text: str, path: str) -> Configuration:
    """The configuration in a text; in a pyproject.toml the table `tool.ruleset-lint`. Raises ConfigurationError."""
    _guard(text, path)
    try:
        found = _toml(text)
    except (ValueError, RecursionError) as error:
        _refuse(path, _toml_reason(error))
    for name in ("tool", _TOOL) if Path(path).name == "pyproject.toml" else ():
        found = found.get(name, {}) if isinstance(found, dict) else {}
    if not isinstance(found, dict):
        _refuse(path, f"tool.{_TOOL} is no table")
    return _configuration(found, text, path)


def _guard(text: str, path: str) -> None:
    """Refuse what would cost a TOML parser seconds and gigabytes."""
    if len(text) > LARGEST or len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        _refuse(path, f"larger than {LARGEST >> 10} KiB")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line.encode("utf-8", "surrogatepass")) > LONGEST_LINE:
            _refuse(f"{path}:{number}", f"line longer than {LONGEST_LINE >> 10} KiB")
        key = re.match(_KEY, line)
        if key and key[1].count(".") > MOST_DOTS:
            _refuse(f"{path}:{number}", f"key with more than {MOST_DOTS} dots")


def _toml(text: str) -> object:
    """What a text holds. The parser is imported when there is a configuration, which most runs have not."""
    loads: Callable[[str], object] = import_module("tomli").loads
    return loads(text)


def _toml_reason(error: ValueError | RecursionError) -> str:
    reason = str(error).split("\n")[0]
    return f"no TOML: {reason[:200]}"


def _configuration(table: Mapping[str, object], text: str, path: str) -> Configuration:
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{path}{_line_of(key, text)}"
        if key not in READERS:
            near = difflib.get_close_matches(key[:_SHOWN], READERS, n=1)
            hint = f"did you mean {near[0]}" if near else f"there are {', '.join(sorted(READERS))}"
            _refuse(where, f"unknown key {key[:_SHOWN]}, {hint}")
        try:
            values[key.replace("-", "_")] = READERS[key](value)
        except ValueError as error:
            _refuse(where, f"{key}: {error}")
    return Configuration(source=path, **values)


def _line_of(key: str, text: str) -> str:
    """`:line` of a key or of a table of that name, nothing if it cannot be told."""
    found = re.search(rf"^[ \t]*(?:\[(?:[^\]\n]*\.)?)?[\"']?{re.escape(key)}[\"']?[ \t]*[=.\]]", text, re.MULTILINE)
    return f":{text.count(chr(10), 0, found.start()) + 1}" if found else ""


def _refuse(where: str, reason: str) -> NoReturn:
    raise ConfigurationError(safe(f"{where}: {reason}")) from None
