from __future__ import annotations

import pytest

from ruleset_lint.model.blocks import blocks, family_of, looks_like_fragment
from ruleset_lint.model.loading import load
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.syntax.iptables_save import parse, words
from ruleset_lint.syntax.nodes import RuleLine


def ruleset(*lines: str, fragment: bool | None = False) -> Ruleset:
    return load(parse("x", "*filter\n" + "\n".join(lines) + "\nCOMMIT\n"), fragment=fragment)


def chain(found: Ruleset, name: str = "INPUT") -> list[str]:
    made = found.chain("filter", name)
    nodes = [rule.line.node for rule in made.rules] if made else []
    return [" ".join(words(node)[2:]) for node in nodes if isinstance(node, RuleLine)]


@pytest.mark.parametrize(
    ("commands", "rules"),
    [
        pytest.param(["-A INPUT -j A", "-A INPUT -j B"], ["-j A", "-j B"], id="append"),
        pytest.param(["-A INPUT -j A", "-I INPUT -j B"], ["-j B", "-j A"], id="insert at the top"),
        pytest.param(["-A INPUT -j A", "-A INPUT -j C", "-I INPUT 2 -j B"], ["-j A", "2 -j B", "-j C"], id="insert"),
        pytest.param(["-A INPUT -j A", "-R INPUT 1 -j B"], ["1 -j B"], id="replace"),
        pytest.param(["-A INPUT -j A", "-A INPUT -j B", "-D INPUT 1"], ["-j B"], id="delete by number"),
        pytest.param(["-A INPUT -j A", "-A INPUT -j B", "-D INPUT -j A"], ["-j B"], id="delete by words"),
        pytest.param(["-A INPUT -j A", "-F INPUT"], [], id="flush a chain"),
        pytest.param(["-A INPUT -j A", "-F"], [], id="flush all"),
        pytest.param(["-A INPUT -j A", "-F OUTPUT"], ["-j A"], id="flush another"),
        pytest.param(["-6 -A INPUT -j A", "-A INPUT -j B"], ["-j B"], id="of the other family"),
        pytest.param(["-A INPUT -j A", "-D INPUT 5", "-R INPUT 7 -j B"], ["-j A"], id="no such number"),
    ],
)
def test_commands_are_run_in_order(commands: list[str], rules: list[str]) -> None:
    assert chain(ruleset(*commands)) == rules


@pytest.mark.parametrize(
    ("commands", "chains"),
    [
        pytest.param([":FOO - [0:0]"], {"FOO": "-"}, id="declared"),
        pytest.param(["-N FOO"], {"FOO": "-"}, id="made"),
        pytest.param(["-N FOO", "-X FOO"], {}, id="removed"),
        pytest.param(["-N FOO", "-X"], {}, id="all removed"),
        pytest.param(["-N FOO", "-E FOO BAR"], {"BAR": "-"}, id="renamed"),
        pytest.param(["-X INPUT"], {}, id="a built-in one stays"),
    ],
)
def test_chains_come_and_go(commands: list[str], chains: dict[str, str]) -> None:
    builtin = {"INPUT": "ACCEPT", "FORWARD": "ACCEPT", "OUTPUT": "ACCEPT"}
    assert {made.name: made.policy for made in ruleset(*commands).chains("filter")} == builtin | chains


@pytest.mark.parametrize("line", ["-P INPUT DROP", ":INPUT DROP [0:0]"])
def test_a_policy_is_set(line: str) -> None:
    found = ruleset(line).chain("filter", "INPUT")
    assert found
    assert found.policy == "DROP"


def test_a_renamed_chain_keeps_its_rules_and_its_calls() -> None:
    found = ruleset("-N FOO", "-N BAR", "-A FOO -j BAR", "-E FOO BAZ")
    assert (chain(found, "BAZ"), found.tables["filter"].callees["BAZ"]) == (["-j BAR"], ("BAR",))


