"""Input that is broken or meant to do harm: a message with place and reason, exit code 1 or 2, and nothing lost."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from running import CONFIG, GOOD, UNUSED, Command, Put

HEAD = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FORMATS = ["full", "concise", "json", "sarif", "github"]
SECONDS = 20  # 2 on a machine of its own


def nested(depth: int) -> str:
    chains = "".join(f":c{number} - [0:0]\n" for number in range(depth))
    jumps = "".join(f"-A c{number} -j c{number + 1}\n" for number in range(depth - 1))
    return f"{HEAD}{chains}-A INPUT -j c0\n{jumps}COMMIT\n"


def many_paths(doublings: int) -> str:
    chains = "".join(f":c{number} - [0:0]\n" for number in range(doublings + 1))
    jumps = "".join(
        f"-A c{number} -p tcp -j c{number + 1}\n-A c{number} -p udp -j c{number + 1}\n" for number in range(doublings)
    )
    last = f"-A c{doublings} -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j DROP\n"
    return f"{HEAD}{chains}-A INPUT -j c0\n{jumps}{last}COMMIT\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty: nothing to check"),
        (b"\n \n", "is empty: nothing to check"),
        (b"\x7fELF" + bytes(100), "binary data, text expected"),
        (bytes(range(256)) * 40, "binary data, text expected"),
        (GOOD.encode("utf-16"), "UTF-16 text"),
        (b"Dear diary\n", "neither a ruleset"),
        (b"#!/bin/sh\niptables -P INPUT DROP\n", "a script cannot be read"),
        (b"IPTABLES=/sbin/iptables\n$IPTABLES -A INPUT -j ACCEPT\n", "a script cannot be read"),
        (b"echo $HOME -n \n", "neither a ruleset"),
    ],
    ids=["empty", "blank", "elf", "bytes", "utf-16", "prose", "script", "script with a variable", "another script"],
)
def test_what_is_no_input_is_2(command: Command, put: Put, content: bytes, reason: str) -> None:
    put("a.txt", content)
    ran = command("check", "a.txt")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("ruleset-lint: a.txt: ")
    assert reason in ran.err


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "a pipe: give -"),
        (Path.mkdir, "nothing to check in this folder"),
        (lambda path: path.symlink_to("it"), "too many levels of symbolic links"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    ],
    ids=["pipe", "folder", "circle", "device"],
)
def test_what_is_no_file_is_2(command: Command, tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    make(tmp_path / "it")
    ran = command("check", "it")
    assert ran.code == 2
    assert reason in ran.err


def test_file_that_may_not_be_read_is_2(command: Command, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.rules")

    def refuse(*_arguments: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    ran = command("check", "a.rules")
    assert (ran.code, ran.err) == (2, "ruleset-lint: a.rules: permission denied\n")


@pytest.mark.parametrize("name", ["no\0name", "x" * 5000], ids=["nul", "long"])
def test_impossible_name_is_2(command: Command, name: str) -> None:
    ran = command("check", name)
    assert ran.code == 2
    assert not CONTROL.search(ran.err)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "-A INPUT -m comment --comment " + "x" * 10_000_000 + "\nCOMMIT\n",
        HEAD + "-A INPUT " + "-s 192.0.2.1 " * 800_000 + "\nCOMMIT\n",
        "*filter\n:" + "x" * 10_000_000 + " - [0:0]\nCOMMIT\n",
        HEAD + "-A INPUT -j \0ACCEPT\nCOMMIT\n",
        HEAD + ":a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n-A b -j a\nCOMMIT\n",
        HEAD + "-A INPUT -p tcp --tcp-flags ECE ECE -j DROP\nCOMMIT\n",
    ],
    ids=["long-word", "many-words", "long-chain-name", "nul", "loop", "no-flag"],
)
def test_broken_ruleset_is_1_and_soon(command: Command, put: Put, text: str) -> None:
    put("a.rules", text)
    start = time.process_time()
    ran = command("check", "--output-format", "concise", "a.rules")
    assert ran.code == 1
    assert re.match(r"a\.rules:[0-9]+:[0-9]+ error syntax/", ran.out)
    assert len(ran.out) < 2000
    assert time.process_time() - start < SECONDS


BLOCKS = "*filter\n-A INPUT -j ACCEPT\nCOMMIT\n" * 10_000


@pytest.mark.parametrize(
    "text", [nested(20_000), many_paths(60), BLOCKS], ids=["nested-chains", "2^60-paths", "10,000 times the same table"]
)
def test_deep_ruleset_is_checked_soon(command: Command, put: Put, text: str) -> None:
    put("a.rules", text)
    start = time.process_time()
    assert command("check", "a.rules").code in (0, 1)
    assert time.process_time() - start < SECONDS


def test_bytes_that_are_no_utf_8_are_checked(command: Command, put: Put) -> None:
    put("a.rules", HEAD.encode() + b'-A INPUT -m comment --comment "caf\xe9" -j ACCEPT\nCOMIT\n')
    ran = command("check", "a.rules")
    assert ran.code == 1
    assert "a.rules:6:1" in ran.out


@pytest.mark.parametrize("output_format", FORMATS)
def test_no_control_character_comes_out(command: Command, put: Put, output_format: str) -> None:
    evil = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e\x7f\r\udcff%0A::error::"
    put(f"{evil.replace('/', '')}.rules", f'{HEAD}-A INPUT -m comment --comment "{evil}" -j {evil}\n{evil}\nCOMMIT\n')
    ran = command("check", "--output-format", output_format, ".")
    assert ran.code == 1
    assert not CONTROL.search(ran.out + ran.err)


def test_no_control_character_in_a_complaint(command: Command, put: Put) -> None:
    put("a\x1b[31m.rules", "")
    for words in (
        ["check", "a\x1b[31m.rules"],
        ["check", "\x1b[31m"],
        ["explain", "\x1b[31m"],
        ["\x1b[31m"],
        ["check", "--\x1b[31m"],
    ):
        ran = command(*words)
        assert ran.code == 2
        assert not CONTROL.search(ran.out + ran.err)


def test_toml_bomb_is_2_and_soon(command: Command, put: Put) -> None:
    put("a.rules")
    put("ruleset-lint.toml", "a" + ".a" * 32_000 + " = 1\n")
    start = time.process_time()
    ran = command("check", "a.rules")
    assert (ran.code, ran.out) == (2, "")
    assert "ruleset-lint.toml:1: " in ran.err
    assert time.process_time() - start < SECONDS


def test_link_as_output_is_2_and_left(command: Command, put: Put, tmp_path: Path) -> None:
    put("a.rules")
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "out").symlink_to("victim")
    ran = command("check", "--output-file", "out", "a.rules")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("words", [["check", "--output-file", "old"], ["fix"]], ids=["check", "fix"])
def test_full_disk_is_2_and_the_old_files_stay(
    command: Command, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    put("iptables-config", UNUSED + CONFIG)
    put("old", "old")

    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    ran = command(*words, "iptables-config")
    assert ran.code == 2
    assert "no space left on device" in ran.err
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"iptables-config": UNUSED + CONFIG, "old": "old"}


def test_sysctl_conf_with_a_link_out_of_the_host_is_not_read(command: Command, put: Put, tmp_path: Path) -> None:
    put("secret", "net.ipv4.ip_conntrack_max = 1\n")
    put("web/etc/sysconfig/iptables")
    (tmp_path / "web/etc/sysctl.conf").symlink_to("../../secret")
    assert command("check", "--show-files", "web").out == "web/etc/sysconfig/iptables\n"
