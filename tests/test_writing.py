from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ruleset_lint.rewrite.writing import WriteError, replace_file, write_file


def test_new_file(tmp_path: Path) -> None:
    write_file(tmp_path / "new", "text\n", mode=0o600)
    assert (tmp_path / "new").read_text() == "text\n"
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_mode_of_the_old_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    replace_file(path, "old", "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_of_the_old_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    os.chown(path, 1234, 2345)
    replace_file(path, "old", "new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_bytes_that_are_no_text_survive(tmp_path: Path) -> None:
    write_file(tmp_path / "file", "a\udcff\r\n")
    assert (tmp_path / "file").read_bytes() == b"a\xff\r\n"


def test_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(WriteError, match="symbolic link"):
        write_file(tmp_path / "link", "new")
    assert (tmp_path / "real").read_text() == "old"


def test_dangling_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(WriteError, match="symbolic link"):
        write_file(tmp_path / "link", "new")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "it")
    with pytest.raises(WriteError, match="not a regular file"):
        write_file(tmp_path / "it", "new")


def test_file_that_changed_meanwhile_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("edited")
    with pytest.raises(WriteError, match="changed while"):
        replace_file(tmp_path / "file", "old", "new")
    assert (tmp_path / "file").read_text() == "edited"


def test_folder_that_leads_out_of_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("old")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/etc").symlink_to("../outside")
    with pytest.raises(WriteError, match="leads out of"):
        replace_file(tmp_path / "root/etc/file", "old", "new", root=tmp_path / "root")
    assert (tmp_path / "outside/file").read_text() == "old"


@pytest.mark.parametrize("step", ["fsync", "fchmod"])
def test_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    (tmp_path / "file").write_text("old")

    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(WriteError, match="no space left"):
        replace_file(tmp_path / "file", "old", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="no such file or directory"):
        write_file(tmp_path / "no/file", "new")
