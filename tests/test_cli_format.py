from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import GOOD, Command, Put
from written_rules import rules

from ruleset_lint.model.loading import load
from ruleset_lint.rewrite.formatting import formatted
from ruleset_lint.syntax.iptables_save import parse

NAME = "web/etc/sysconfig/iptables"
LOOSE = """\
# who comes in

*filter
:INPUT DROP
# ssh
[1:2]  --append INPUT -p tcp --dport ssh -s 192.0.2.1,192.0.2.2 -j ACCEPT
-A INPUT  -j REJECT
COMMIT
# end
"""
NEAT = """\
# who comes in

*filter
:INPUT DROP
# ssh
[1:2] -A INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 22 -j ACCEPT
[1:2] -A INPUT -s 192.0.2.2/32 -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-port-unreachable
COMMIT
# end
"""


def test_rules_are_rewritten_and_all_else_stays(command: Command, put: Put) -> None:
    path = put(NAME, LOOSE)
    ran = command("format", "web")
    assert (ran.code, ran.out, ran.err) == (0, f"changed {NAME}\n", "")
    assert path.read_text() == NEAT


def test_second_time_there_is_nothing_to_do(command: Command, put: Put) -> None:
    put(NAME, LOOSE)
    command("format", "web")
    assert command("format", "web") == (0, "", "")


def test_check_writes_nothing(command: Command, put: Put) -> None:
    path = put(NAME, LOOSE)
    ran = command("format", "--check", "web")
    assert (ran.code, ran.out) == (1, f"would change {NAME}\n")
    assert path.read_text() == LOOSE


def test_check_of_what_is_in_form(command: Command, put: Put) -> None:
    put(NAME, GOOD)
    assert command("format", "--check", NAME) == (0, "", "")


def test_diff_writes_nothing(command: Command, put: Put) -> None:
    path = put(NAME, LOOSE)
    ran = command("format", "--diff", NAME)
    assert ran.code == 1
    assert "+-A INPUT -j REJECT --reject-with icmp-port-unreachable" in ran.out.splitlines()
    assert path.read_text() == LOOSE


def test_standard_input_to_standard_output(command: Command) -> None:
    ran = command("format", "-", stdin=LOOSE.encode())
    assert (ran.code, ran.out, ran.err) == (0, NEAT, "")


def test_check_of_standard_input(command: Command) -> None:
    ran = command("format", "--check", "-", stdin=LOOSE.encode())
    assert (ran.code, ran.out) == (1, "would change -\n")


def test_ruleset_that_does_not_load_stays(command: Command, put: Put) -> None:
    path = put(NAME, LOOSE.replace("--dport ssh", "--dprt ssh"))
    ran = command("format", "web")
    assert ran.code == 2
    assert ran.err.startswith(f"ruleset-lint: {NAME}: line 6: ")
    assert "--dprt" in path.read_text()


def test_ruleset_that_does_not_load_comes_through(command: Command) -> None:
    text = "*filter\n-A INPUT -j\nCOMMIT\n"
    ran = command("format", "-", stdin=text.encode())
    assert (ran.code, ran.out) == (2, text)


def test_no_ruleset(command: Command, put: Put) -> None:
    put("web/etc/sysctl.conf", "net.ipv4.ip_forward = 1\n")
    ran = command("format", "web")
    assert (ran.code, ran.err) == (2, "ruleset-lint: no ruleset in web\n")


def test_link_is_refused(command: Command, put: Put, tmp_path: Path) -> None:
    put("real.rules", LOOSE)
    (tmp_path / "link.rules").symlink_to("real.rules")
    ran = command("format", "link.rules")
    assert ran.code == 2
    assert (tmp_path / "real.rules").read_text() == LOOSE


def test_backend_decides(command: Command) -> None:
    text = b"*filter\n-A INPUT ! -i +\nCOMMIT\n"
    assert "! -i +" in command("format", "-", stdin=text).out
    assert "-A INPUT\n" in command("format", "--backend", "legacy", "-", stdin=text).out


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        pytest.param("-I INPUT 2 -p all -j ACCEPT", "-I INPUT 2 -j ACCEPT", id="insert"),
        pytest.param("--delete INPUT -j DROP", "-D INPUT -j DROP", id="delete"),
        pytest.param("--delete INPUT 3", "-D INPUT 3", id="delete by number"),
        pytest.param("--policy INPUT DROP", "-P INPUT DROP", id="policy"),
        pytest.param("-A INPUT -c 5 6 -j DROP", "[5:6] -A INPUT -j DROP", id="counters as an option"),
        pytest.param("-A  INPUT -6 -j DROP", "-A  INPUT -6 -j DROP", id="line of the other family"),
        pytest.param("-A  INPUT -s host.example", "-A  INPUT -s host.example", id="host name"),
        pytest.param("-A  INPUT -m geoip --src-cc DE", "-A  INPUT -m geoip --src-cc DE", id="unknown match"),
    ],
)
def test_line(line: str, wanted: str) -> None:
    text = f"*filter\n:INPUT DROP [0:0]\n{line}\nCOMMIT"
    assert formatted(load(parse("x", text)), "nft") == text.replace(line, wanted)


@settings(max_examples=40, deadline=None)
@given(rule=rules(6), blanks=st.text(" \t", max_size=3))
def test_formatting_twice_is_formatting_once(rule: str, blanks: str) -> None:
    text = f"# a\n*filter\n:chain -\n{blanks}-A FORWARD {rule}\n\nCOMMIT\n"
    once = formatted(load(parse("x", text), 6), "nft")
    assert formatted(load(parse("x", once), 6), "nft") == once
