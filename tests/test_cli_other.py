from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import GOOD, Command, Put

import ruleset_lint
from ruleset_lint import cli
from ruleset_lint.cli import new_rule
from ruleset_lint.lint.selection import all_rules

DUMP = "".join(
    f"tcp 6 {left} TIME_WAIT src=192.0.2.1 dst=192.0.2.2 sport={40000 + left} dport=80 "
    f"src=192.0.2.2 dst=192.0.2.1 sport=80 dport={40000 + left} [ASSURED] use=1\n"
    for left in range(1, 61)
)


@pytest.mark.parametrize(
    ("option", "module", "expected"),
    [("--version", "typer", f"ruleset-lint {ruleset_lint.__version__}\n"), ("--help", "lark", "Usage: ")],
)
def test_start_imports_nothing_large(option: str, module: str, expected: str) -> None:
    code = (
        f"import sys, ruleset_lint.cli as c\ntry: c.main([{option!r}])\nfinally: assert {module!r} not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(expected)


def test_main_ends_the_process_with_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gc.disable", lambda: None)
    with pytest.raises(SystemExit) as ended:
        cli.main(["rules", "--help"])
    assert ended.value.code == 0


def test_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m ruleset_lint rules --output-format json | head -c 1"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert (ran.stdout, ran.stderr) == (b"[", b"")


def test_rules_are_listed(command: Command) -> None:
    listed = command("rules").out.splitlines()
    assert [line.split()[0] for line in listed] == [info.id for info in all_rules()]


def test_rules_as_json(command: Command) -> None:
    listed = json.loads(command("rules", "--output-format", "json").out)
    assert {entry["id"] for entry in listed} == {info.id for info in all_rules()}
    assert listed[0].keys() == {"id", "category", "severity", "summary", "needs", "manual"}


def test_explain_shows_the_page(command: Command) -> None:
    page = command("explain", "lint/unused-suppression").out
    assert page.startswith("# lint/unused-suppression (warning)\n")
    assert "## Why is this bad?" in page


def test_explain_shows_a_category(command: Command) -> None:
    assert command("explain", "lint").out.count("## Why is this bad?") > 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--ram", "16G", "--profile", "el7.7"], "options nf_conntrack hashsize="),
        (["--connections", "500000", "--profile", "el5"], "options ip_conntrack hashsize="),
        (["--connections", "500000", "--profile", "el9"], "net.netfilter.nf_conntrack_max = "),
        (["--connections", "500000"], "buckets"),
    ],
)
def test_size_says_where_each_value_goes(command: Command, words: list[str], expected: str) -> None:
    ran = command("size", *words)
    assert ran.code == 0
    assert expected in ran.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--rate", "2000"], "× (1 s open + 120 s in TIME_WAIT) = 242000 entries"),
        (["--rate", "udp=100,tcp=10", "--lasting", "0"], "4200 entries together"),
        (
            ["--connections", "50000", "--rate", "10"],
            "10 TCP connections that are closed a second × 120 s in TIME_WAIT",
        ),
        (["--ram", "16G", "--timeout-established", "600"], "note: RFC 5382 wants 7440 seconds at least"),
        (["--ram", "16G"], "tcp_timeout_established: 7440 seconds, RFC 5382 asks for 7440 at least"),
        (["--ram", "16G"], "this kernel may refuse an entry for a chain of 8 or more"),
        (["--ram", "16G"], "etc/modules-load.d/nf_conntrack.conf (modules-load)"),
        (["--ram", "16G"], "udp_timeout_stream: 120 seconds, RFC 4787 asks for 120 at least"),
        (["--ram", "16G"], "kernel command line"),
        (["--conntrack", "dump"], "tcp/80 (http): 60 entries, 100 %"),
        (["--conntrack", "dump"], "tcp closed (TIME_WAIT): 60 ÷ 60 s = 1.0 new ones a second on average"),
        (["--conntrack", "dump"], "60 entries in the dump of the table"),
        (["--conntrack", "dump"], "65536 connections in 65536 buckets: no fewer than the kernel itself takes"),
    ],
)
def test_size_shows_its_arithmetic(command: Command, put: Put, words: list[str], expected: str) -> None:
    put("dump", DUMP)
    ran = command("size", *words, "--profile", "el9")
    assert (ran.code, ran.err) == (0, "")
    assert expected in ran.out


