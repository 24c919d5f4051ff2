"""Which verdicts the packets of a sketch can meet in a chain."""

from __future__ import annotations

import itertools

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.packets.walk import bottom_up, walk
from ruleset_lint.syntax.iptables_save import parse

WEB = Sketch(protocol=6, destination_port=(80, 80), state="NEW")
ACCEPT, DROP, ELSEWHERE = Verdict.ACCEPT, Verdict.DROP, Verdict.ELSEWHERE


def ruleset(*rules: str, policy: str = "DROP", chains: tuple[str, ...] = ("A", "B")) -> Ruleset:
    declared = "".join(f":{name} - [0:0]\n" for name in chains)
    return load(
        parse(
            "test",
            f"*filter\n:INPUT {policy} [0:0]\n{declared}" + "".join(f"-A {rule}\n" for rule in rules) + "COMMIT\n",
        )
    )


@pytest.mark.parametrize(
    ("rules", "verdicts"),
    [
        pytest.param([], [DROP], id="policy"),
        pytest.param(["INPUT -p tcp --dport 80 -j ACCEPT"], [ACCEPT], id="a rule for all of them"),
        pytest.param(["INPUT -s 192.0.2.1 -j ACCEPT"], [ACCEPT, DROP], id="a rule for some of them"),
        pytest.param(["INPUT -p udp -j ACCEPT"], [DROP], id="a rule for none of them"),
        pytest.param(["INPUT -j A", "A -j ACCEPT"], [ACCEPT], id="a chain that decides"),
        pytest.param(["INPUT -j A", "A -j RETURN", "A -j ACCEPT"], [DROP], id="a chain that returns"),
        pytest.param(["INPUT -g A", "INPUT -j ACCEPT", "A -p udp -j DROP"], [DROP], id="goto comes back to the policy"),
        pytest.param(
            ["INPUT -j A", "A -g B", "A -j DROP", "INPUT -j ACCEPT"], [ACCEPT], id="goto comes back to the caller"
        ),
        pytest.param(["INPUT -j LOG", "INPUT -j ACCEPT"], [ACCEPT], id="LOG lets pass"),
        pytest.param(["INPUT -j RETURN", "INPUT -j ACCEPT"], [DROP], id="returning at the top is the policy"),
        pytest.param(["INPUT -j NFQUEUE"], [ELSEWHERE], id="a queue"),
        pytest.param(["INPUT -j unknown"], [ELSEWHERE, DROP], id="an unknown chain may do anything"),
    ],
)
def test_the_verdicts_of_a_chain(rules: list[str], verdicts: list[Verdict]) -> None:
    outcome = walk(ruleset(*rules), "filter", "INPUT", WEB)
    assert list(dict.fromkeys(decision.verdict for decision in outcome.decisions)) == verdicts


def test_a_table_that_is_not_there_accepts() -> None:
    assert walk(ruleset(), "mangle", "INPUT", WEB).must(ACCEPT)


def test_sixty_chains_with_two_jumps_each_are_walked_once_each() -> None:
    names = tuple(f"C{number}" for number in range(60))
    jumps = [f"{before} -j {after}" for before, after in itertools.pairwise(names) for _ in range(2)]
    found = ruleset(f"INPUT -j {names[0]}", *jumps, f"{names[-1]} -s 192.0.2.1 -j ACCEPT", chains=names)
    assert walk(found, "filter", "INPUT", WEB).may(ACCEPT)


def test_deep_chains_do_not_exhaust_the_stack() -> None:
    names = tuple(f"C{number}" for number in range(20_000))
    jumps = [f"{before} -j {after}" for before, after in itertools.pairwise(names)]
    found = ruleset(f"INPUT -j {names[0]}", *jumps, f"{names[-1]} -j ACCEPT", chains=names)
    assert walk(found, "filter", "INPUT", WEB).must(ACCEPT)


def test_a_loop_is_walked_to_an_end() -> None:
    found = ruleset("INPUT -j A", "A -j B", "B -j A")
    assert walk(found, "filter", "INPUT", WEB).may(DROP)


def test_chains_come_after_those_they_call() -> None:
    found = ruleset("INPUT -j A", "INPUT -j B", "A -j B")
    assert list(bottom_up(found.tables["filter"], "INPUT")) == ["B", "A", "INPUT"]
