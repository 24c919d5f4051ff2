"""Reading files that nobody vouches for: bounded, no devices, nothing outside of a machine's root. Knows no format."""

import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ruleset_lint.text import decode

LARGEST = 64 << 20  # bytes
MOST_FILES = 100_000  # looked at in one folder
_PIECE = 1 << 16
_MOST_LINKS = 40
_MOST_DROP_INS = 4096  # files in one folder of settings
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


class Problem(NamedTuple):
    """A file that could not be read, and why."""

    path: str
    reason: str


class UnreadableError(Exception):
    """A file cannot be read; the text is the reason."""


def read(path: Path, *, sample: bool = False) -> str:
    """The text of a regular file, links followed. Raises UnreadableError.

    `sample`: of a file that is too large, the whole lines of its beginning are enough.
    """
    try:
        _expect_regular(path.stat())
        return _checked(_content(path, sample=sample))
    except OSError as error:
        raise UnreadableError(_reason(error)) from None
    except ValueError:
        raise UnreadableError("NUL in the name") from None


def text_of(data: bytes) -> str:
    """The text of what came through a pipe. Raises UnreadableError for what is none."""
    if len(data) > LARGEST:
        raise UnreadableError(f"larger than {LARGEST >> 20} MiB")
    return _checked(data)


def beginning(path: Path) -> str:
    """The first 4096 bytes of a regular file that is no link; empty if there are none or they are not text."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return ""
        with path.open("rb") as file:
            data = file.read(4096)
    except OSError:
        return ""
    return "" if b"\0" in data else decode(data)


def resolve(root: Path, relative: str) -> Path | None:
    """Where a path of a machine lies when `root` is its `/`: links cannot lead out. None if it does not exist.

    Raises UnreadableError if links go round.
    """
    waiting = relative.split("/")[::-1]
    found: list[str] = []
    links = 0
    while waiting:
        name = waiting.pop()
        if name in ("", "."):
            continue
        if name == "..":
            del found[-1:]
            continue
        target = _link(root.joinpath(*found, name))
        if target is None:
            found.append(name)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise UnreadableError("too many levels of symbolic links")
        found = [] if target.startswith("/") else found
        waiting += target.split("/")[::-1]
    path = root.joinpath(*found)
    return path if found == ["dev", "null"] or _exists(path) else None


def drop_ins(root: Path, folder: str) -> list[str]:
    """Paths of the files in a folder of a machine, relative to its root, sorted; no backups, no hidden ones."""
    try:
        found = resolve(root, folder)
        names = sorted(entry.name for entry in found.iterdir())[:_MOST_DROP_INS] if found else []
    except (OSError, UnreadableError):
        return []
    return [
        f"{folder}/{name}" for name in names if not re.search(r"^\.|~$|\.(rpm|dpkg-|ucf-)[a-z]+$|\.(bak|orig)$", name)
    ]


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """A folder and those below it, hidden ones and links left out; the caller removes the names of folders to skip."""
    seen = 0
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        seen += len(folders) + len(files)
        if seen > MOST_FILES:
            raise UnreadableError(f"more than {MOST_FILES} files, name those to check")
        yield Path(here), folders, sorted(files)


def _content(path: Path, *, sample: bool) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        _expect_regular(status)
        data = _bounded(file, status.st_size)
    if len(data) <= LARGEST:
        return data
    if sample:
        return data[: data.rindex(b"\n", 0, LARGEST) + 1] if b"\n" in data[:LARGEST] else b""
    raise UnreadableError(f"larger than {LARGEST >> 20} MiB")


def _bounded(file: io.FileIO, expected: int) -> bytes:
    """All of a file, or a little more than is allowed.

    At once as many bytes as it should have; those of /proc/sys have 0, and refuse a large buffer.
    """
    pieces = []
    size, most = 0, min(expected, LARGEST) + _PIECE
    while size <= LARGEST and (piece := file.read(most)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _expect_regular(status: os.stat_result) -> None:
    mode = status.st_mode
    if stat.S_ISFIFO(mode):
        raise UnreadableError("a pipe: give - and send it to standard input")
    if stat.S_ISDIR(mode):
        raise UnreadableError("a directory, a file expected")
    if not stat.S_ISREG(mode):
        raise UnreadableError("not a regular file")


def _checked(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("UTF-16 text: iptables-restore reads bytes, save it as UTF-8")
    head = data[:4096]
    if data.startswith((b"\x7fELF", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PK\x03\x04")) or _looks_binary(head):
        raise UnreadableError("binary data, text expected")
    return decode(data)


def _looks_binary(head: bytes) -> bool:
    return len(_BINARY.findall(head)) * 10 > len(head)


def _link(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except OSError:
        return None


def _exists(path: Path) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True  # may be there: reading it tells why it cannot be read
    return True


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()
