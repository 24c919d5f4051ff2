"""From paths as a user gives them to machines and loose files. Knows no format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from ruleset_lint.gather.files import Problem, UnreadableError, beginning, walk
from ruleset_lint.gather.kinds import Kind, begins_as_conntrack, begins_as_ruleset, kind_of_path
from ruleset_lint.gather.tree import is_root

_OF_A_MACHINE = frozenset(("etc", "proc", "sys", "dev", "run", "usr", "var", "lib", "lib64", "boot"))
_NOT_TEXT = (".py", ".md", ".rst", ".html", ".json", ".yml", ".yaml", ".toml", ".lark", ".j2", ".xml", ".gz", ".png")


class Found:
    """Roots of machines with what of them was asked for (paths of files and folders; empty: all), and loose files.

    Loose files are those that belong to no machine, by the folder they were found in, "" if given one by one.
    """

    def __init__(self, stdin: bytes | None = None) -> None:
        """Nothing found so far but standard input."""
        self.roots: dict[str, set[str]] = {}
        self.loose: dict[str, list[str]] = {}
        self.problems: list[Problem] = []
        self.stdin = stdin


def find(paths: Iterable[str], stdin: bytes | None = None) -> Found:
    """What paths of files and folders stand for; `stdin` is what came through standard input, None if nothing did."""
    found = Found(stdin=stdin)
    for given in paths:
        path = Path(given)
        try:
            if path.is_dir():
                _find_in_folder(found, path)
            else:
                _find_file(found, path)
        except (OSError, ValueError) as error:
            found.problems.append(Problem(given, getattr(error, "strerror", None) or "no such name can exist"))
        except UnreadableError as error:
            found.problems.append(Problem(given, str(error)))
    return found


def root_above(path: Path) -> Path | None:
    """The root of the machine that a file below `…/etc/…` or `…/proc/…` belongs to."""
    return next((folder for folder in _candidates(path) if is_root(folder)), None)


def _candidates(path: Path) -> Iterator[Path]:
    """Folders that hold the path's etc/ or proc/: by the path as given, else by all of it."""
    for start in (path, path.absolute()):
        yield from (folder.parent for folder in (start, *start.parents) if folder.name in ("etc", "proc"))


def _find_file(found: Found, path: Path) -> None:
    root = root_above(path)
    if root is None:
        found.loose.setdefault("", []).append(str(path))
        return
    shown = path if path.is_relative_to(root) else path.absolute()
    _ask_for(found, root, str(shown))


def _find_in_folder(found: Found, folder: Path) -> None:
    if is_root(folder):
        found.roots[str(folder)] = set()
    elif root := root_above(folder):
        _ask_for(found, root, str(folder if folder.is_relative_to(root) else folder.absolute()))
        return
    if not is_root(folder) or not (folder / "usr").is_dir():
        _walk(found, folder)


def _walk(found: Found, folder: Path) -> None:
    before = len(found.roots) + len(found.loose)
    for here, folders, files in walk(folder):
        if is_root(here):
            found.roots[str(here)] = set()
            folders[:] = [] if (here / "usr").is_dir() else [name for name in folders if name not in _OF_A_MACHINE]
        names = [str(here / name) for name in files if _is_meant(here / name)]
        if names:
            found.loose[str(here)] = names
    if len(found.roots) + len(found.loose) == before and str(folder) not in found.roots:
        found.problems.append(Problem(str(folder), "nothing to check in this folder: no ruleset, no machine's etc/"))


def _is_meant(path: Path) -> bool:
    """Whether a file found in a folder is one to check."""
    if path.suffix in _NOT_TEXT:
        return False
    kind = kind_of_path(str(PurePath(*path.parts[-2:])))
    text = beginning(path)
    if kind in (None, Kind.RULESET):
        return begins_as_ruleset(text) or begins_as_conntrack(text)
    return bool(text) and kind is not Kind.LOADED


def _ask_for(found: Found, root: Path, shown: str) -> None:
    """Note that a part of a machine was asked for; all of it outweighs a part."""
    asked = found.roots.get(str(root))
    if asked is None:
        found.roots[str(root)] = {shown}
    elif asked:
        asked.add(shown)
