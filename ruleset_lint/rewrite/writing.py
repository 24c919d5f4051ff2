"""Writing files whole or not at all: the old file stays until the new one is on the disk. Knows no format."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from ruleset_lint.text import encode


class WriteError(Exception):
    """A file was not written, and what was there before is untouched; the text says which file and why."""


def write_file(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file, in place of one that is there, whose mode and owner it keeps; `mode` is for a new one.

    Links and what is no regular file are refused. Raises WriteError.
    """
    _write(path, text, mode, before=None)


def replace_file(path: Path, before: str, after: str, *, root: Path | None = None) -> None:
    """Write a file anew if it still says `before`, and if no link on its way leads out of `root`. Raises WriteError."""
    _expect_below(path, root)
    _write(path, after, 0o644, before=encode(before))


def check_file(path: Path, before: str | None, *, root: Path | None = None) -> None:
    """Raise WriteError if a file cannot be written now, or does not say `before` any more (None: there is none)."""
    _expect_below(path, root)
    with _told_of(path):
        status = _status(path)
        if before is None and status is not None:
            raise WriteError(f"{path}: is there, and was not read, not written")
        if before is not None:
            _expect_text(path, status, encode(before))
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise WriteError(f"{path}: nothing can be written into {folder}")


def _expect_below(path: Path, root: Path | None) -> None:
    if root is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise WriteError(f"{path}: a link on the way to it leads out of {root}")


def _expect_text(path: Path, status: os.stat_result | None, text: bytes) -> None:
    if status is None or path.read_bytes() != text:
        raise WriteError(f"{path}: changed while it was checked, not written")


def _write(path: Path, text: str, mode: int, *, before: bytes | None) -> None:
    with _told_of(path):
        status = _status(path)
        if before is not None:
            _expect_text(path, status, before)
        _write_beside(path, encode(text), status, mode)


@contextlib.contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """What the system refuses, as an error of writing this file."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"{path}: {(error.strerror or 'cannot be written').lower()}") from None
    except ValueError:
        raise WriteError(f"{path!s}: no file can have this name") from None


def _status(path: Path) -> os.stat_result | None:
    """What is there now. Raises WriteError for what must not be replaced."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        raise WriteError(f"{path}: a symbolic link, not written: name the file that it leads to")
    if not stat.S_ISREG(status.st_mode):
        raise WriteError(f"{path}: not a regular file, not written")
    return status


def _write_beside(path: Path, data: bytes, status: os.stat_result | None, mode: int) -> None:
    make = import_module("tempfile").mkstemp  # imported when a file is written, which most runs do not
    descriptor, temporary = make(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            _dress(descriptor, status, mode)
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    _sync_folder(path.parent)


def _dress(descriptor: int, status: os.stat_result | None, mode: int) -> None:
    """Give the new file the owner, the mode and the SELinux label of the old one."""
    if status is None:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(descriptor, mode & ~mask)
        return
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
