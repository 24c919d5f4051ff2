"""A plan written over the files that it was made from: all of them or none. Knows no format."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ruleset_lint.model.host import Host
from ruleset_lint.rewrite.new_file import NewFile, relative_path
from ruleset_lint.rewrite.plan import Plan
from ruleset_lint.rewrite.writing import WriteError, check_file, replace_file, write_file


class Placed(NamedTuple):
    """A file that changes, and where it lies: `file.path` is where the machine has it."""

    path: Path
    file: NewFile


def placed(host: Host, plan: Plan) -> tuple[Placed, ...]:
    """The files of a plan with the paths from which they were read; new ones lie below the host's root.

    Raises WriteError for a new file where only files without a root are given, and for standard input.
    """
    known = _known(host, plan)
    return tuple(Placed(_place(host, file, known), file) for file in plan.files)


def _known(host: Host, plan: Plan) -> Mapping[str, str]:
    """The paths of files that were read, by where the machine has them."""
    found = {relative_path(document, host.root): document.path for document in host.documents}
    found |= {family.path: family.rewritten.ruleset.document.path for family in plan.families}
    configured = plan.profile.paths.service_config or ()
    for service in host.services or ():
        found |= dict.fromkeys(configured[service.family == 6 :][:1], service.document.path)
    return found


def _place(host: Host, file: NewFile, known: Mapping[str, str]) -> Path:
    if file.before is None:
        if not host.root:
            raise WriteError(
                f"{file.path}: would be new, and there is no root to put it below: name the machine's root"
            )
        return Path(host.root) / file.path
    path = known.get(file.path, file.path)
    if path == "-":
        raise WriteError("standard input is no file that could be written in place")
    return Path(path)


def write_in_place(files: Sequence[Placed], root: str) -> None:
    """Write all files, each whole: all are checked before the first is written. Raises WriteError.

    If one cannot be written all the same, those before it are put back as they were.
    """
    if root and os.path.realpath(root) == "/":
        raise WriteError("this is the running machine: write a bundle with --output and run its apply.sh")
    for placed_file in files:
        check_file(placed_file.path, placed_file.file.before, root=Path(root) if root else None)
    done: list[Placed] = []
    try:
        for placed_file in files:
            _write(placed_file, root)
            done.append(placed_file)
    except BaseException:
        for placed_file in reversed(done):
            _put_back(placed_file)
        raise


def _write(placed_file: Placed, root: str) -> None:
    path, file = placed_file
    if file.before is None:
        with _as_write_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, file.after)
    else:
        replace_file(path, file.before, file.after, root=Path(root) if root else None)


def _put_back(placed_file: Placed) -> None:
    path, file = placed_file
    with contextlib.suppress(WriteError, OSError):
        if file.before is None:
            path.unlink()
        else:
            replace_file(path, file.after, file.before)


@contextlib.contextmanager
def _as_write_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(f"{path}: {(error.strerror or 'cannot be written').lower()}") from None
