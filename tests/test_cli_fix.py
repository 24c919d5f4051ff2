from __future__ import annotations

from pathlib import Path

import pytest
from running import CONFIG, UNUSED, Command, Put

NAME = "web/etc/sysconfig/iptables-config"


def test_safe_fix_is_written(command: Command, put: Put) -> None:
    path = put(NAME, UNUSED + CONFIG)
    ran = command("fix", "web")
    assert ran.code == 0
    assert ran.out.startswith(f"{NAME}:1: lint/unused-suppression: ")
    assert path.read_text() == CONFIG


def test_second_time_there_is_nothing_to_do(command: Command, put: Put) -> None:
    put(NAME, UNUSED + CONFIG)
    command("fix", "web")
    assert command("fix", "web").err == "ruleset-lint: 0 fixes made, 0 findings left\n"


def test_other_bytes_stay(command: Command, put: Put) -> None:
    rest = b"# caf\xe9 \xff\r\n" + CONFIG.encode()
    path = put(NAME, UNUSED.encode() + rest)
    command("fix", "web")
    assert path.read_bytes() == rest


def test_diff_writes_nothing(command: Command, put: Put) -> None:
    path = put(NAME, UNUSED + CONFIG)
    ran = command("fix", "--diff", "web")
    assert ran.code == 1
    assert ran.out.splitlines()[:2] == [f"--- a/{NAME}", f"+++ b/{NAME}"]
    assert f"-{UNUSED}" in ran.out
    assert path.read_text() == UNUSED + CONFIG


def test_diff_of_an_absolute_path_is_for_patch_in_the_root_folder(command: Command, put: Put) -> None:
    path = put(NAME, UNUSED + CONFIG)
    ran = command("fix", "--diff", str(path.absolute()))
    assert ran.out.splitlines()[:2] == [f"--- a{path.absolute()}", f"+++ b{path.absolute()}"]


def test_unsafe_fix_wants_to_be_asked_for(command: Command, put: Put) -> None:
    path = put(NAME, "IPTABLES_SAVE_ON_STOP = yes\n")
    ran = command("fix", "web")
    assert ran.code == 1
    assert "--unsafe-fixes" in ran.err
    assert path.read_text() == "IPTABLES_SAVE_ON_STOP = yes\n"
    command("fix", "--unsafe-fixes", "web")
    assert path.read_text().startswith("IPTABLES_SAVE_ON_STOP=")


def test_standard_input_to_standard_output(command: Command) -> None:
    ran = command("fix", "-", stdin=(UNUSED + CONFIG).encode())
    assert (ran.code, ran.out) == (0, CONFIG)


def test_standard_input_without_findings_comes_out_as_it_is(command: Command) -> None:
    assert command("fix", "-", stdin=CONFIG.encode()).out == CONFIG


def test_file_that_only_came_along_is_not_written(command: Command, put: Put) -> None:
    other = put("web/etc/sysconfig/ip6tables-config", UNUSED + "IP6TABLES_SAVE_ON_STOP=no\n")
    put(NAME, CONFIG)
    assert command("fix", NAME).code == 0
    assert other.read_text().startswith(UNUSED)


def test_link_is_refused(command: Command, put: Put, tmp_path: Path) -> None:
    real = put("real-config", UNUSED + CONFIG)
    (tmp_path / "iptables-config").symlink_to("real-config")
    ran = command("fix", "iptables-config")
    assert ran.code == 2
    assert "iptables-config: a symbolic link" in ran.err
    assert real.read_text() == UNUSED + CONFIG


@pytest.mark.parametrize(("words", "code"), [(["--exit-zero"], 0), (["--fail-on", "never"], 0), ([], 1)])
def test_exit_code_is_that_of_what_is_left(command: Command, put: Put, words: list[str], code: int) -> None:
    put(NAME, "IPTABLES_SAVE_ON_STOP = yes\n")
    assert command("fix", *words, "web").code == code


def test_nothing_to_fix_in_nothing(command: Command) -> None:
    assert command("fix", "nowhere").code == 2