def test_size_in_the_readme_is_what_is_printed(command: Command) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    words, _, shown = readme.partition("$ ruleset-lint size ")[2].partition("\n")
    assert shown.partition("```")[0] == command("size", *words.split()).out


def test_size_reads_a_dump_from_a_pipe(command: Command) -> None:
    assert "the dump has 60 entries" in command("size", "--conntrack", "-", stdin=DUMP.encode()).out


def test_size_as_json(command: Command, put: Put) -> None:
    put("dump", DUMP)
    words = ("--rate", "2000", "--conntrack", "dump", "--profile", "el7.7", "--output-format", "json")
    found = json.loads(command("size", *words).out)
    assert (found["profile"], found["entries"], found["mean_chain"]) == ("el7.7", 242000, 4.0)
    assert found["maximum"] == 2 * found["buckets"]
    assert found["bytes"]["total"] == found["bytes"]["buckets"] + found["bytes"]["entries"]
    assert found["observed"]["services"] == [{"service": "tcp/80", "entries": 60}]
    assert {carrier["means"] for carrier in found["carriers"]} >= {"modprobe", "sysctl", "command line", "sysfs"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give --ram (16G), --connections (500000), --rate (2000) or --conntrack FILE"),
        (["--rate", "fast"], "is no rate"),
        (["--connections", "0"], "0 connections"),
        (["--ram", "16G", "--timeout-established", "0"], "0 seconds"),
        (["--conntrack", "none"], "none: "),
        (["--conntrack", "empty"], "no entry of a conntrack table in it"),
        (["--ram", "16G", "--profile", "el4"], "no profile"),
    ],
)
def test_size_says_what_is_wrong(command: Command, put: Put, words: list[str], message: str) -> None:
    put("empty", "\n")
    ran = command("size", *words)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_new_rule_writes_a_rule_that_loads(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(new_rule, "resource", lambda name: tmp_path / name)
    assert command("new-rule", "reach/never-matches").code == 0
    compile((tmp_path / "rules/reach/never_matches.py").read_text(), "never_matches.py", "exec")
    assert (tmp_path / "rules/reach/__init__.py").exists()
    assert len(list((tmp_path / "fixtures/rules/reach/never-matches").iterdir())) == 3


def test_new_rule_overwrites_nothing(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(new_rule, "resource", lambda name: tmp_path / name)
    command("new-rule", "reach/never-matches")
    (tmp_path / "rules/reach/never_matches.py").write_text("mine")
    assert command("new-rule", "reach/never-matches").code == 2
    assert (tmp_path / "rules/reach/never_matches.py").read_text() == "mine"


def test_new_rule_needs_a_checkout(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_rule, "resource", lambda name: tmp_path / name)
    assert "checkout" in command("new-rule", "reach/never-matches").err


@pytest.mark.parametrize(
    ("words", "expected"),
    [("ruleset-lint che", "check"), ("ruleset-lint explain lint/unus", "lint/unused-suppression")],
)
def test_shell_completes(words: str, expected: str) -> None:
    environment = {
        **os.environ,
        "_RULESET_LINT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "ruleset_lint"], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == [expected]


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("iptables-nft-save") or not shutil.which("unshare"),
    reason="needs root, iptables and namespaces",
)
def test_live_rules_through_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "a.rules").write_text(GOOD)
    command = f"iptables-nft-restore a.rules && iptables-nft-save -c | {sys.executable} -m ruleset_lint check -"
    ran = subprocess.run(
        ["unshare", "-n", "sh", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(ruleset_lint.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "from the header of -" in ran.stdout
