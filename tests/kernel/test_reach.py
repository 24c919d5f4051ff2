"""Rules that are called dead count no packet, whatever is sent, and no packet that is made for them."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from benchmarks.folding import made
from ruleset_lint.lint import Configuration
from ruleset_lint.lint.engine import run as run_rules
from ruleset_lint.lint.report import report
from ruleset_lint.lint.selection import all_rules
from ruleset_lint.model.host import Host
from ruleset_lint.model.loading import load as read
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.syntax.iptables_save import parse

from .dead_rules import Outcome, tried
from .injected import arena
from .made_rulesets import made_probes, made_ruleset
from .namespaces import attempt, missing, namespace, run
from .rulesets import BACKENDS, Backend, load, reset, tool
from .topology import Site
from .traces import _arrived, _counted, hush

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

DEAD = tuple(
    info for info in all_rules() if info.id in ("reach/shadowed", "reach/contradiction", "reach/never-matches")
)
HEAD = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n"
SHADOWED = (
    ("INPUT -s 10.0.0.0/25 -j ACCEPT", "INPUT -s 10.0.0.128/25 -j DROP", "INPUT -s 10.0.0.0/24 -j LOG"),
    ("INPUT -p tcp --dport 1:1000 -j A", "A -j ACCEPT", "INPUT -p tcp -m multiport --dports 22,80 -j LOG"),
    ("INPUT -j A", "A -p tcp -j B", "B -p tcp -j RETURN", "B -j DROP", "A -p tcp -g B", "A -p tcp -j LOG"),
    ("INPUT ! -i eth0 -j DROP", "INPUT -i eth1 -j LOG"),
    ("INPUT -m state --state NEW,INVALID -j ACCEPT", "INPUT -p tcp -m conntrack --ctstate NEW -j LOG"),
    ("INPUT -p 6 --dport http -j DROP", "INPUT -p tcp -m multiport --dports 80 --syn -j LOG"),
    ("FORWARD -o eth1 -p udp -j DROP", "FORWARD -i eth0 -o eth1 -p udp --dport 53 -j LOG"),
    ("OUTPUT -d 198.51.100.0/24 -j REJECT", "OUTPUT -p icmp -d 198.51.100.7 -j LOG"),
    ("INPUT -p tcp --syn -j DROP", "INPUT -p tcp ! --syn -j DROP", "INPUT -p tcp --tcp-flags SYN,ACK SYN -j LOG"),
)


def ruleset(text: str, family: int = 4) -> Ruleset:
    return read(parse("test", text), family, fragment=False)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rules", SHADOWED, ids=lambda rules: rules[-1])
def test_a_shadowed_rule_does_not_count_a_packet_that_meets_its_conditions(
    rules: tuple[str, ...], backend: Backend
) -> None:
    text = "".join((HEAD, *(f"-A {rule}\n" for rule in rules), "COMMIT\n"))
    with arena() as place:
        found = list(tried(place, ruleset(text), backend))
    assert {one.outcome for one in found} == {Outcome.DEAD}


def test_a_rule_that_is_not_dead_would_be_found_out() -> None:
    """The same with a rule that a finding calls dead, in a kernel that has only that rule."""
    from . import dead_rules

    whole = ruleset("".join((HEAD, *(f"-A {rule}\n" for rule in SHADOWED[3]), "COMMIT\n")))
    alone = ruleset(f"{HEAD}-A {SHADOWED[3][-1]}\nCOMMIT\n")
    rule = alone.live_rules[0]
    reading = dead_rules.reading_of(whole)
    ((hook, packet),) = dead_rules._packets(reading, whole, whole.live_rules[-1])
    with arena() as place:
        assert dead_rules._outcome(place, alone, dead_rules._Trial(rule, hook, packet), "nft") is Outcome.ALIVE


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(3))
def test_dead_rules_of_large_rulesets_do_not_count(seed: int, backend: Backend) -> None:
    with arena() as place:
        found = list(tried(place, ruleset("\n".join((*made(400, seed), ""))), backend, 12))
    outcomes = Counter(one.outcome for one in found)
    assert outcomes[Outcome.ALIVE] == 0
    assert outcomes[Outcome.DEAD] > len(found) / 2


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("seed", range(12))
def test_no_random_packet_is_counted_by_a_dead_rule(site: Site, seed: int, family: int) -> None:
    dice = random.Random(f"reach {seed} {family}")
    backend = BACKENDS[seed % 2]
    text = made_ruleset(dice, family)
    probes = made_probes(dice, 60)
    found = ruleset(text, family)
    said = report([run_rules(Host(rulesets=(found,)), DEAD, Configuration())]).findings
    dead = {one.line for one in said} | {
        place.line for one in said for place in one.related if place.note.startswith("nor")
    }
    reset(site.host)
    assert load(site.host, text, family, backend)
    hush_once(site)
    _arrived(site, probes, family)
    counted = _counted(run(site.host, tool(family, backend, "save"), "-c"))
    rules = [(table.name, chain.name, place, rule) for table in found.tables.values()
             for chain in table.chains.values() for place, rule in enumerate(chain.rules)]  # fmt: skip
    wrong = [found.document.content(rule.line) for *key, rule in rules if rule.number in dead and counted[tuple(key)]]
    assert wrong == []


def hush_once(site: Site) -> None:
    if "quiet" not in run(site.outside, "nft", "list", "tables"):
        hush(site)


@pytest.mark.parametrize("name", ["eth0:1", "eth0/1", "eth 0"])
def test_no_interface_has_a_name_with_a_colon_a_slash_or_a_blank(name: str) -> None:
    with namespace("names") as place:
        assert attempt(place, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1").returncode == 0
        assert attempt(place, "ip", "link", "set", "dev", "eth0", "name", name).returncode != 0
