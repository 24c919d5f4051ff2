from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import CONFIG, GOOD, UNUSED, Command, Put

ENTRY = UNUSED + CONFIG
NAME = "web/etc/sysconfig/iptables-config"


def test_clean_is_0(command: Command, put: Put) -> None:
    put("web/etc/sysconfig/iptables")
    ran = command("check", "web")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("no findings in 1 file")


def test_finding_is_1(command: Command, put: Put) -> None:
    put(NAME, ENTRY)
    ran = command("check", "--output-format", "concise", "web")
    assert ran.code == 1
    assert ran.out.startswith(f"{NAME}:1:3 warning lint/unused-suppression ")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--exit-zero"], 0),
        (["--fail-on", "error"], 0),
        (["--fail-on", "info"], 1),
        (["--fail-on", "never"], 0),
        (["--ignore", "lint"], 0),
        (["--ignore", "syntax,lint/unused-suppression"], 0),
        (["--select", "syntax", "--select", "service"], 0),
        (["--statistics"], 1),
        (["--show-files"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_exit_code(command: Command, put: Put, words: list[str], code: int) -> None:
    put(NAME, ENTRY)
    assert command("check", *words, "web").code == code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek"], "Did you mean 'check'"),
        (["check", "--selct", "x"], "--select"),
        (["check", "--fail-on", "x"], "'never'"),
        (["check", "--select", "lint/unused-supression"], "did you mean lint/unused-suppression"),
        (["check", "--profile", "el99", "web"], "there are el5"),
        (["check", "--config", "a", "--isolated"], "give one of them"),
        (["check", "--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["check", "--stdin-filename", "x", "web"], "give - as the path"),
        (["check", "nowhere"], "nowhere: no such file or directory"),
        (["explain", "lint/unused-supression"], "did you mean lint/unused-suppression"),
        (["rewrite"], "PATH"),
        (["size"], "--connections"),
        (["size", "--ram", "many"], '"16G"'),
        (["size", "--ram", "16G", "--profile", "el99"], "there are el5"),
        (["new-rule", "Nonsense"], "category/name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_2_and_one_line(command: Command, put: Put, words: list[str], message: str) -> None:
    put("web/etc/sysconfig/iptables")
    ran = command(*words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err


def test_without_a_command_there_is_help(command: Command) -> None:
    ran = command()
    assert ran.code == 2
    assert "Commands:" in ran.out


def test_current_folder_is_checked_without_a_path(command: Command, put: Put) -> None:
    put("etc/sysconfig/iptables-config", ENTRY)
    assert command("check", "--output-format", "concise").out.startswith("etc/sysconfig/iptables-config:1:3 ")


def test_only_findings_in_the_files_asked_for_are_shown(command: Command, put: Put) -> None:
    put(NAME, ENTRY)
    put("web/etc/sysconfig/iptables")
    assert command("check", "web/etc/sysconfig/iptables").code == 0
    assert command("check", NAME).code == 1


def test_standard_input(command: Command) -> None:
    ran = command("check", "--output-format", "concise", "-", stdin=ENTRY.encode())
    assert ran.code == 1
    assert ran.out.startswith("-:1:3 warning")


def test_standard_input_under_a_name(command: Command) -> None:
    words = ["--output-format", "concise", "--stdin-filename", "a/iptables-config", "-"]
    assert command("check", *words, stdin=ENTRY.encode()).out.startswith("a/iptables-config:1:3 ")


def test_empty_standard_input_is_nothing_to_check(command: Command) -> None:
    ran = command("check", "-")
    assert (ran.code, ran.err) == (2, "ruleset-lint: -: standard input is empty: nothing to check\n")


def test_one_unreadable_file_is_2_and_the_others_are_reported(command: Command, put: Put) -> None:
    put(NAME, ENTRY)
    ran = command("check", "--output-format", "concise", "web", "nowhere")
    assert ran.code == 2
    assert "lint/unused-suppression" in ran.out


def test_json(command: Command, put: Put) -> None:
    put(NAME, ENTRY)
    made = json.loads(command("check", "--output-format", "json", "web").out)
    assert {"schema", "version", "profile", "skipped", "files", "findings"} <= made.keys()
    assert made["files"] == [NAME]
    assert made["findings"][0]["rule"] == "lint/unused-suppression"


def test_github(command: Command, put: Put) -> None:
    put(NAME, ENTRY)
    assert command("check", "--output-format", "github", "web").out.startswith("::warning ")


def test_output_file(command: Command, put: Put, tmp_path: Path) -> None:
    put(NAME, ENTRY)
    ran = command("check", "--output-format", "sarif", "--output-file", "out.sarif", "--color", "always", "web")
    assert (ran.code, ran.out) == (1, "")
    assert json.loads((tmp_path / "out.sarif").read_text())["version"] == "2.1.0"


@pytest.mark.parametrize(
    ("words", "variables", "colored"),
    [
        ([], [], False),
        (["--color", "always"], ["NO_COLOR"], True),
        (["--color", "never"], ["FORCE_COLOR"], False),
        ([], ["FORCE_COLOR"], True),
        ([], ["FORCE_COLOR", "NO_COLOR"], False),
    ],
    ids=["pipe", "always", "never", "forced", "no-color-wins"],
)
def test_color(
    command: Command, monkeypatch: pytest.MonkeyPatch, *, words: list[str], variables: list[str], colored: bool
) -> None:
    for name in variables:
        monkeypatch.setenv(name, "1")
    assert ("\x1b[" in command("check", *words, "-", stdin=ENTRY.encode()).out) is colored


def test_statistics_count_by_rule(command: Command, put: Put) -> None:
    put(NAME, ENTRY)
    assert command("check", "--statistics", "web").out.startswith("1  lint/unused-suppression  ")


def test_show_files_lists_them(command: Command, put: Put) -> None:
    put(NAME, ENTRY)
    assert command("check", "--show-files", "web").out == f"{NAME}\n"


def test_configuration_of_the_working_folder_is_read(command: Command, put: Put) -> None:
    put(NAME, ENTRY)
    put("ruleset-lint.toml", 'ignore = ["lint"]\n')
    assert command("check", "web").code == 0
    assert command("check", "--isolated", "web").code == 1


def test_configuration_inside_what_is_audited_is_not_read(command: Command, put: Put, tmp_path: Path) -> None:
    put("etc/sysconfig/iptables-config", ENTRY)
    put("ruleset-lint.toml", 'ignore = ["lint"]\n')
    assert command("check", ".").code == 1
    assert command("check", "--config", "ruleset-lint.toml", ".").code == 0


def test_options_outweigh_the_configuration(command: Command, put: Put) -> None:
    put(NAME, ENTRY)
    put("ruleset-lint.toml", 'select = ["syntax"]\n')
    assert command("check", "--select", "lint,service", "web").code == 1


def test_profile_is_told(command: Command, put: Put) -> None:
    put("web/etc/sysconfig/iptables", GOOD)
    assert "Judged as EL8 (as asked for)" in command("check", "--profile", "el8", "web").out
