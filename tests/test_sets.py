"""Sets that files define for ipset, and what is known where there are no such files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruleset_lint.gather import Options, load_host
from ruleset_lint.model.sets import defined_sets

RULES = "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("create a hash:ip family inet hashsize 1024 maxelem 65536\nadd a 192.0.2.1\n", {"a"}),
        ("-N a hash:ip\n  n b hash:net\nnew c list:set\n--create d hash:mac\n", {"a", "b", "c", "d"}),
        ("create -exist a hash:ip\ncreate -! b hash:ip\n", {"a", "b"}),
        ("ipset create a hash:ip\n", {"a"}),
        ("# create a hash:ip\nadd b 192.0.2.1\nflush c\ndestroy d\ncreated e hash:ip\n", set()),
        ("create " + "x" * 32 + " hash:ip\n", set()),
        ("", set()),
    ],
)
def test_names_are_those_of_lines_that_create(text: str, names: set[str]) -> None:
    assert defined_sets([text]) == names


def _host(root: Path, files: dict[str, str], *, complete: bool | None = None) -> frozenset[str] | None:
    for name, text in {"etc/iptables/rules.v4": RULES, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return load_host(root, options=Options(complete=complete)).sets


@pytest.mark.parametrize(
    "file",
    [
        "etc/sysconfig/ipset",
        "etc/sysconfig/ipset.d/a.set",
        "etc/iptables/ipsets",
        "etc/ipset.conf",
        "var/lib/ipset/rules-save",
    ],
)
def test_sets_are_found_where_releases_keep_them(file: str, tmp_path: Path) -> None:
    assert _host(tmp_path, {file: "create a hash:ip\n"}) == {"a"}


def test_a_part_of_a_machine_without_such_files_tells_nothing(tmp_path: Path) -> None:
    assert _host(tmp_path, {}) is None


def test_a_whole_machine_without_such_files_has_no_sets(tmp_path: Path) -> None:
    assert _host(tmp_path, {}, complete=True) == frozenset()