def test_a_second_block_wipes_the_first() -> None:
    text = "*filter\n-A INPUT -j A\nCOMMIT\n*filter\n-A INPUT -j B\nCOMMIT\n"
    assert chain(load(parse("x", text), fragment=False)) == ["-j B"]


def test_a_second_block_of_a_fragment_adds_to_the_first() -> None:
    text = "*filter\n-A INPUT -j A\nCOMMIT\n*filter\n-A INPUT -j B\nCOMMIT\n"
    assert chain(load(parse("x", text), fragment=True)) == ["-j A", "-j B"]


def test_a_table_loaded_at_once_can_be_changed_by_a_second_block_of_a_fragment() -> None:
    first = "*filter\n:INPUT DROP [0:0]\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -j B\nCOMMIT\n"
    found = load(parse("x", first + "*filter\n-A A -j DROP\n-I INPUT -j B\nCOMMIT\n"), fragment=True)
    table = found.tables["filter"]
    assert (chain(found), chain(found, "A"), chain(found, "B")) == (["-j B", "-j A"], ["-j B", "-j DROP"], [])
    assert (table.chains["INPUT"].policy, table.chains["B"].number) == ("DROP", 4)
    assert (table.callees["INPUT"], table.hooks["B"], table.hooks["OUTPUT"]) == (("B", "A"), {"INPUT"}, {"OUTPUT"})


@pytest.mark.parametrize(
    ("commands", "chains"),
    [
        pytest.param(["-A INPUT -j FOO"], ["FOO"], id="jump to nothing"),
        pytest.param(["-A INPUT -g FOO"], ["FOO"], id="goto nothing"),
        pytest.param(["-A INPUT -j FOO", ":FOO - [0:0]"], ["FOO"], id="declared too late"),
        pytest.param(["-A FOO -j ACCEPT"], ["FOO"], id="filled undeclared"),
        pytest.param(["-A FOO -j ACCEPT", "-A INPUT -j FOO"], ["FOO", "FOO"], id="filled, then called"),
        pytest.param(["-F FOO"], ["FOO"], id="flushed undeclared"),
        pytest.param(["-N FOO", "-A INPUT -j FOO"], [], id="made before"),
        pytest.param(["-A INPUT -p tcp -j TARPIT --tarpit"], [], id="a target that is not known"),
    ],
)
def test_chains_that_are_not_there_are_noted(commands: list[str], chains: list[str]) -> None:
    assert [fault.chain for fault in ruleset(*commands).faults] == chains


@pytest.mark.parametrize("line", ["-D INPUT 1", "-I INPUT 2 -j ACCEPT", "-R INPUT 1 -j ACCEPT", "-A INPUT -j FORWARD"])
def test_what_cannot_be_done_is_noted(line: str) -> None:
    assert [fault.chain for fault in ruleset(line).faults] == [""]


def test_a_fragment_may_name_chains_of_elsewhere() -> None:
    assert ruleset("-A FOO -j BAR", fragment=None).faults == ()


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        pytest.param("-A INPUT -j ACCEPT\n", True, id="no table"),
        pytest.param("*filter\n-A FOO -j BAR\nCOMMIT\n", True, id="no built-in chain"),
        pytest.param("*filter\n:foo - [0:0]\n-A foo -j bar\nCOMMIT\n*nat\n:OUTPUT ACCEPT\nCOMMIT\n", True, id="ufw"),
        pytest.param("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", False, id="declares one"),
        pytest.param("*filter\n-A INPUT -j ACCEPT\nCOMMIT\n", False, id="fills one"),
        pytest.param("*filter\nCOMMIT\n", False, id="nothing"),
        pytest.param("", False, id="empty"),
    ],
)
def test_fragments_are_found(text: str, fragment: bool) -> None:
    assert looks_like_fragment(blocks(parse("x", text))) is fragment


