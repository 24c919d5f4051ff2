from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from bundle_hosts import CASES
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.gather import gather_root
from ruleset_lint.rewrite.bundle import BundledFile, bundle
from ruleset_lint.rewrite.new_file import NewFile, PathError
from ruleset_lint.rewrite.plan import plan
from ruleset_lint.rewrite.rendering import UnquotedError, checked, markdown, markdown_code, shell_word

HOSTILE = ("$(reboot)", "`id`", "a;b", "a b", "'", '"', "a'b", "&& x", "> /etc/passwd", "*", "\\", "é", "{{ 7 * 7 }}")


@pytest.mark.parametrize("value", HOSTILE)
def test_only_words_go_unquoted(value: str):
    with pytest.raises(UnquotedError):
        checked(value)


@pytest.mark.parametrize("value", [None, True, 1.5, ("a",), b"x"], ids=str)
def test_only_text_and_numbers_go_into_a_text(value: object):
    with pytest.raises(UnquotedError):
        checked(value)


@pytest.mark.parametrize(
    "value", [0, 7440, "iptables-restore", "tcp/80", "-4", shell_word("a b"), markdown("*")], ids=str
)
def test_what_is_safe_passes(value: object):
    assert checked(value) == value


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_shell_takes_a_word_as_it_is(text: str):
    command = f"printf %s {shell_word(text)}"
    assert subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout == text


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "\x1b[2J", "a\rb"], ids=repr)
def test_scripts_get_no_control_characters(value: str):
    with pytest.raises(UnquotedError):
        shell_word(value)


@given(st.text())
def test_markdown_stays_on_one_line(text: str):
    assert "\n" not in markdown(text)
    assert "\x1b" not in markdown_code(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nf_conntrack", "nf\\_conntrack"),
        ("<script>", "\\<script\\>"),
        ("[x](y)", "\\[x\\](y)"),
        ("a\x1b[2Jb", "a\\\\x1b\\[2Jb"),
        ("&amp;", "\\&amp;"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, shown: str):
    assert markdown(text) == shown


@pytest.mark.parametrize(
    ("text", "code"), [("a", "`a`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("``", "``` `` ```"), ("a\nb", "`a\\x0ab`")]
)
def test_code_cannot_end_early(text: str, code: str):
    assert markdown_code(text) == code


@pytest.mark.parametrize("path", ["/etc/x", "../x", "etc/../x", "etc//x", "", "etc/x\n", "etc/\x1bx", "./x"], ids=repr)
def test_no_file_leads_out_of_the_root(path: str):
    with pytest.raises(PathError):
        NewFile(path, None, "", ())


# ---- a machine whose files are made to hurt

_NAME = "etc/sysctl.d/90 $(touch HURT) `touch HURT`;'\"&*.conf"
_COMMENT = "$(touch HURT) `touch HURT` '; touch HURT; ' {{ 7 }} <script> **x**"


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[BundledFile, ...]:
    """The bundle of a machine with hostile names, comments and release."""
    root = tmp_path / "host"
    shutil.copytree(CASES[0].root, root)
    (root / _NAME).write_text("net.ipv4.netfilter.ip_conntrack_udp_timeout = 20\n")
    (root / "etc/redhat-release").write_text(f"CentOS {_COMMENT} release 7.9\n")
    rules = root / "etc/sysconfig/iptables"
    quoted = _COMMENT.replace('"', "")
    rules.write_text(rules.read_text().replace("scrapes the shop", quoted))
    return bundle(plan(gather_root(root).host, CASES[0].wishes))


def _text(files: tuple[BundledFile, ...], path: str) -> str:
    return next(file.text for file in files if file.path == path)


def test_hostile_file_is_in_the_bundle(hostile: tuple[BundledFile, ...]):
    assert _NAME in [file.path for file in hostile]


@pytest.mark.parametrize("script", ["apply.sh", "rollback.sh"])
def test_hostile_names_run_nothing(script: str, hostile: tuple[BundledFile, ...], tmp_path: Path):
    (tmp_path / script).write_text(_text(hostile, script))
    ran = subprocess.run(["sh", script, "--dry-run"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert not (tmp_path / "HURT").exists()
    assert not Path("HURT").exists()


def test_hostile_names_are_code_in_the_report(hostile: tuple[BundledFile, ...]):
    report = _text(hostile, "REPORT.md")
    assert f"``{_NAME}``" in report
    assert "<script>" not in report.replace("\\<script\\>", "")
    assert "\n$(touch" not in report
