"""Writing a folder of files whole or not at all. Knows what a bundle may hold, not what it means."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ruleset_lint.rewrite.bundle import BROUGHT_BACK, MARKER, REPORT, TOP, BundledFile
from ruleset_lint.rewrite.writing import WriteError, write_file


def write_bundle(folder: Path, files: Sequence[BundledFile], *, force: bool = False) -> None:
    """Write a bundle as a new folder, or in place of an earlier bundle that was not applied, or was rolled back.

    Any other folder that holds something is refused, or with `force` written into, file by file. Raises WriteError.
    """
    try:
        if folder.is_symlink():
            raise WriteError(f"{folder}: a symbolic link, not written: name the folder that it leads to")
        if not folder.exists() or _is_empty(folder):
            _write_new(folder, files)
        elif _is_bundle(folder):
            _replace(folder, files)
        elif force and folder.is_dir():
            _write_into(folder, files)
        else:
            raise WriteError(f"{folder}: {_why_not(folder)}")
    except OSError as error:
        raise WriteError(f"{folder}: {(error.strerror or 'cannot be written').lower()}") from None
    except ValueError:
        raise WriteError(f"{folder!s}: no folder can have this name") from None


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _is_bundle(folder: Path) -> bool:
    """Whether a folder holds a bundle and nothing else that anyone needs, above all no files to roll back to."""
    report = folder / REPORT
    if not folder.is_dir() or report.is_symlink() or not report.is_file():
        return False
    with report.open("rb") as file:
        ours = file.readline(len(MARKER) + 1).rstrip() == MARKER.encode()
    return ours and {entry.name for entry in folder.iterdir()} <= {*TOP, BROUGHT_BACK}


def _why_not(folder: Path) -> str:
    if not folder.is_dir():
        return "not a folder, not written"
    if (folder / "rollback").exists():
        return "holds what its rollback.sh needs, not written: roll back first, or name another folder"
    return "holds other files, not written: name a new folder, or give --force to write into it"


def _write_new(folder: Path, files: Iterable[BundledFile]) -> None:
    """The folder appears when all of it is on the disk."""
    with _private_folder(folder) as private:
        _fill(private / "new", files)
        (private / "new").rename(folder)


def _replace(folder: Path, files: Iterable[BundledFile]) -> None:
    """The old bundle goes when all of the new one is on the disk."""
    with _private_folder(folder) as private:
        _fill(private / "new", files)
        folder.rename(private / "old")
        try:
            (private / "new").rename(folder)
        except BaseException:
            (private / "old").rename(folder)
            raise


@contextlib.contextmanager
def _private_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the one to write, that nobody else can write into and that goes with what is left in it."""
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    private = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", dir=parent))
    try:
        yield private
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _fill(folder: Path, files: Iterable[BundledFile]) -> None:
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, file.text, mode=0o755 if file.executable else 0o644)


def _write_into(folder: Path, files: Sequence[BundledFile]) -> None:
    """Each file whole or not at all; none through a link."""
    for file in files:
        parents = [folder / part for part in list(Path(file.path).parents)[:-1]]
        if any(parent.is_symlink() for parent in parents):
            raise WriteError(f"{folder / file.path}: a link on the way to it, not written")
    _fill(folder, files)