@pytest.mark.parametrize(
    ("path", "text", "family"),
    [
        ("a", "# Generated by ip6tables-save v1.8.9\n", 6),
        ("rules.v6", "", 6),
        ("rules.v4", "", 4),
        ("a", "-A INPUT -s 2001:db8::1\n", 6),
        ("a", "-A INPUT -s 192.0.2.1\n", 4),
    ],
)
def test_the_family_is_found(path: str, text: str, family: int) -> None:
    assert family_of(path, text) == family


NAT = """*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:A - [0:0]
:B - [0:0]
:C - [0:0]
:ALONE - [0:0]
-A PREROUTING -j A
-A OUTPUT -j A
-A POSTROUTING -j C
-A A -j B
-A B -g C
-A B -j DNAT --to-destination 10.0.0.1
COMMIT
"""


@pytest.mark.parametrize(
    ("name", "hooks"),
    [
        ("OUTPUT", {"OUTPUT"}),
        ("INPUT", {"INPUT"}),
        ("B", {"PREROUTING", "OUTPUT"}),
        ("C", {"PREROUTING", "OUTPUT", "POSTROUTING"}),
        ("ALONE", set()),
    ],
)
def test_built_in_chains_from_which_a_chain_is_reached(name: str, hooks: set[str]) -> None:
    assert load(parse("x", NAT)).tables["nat"].hooks[name] == hooks


def test_callers_and_callees_are_told_in_the_order_of_the_rules() -> None:
    table = load(parse("x", NAT)).tables["nat"]
    assert [rule.chain for rule in table.callers["A"]] == ["PREROUTING", "OUTPUT"]
    assert table.callees["B"] == ("C",)


def test_a_column_has_the_words_of_the_rules_of_a_shape() -> None:
    found = ruleset("-A INPUT -s 10.0.0.1 -j DROP", "-A FORWARD -s 10.0.0.2 -j DROP")
    ((shape, rules),) = found.by_shape.items()
    columns = [list(found.column(shape, operand)) for operand in (0, 1, "DROP")]
    assert columns == [["INPUT", "FORWARD"], ["10.0.0.1", "10.0.0.2"], ["DROP", "DROP"]]
    assert [rule.values for rule in rules] == list(zip(*columns[:2], strict=True))


_PLAIN = (
    *(":A - [0:0]", ":B - [0:0]", ":EMPTY - [0:0]", "-A INPUT -s 10.0.0.1 -j A", "[1:2] -A INPUT -s 10.0.0.2 -g B"),
    *("", "# between", "-A B -p tcp --dport 22 -j ACCEPT", "-A A -j B", "-A INPUT -j A", "[3:4] -A INPUT -j B"),
)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], id="nothing else"),
        pytest.param(["-A B -p 6 --dport 22 -j DROP"], id="a shape that depends on a value"),
        pytest.param(["-A A -j NOWHERE"], id="a call of no chain"),
        pytest.param(["-A NOWHERE -j A"], id="a rule in no chain"),
        pytest.param(["-A A -j INPUT"], id="a call of a built-in chain"),
        pytest.param(["-4 -A A -j B", "-6 -A A -j B"], id="rules of one family"),
        pytest.param([":LATE - [0:0]", "-A LATE -j A"], id="a chain that is declared late"),
    ],
)
def test_a_table_loaded_at_once_is_as_if_loaded_line_by_line(more: list[str]) -> None:
    at_once, by_line = ruleset(*_PLAIN, *more), ruleset(*_PLAIN, *more, "-F EMPTY")
    first, second = (found.tables["filter"] for found in (at_once, by_line))
    assert [_told(rule) for rule in at_once.live_rules] == [_told(rule) for rule in by_line.live_rules]
    assert [_told(rule) for rule in at_once.commands] == [_told(rule) for rule in by_line.commands[:-1]]
    assert [fault.reason for fault in at_once.faults] == [fault.reason for fault in by_line.faults]
    assert (list(first.chains), first.callees, first.hooks) == (list(second.chains), second.callees, second.hooks)


def _told(rule: Rule) -> tuple[object, ...]:
    return rule.number, rule.chain, rule.values, rule.counters, rule.jump, rule.target
