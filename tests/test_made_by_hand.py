"""Rules that look as if a rewrite had made them, and what NAT gives: neither is taken for what it is not."""

from __future__ import annotations

import pytest
from connection_beside import NAMED, NETMAP, RANGE, nat
from connection_faults import ORIGINAL, ROUTER, router
from kernel.situation import WEB, usual

from ruleset_lint.model.loading import load
from ruleset_lint.packets.endpoints import parse_endpoint
from ruleset_lint.rewrite.notrack import Request, Rewritten, untrack
from ruleset_lint.syntax.iptables_save import parse

MARKED = '-m comment --comment "ruleset-lint tcp/80: mine"'
OWN_NAME = usual("-A INPUT -p tcp -m tcp --dport 80 -j NT-tcp-80-in", "-A NT-tcp-80-in -s 198.51.100.0/24 -j DROP",
                 "-A NT-tcp-80-in -m state --state NEW -j ACCEPT", chains=("NT-tcp-80-in",))  # fmt: skip


def rewritten(text: str, service: str = "tcp/80") -> Rewritten:
    return untrack(load(parse("made", text)), Request((parse_endpoint(service),)))


@pytest.mark.parametrize(
    "text",
    [
        usual(f"-A INPUT -s 198.51.100.0/24 {MARKED} -j DROP", WEB),
        usual(WEB.replace(" -j", f" {MARKED} -j")),
        ORIGINAL + f"*raw\n-A PREROUTING -s 198.51.100.0/24 {MARKED} -j DROP\nCOMMIT\n",
        OWN_NAME,
    ],
    ids=["refusing", "accepting", "raw", "a chain"],
)
def test_what_only_looks_like_a_rewrite_stays(text: str) -> None:
    result = rewritten(text)
    assert result.base.document.text == text
    assert set(text.splitlines()) <= set(result.text.splitlines())
    assert rewritten(result.text).text == result.text


def test_a_rule_among_those_of_an_earlier_rewrite_is_not_lost() -> None:
    chain = "-A NT-tcp-80-in "
    text = rewritten(usual(WEB)).text.replace(chain, f"{chain}-s 198.51.100.0/24 -j DROP\n{chain}", 1)
    result = rewritten(text)
    assert [refusal.code for refusal in result.refusals] == ["R9"]
    assert result.text == text


@pytest.mark.parametrize(
    ("text", "service", "code"),
    [
        (router(*ROUTER) + NETMAP, "tcp/80@10.0.0.5", "R1"),
        (usual(WEB) + NAMED, "tcp/80", "R8"),
        (usual(WEB) + RANGE, "tcp/80", "R8"),
    ],
    ids=["NETMAP to its network", "SNAT to its port", "MASQUERADE to a range with it"],
)
def test_a_rule_that_gives_its_tuple_is_in_the_way(text: str, service: str, code: str) -> None:
    assert [refusal.code for refusal in rewritten(text, service).refusals] == [code]


def test_a_network_beside_the_server_is_not_in_the_way() -> None:
    beside = nat("-A PREROUTING -i eth0 -d 192.0.2.0/24 -j NETMAP --to 10.0.1.0/24")
    assert rewritten(router(*ROUTER) + beside, "tcp/80@10.0.0.5").refusals == ()
