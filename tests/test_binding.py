from __future__ import annotations

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.matches import MATCHES
from ruleset_lint.netfilter.targets import TARGETS
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.syntax.patterns import MEANINGFUL


def rule(line: str, family: int = 4) -> Rule:
    return load(parse("x", f"*filter\n{line}\n"), family).commands[0]


def shape(line: str, family: int = 4) -> Shape:
    return rule(line, family).shape


@pytest.mark.parametrize(
    ("line", "option"),
    [
        pytest.param("-A INPUT -p tcp --dport 22", "--dport", id="by its name"),
        pytest.param("-A INPUT -p tcp --destination-port 22", "--dport", id="by its alias"),
        pytest.param("-A INPUT -p tcp --dp 22", "--dport", id="abbreviated"),
        pytest.param("-A INPUT -p tcp --dport=22", "--dport", id="with ="),
        pytest.param("-A INPUT -p 6 --dport 22", "--dport", id="protocol by number"),
        pytest.param("-A INPUT -p tcp -m multiport --dport 22", "--dports", id="the match loaded last has it"),
    ],
)
def test_an_option_is_found(line: str, option: str) -> None:
    found = shape(line)
    assert [use.option.name for part in found.matches for use in part.uses] == [option]
    assert not found.problems


@pytest.mark.parametrize(
    ("line", "item", "reason"),
    [
        pytest.param("-A INPUT --dport 22", 2, "unknown option", id="port without protocol"),
        pytest.param("-A INPUT --dport 22 -p tcp", 2, "unknown option", id="port before protocol"),
        pytest.param("-A INPUT -p tcp --s 22", 4, "abbreviation of more than one option", id="ambiguous"),
        pytest.param("-A INPUT ! ! -s 10/8", 3, "one ! is enough", id="two negations"),
        pytest.param("-A INPUT ! -j ACCEPT", 3, "! cannot stand before -j", id="negated target"),
        pytest.param("-A INPUT -j ACCEPT !", 4, "option expected after !", id="negation of nothing"),
        pytest.param("-A INPUT -j ACCEPT DROP", 4, "option expected", id="stray word"),
        pytest.param("-A INPUT -j ACCEPT -j DROP", 4, "one target a rule", id="two targets"),
        pytest.param("-A INPUT -s 10/8 -s 11/8", 4, "-s is there already", id="twice"),
        pytest.param("-A INPUT -p", 2, "-p wants a value", id="no value"),
        pytest.param("-A INPUT -p tcp --tcp-flags SYN", 4, "--tcp-flags wants another value", id="one value of two"),
        pytest.param("-p tcp -j ACCEPT", 0, "no command: -A CHAIN and the like", id="no command"),
        pytest.param("-A INPUT -D INPUT", 2, "one command a line", id="two commands"),
        pytest.param("-A INPUT -m state -j ACCEPT", 3, "state wants --state", id="option missing"),
        pytest.param("-A INPUT -m TCP", 3, "names of matches are in lower case: tcp", id="match in capitals"),
        pytest.param("-A INPUT -m icmp6", 3, "match icmp6 is for IPv6 only", id="match of the other family"),
        pytest.param("-A INPUT -j HL", 3, "target HL is for IPv6 only", id="target of the other family"),
        pytest.param("-A INPUT --source=10/8", 2, "-s takes its value as a word of its own, without =", id="-s with ="),
    ],
)
def test_what_the_words_lack_is_said(line: str, item: int, reason: str) -> None:
    problem = shape(line).problems[0]
    assert (problem.item, problem.reason) == (item, reason)


@pytest.mark.parametrize("comment", ["-x", "--dport", "!", "-j", "'a", "#5"])
def test_an_option_takes_the_next_word_whatever_it_looks_like(comment: str) -> None:
    found = rule(f"-A INPUT -m comment --comment {comment} -j ACCEPT")
    assert (found.comment, found.target, found.shape.problems) == (comment, "ACCEPT", ())


@pytest.mark.parametrize("line", ["-A INPUT -m geoip --src-cc DE,AT -j DROP", "-A INPUT -m ndpi --proto http -j DROP"])
def test_the_words_of_an_unknown_match_are_kept(line: str) -> None:
    found = shape(line)
    assert (found.problems, len(found.matches[0].opaque), found.matches[0].entry) == ((), 2, None)


def test_options_of_an_unknown_target_are_remembered() -> None:
    assert [problem.item for problem in shape("-A INPUT -p tcp -j TARPIT --tarpit").unclaimed] == [6]


@pytest.mark.parametrize("command", ["-F", "-L", "-S", "-X", "-Z", "-F INPUT", "-L INPUT 1", "-D INPUT 1", "-N FOO"])
def test_commands_take_their_words(command: str) -> None:
    assert shape(command).problems == ()


@pytest.mark.parametrize("counters", ["-c 1 2", "-c 1,2", "--set-counters 1 2", "--set-counters=1 2"])
def test_counters_may_be_one_word_or_two(counters: str) -> None:
    assert shape(f"-A INPUT {counters} -j ACCEPT").problems == ()


def test_rules_of_one_pattern_may_load_different_matches() -> None:
    ruleset = load(parse("x", "*filter\n-A INPUT -m foo --x 1\n-A INPUT -m bar --x 1\n-A INPUT -m foo --x 2\n"))
    first, second, third = ruleset.rules
    assert (first.shape is third.shape, first.shape is second.shape) == (True, False)


def test_a_protocol_by_number_decides_the_shape() -> None:
    ruleset = load(parse("x", "*filter\n-A INPUT -p 6 --dport 1\n-A INPUT -p 17 --dport 1\n-A INPUT -p 1 --dport 1\n"))
    assert [rule.shape.match("tcp", "udp") is not None for rule in ruleset.rules] == [True, True, False]


@pytest.mark.parametrize("name", sorted({*MATCHES, *TARGETS}))
def test_a_name_of_the_catalogue_stays_in_the_pattern(name: str) -> None:
    assert name in MEANINGFUL
