"""The goal notrack for servers behind a router: what is added, what is refused and why, that it is proven."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.model.made import is_own_chain
from ruleset_lint.packets.endpoints import parse_endpoint
from ruleset_lint.rewrite.notrack import Request, Rewritten, untrack
from ruleset_lint.rewrite.proof import in_words, proof_of
from ruleset_lint.rewrite.service_packets import Dialect
from ruleset_lint.syntax.iptables_save import parse

SERVER, DNS = "tcp/80@10.0.0.5", "udp/53@10.0.0.5"
OWN = (
    "-A INPUT -i lo -j ACCEPT",
    "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT",
    "-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT",
)
ESTABLISHED = "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT"
NEW = "-A FORWARD -d 10.0.0.5/32 -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
NEW_DNS = "-A FORWARD -d 10.0.0.5/32 -p udp -m state --state NEW -m udp --dport 53 -j ACCEPT"
OWN_WEB = "-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
INVALID = "-m state --state INVALID -j DROP"
REPLIES = ("-A OUTPUT -o lo -j ACCEPT", "-A OUTPUT -m state --state RELATED,ESTABLISHED -j ACCEPT")
RESET = "-A FORWARD -s 198.51.100.0/24 -p tcp -j REJECT --reject-with tcp-reset"


def table(name: str, *rules: str, chains: str = "", **policies: str) -> str:
    declared = [f":{chain} {policy} [0:0]" for chain, policy in policies.items()]
    declared += [f":{chain} - [0:0]" for chain in chains.split()]
    return "\n".join((f"*{name}", *declared, *rules, "COMMIT")) + "\n"


def router(*rules: str, chains: str = "", output: str = "ACCEPT", forward: str = "DROP") -> str:
    return table("filter", *OWN, *rules, chains=chains, INPUT="DROP", FORWARD=forward, OUTPUT=output)


def nat(*rules: str) -> str:
    return table("nat", *rules, PREROUTING="ACCEPT", INPUT="ACCEPT", OUTPUT="ACCEPT", POSTROUTING="ACCEPT")


def raw(*rules: str) -> str:
    return table("raw", *rules, PREROUTING="ACCEPT", OUTPUT="ACCEPT")


def mangle(*rules: str) -> str:
    names = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
    return table("mangle", *rules, **dict.fromkeys(names, "ACCEPT"))


def narrowed(rule: str, words: str) -> str:
    return rule.replace("-d 10.0.0.5/32", f"-d 10.0.0.5/32 {words}")


def rewrite(text: str, *ends: str, family: int = 4, dialect: Dialect | None = None) -> Rewritten:
    request = Request(tuple(map(parse_endpoint, ends or (SERVER,))), dialect or Dialect())
    return untrack(load(parse("test", text), family), request)


def added(result: Rewritten, table_name: str = "filter") -> list[str]:
    """The rules that a table gets, without comments and what u32 asks."""
    after = load(parse("after", result.text), result.ruleset.family)
    lines = [after.document.source(rule.line.span).strip() for rule in after.rules if rule.table == table_name]
    own = [line for line in lines if '--comment "ruleset-lint ' in line]
    return [re.sub(r' -m comment --comment "[^"]*"|(?<=-m u32) --u32 \S+', "", line) for line in own]


# -- as people read it


def test_the_usual_router_gets_two_jumps_and_a_handful_of_rules() -> None:
    result = rewrite(router(ESTABLISHED, NEW))
    chain, to, of = "NT-tcp-80@10.0.0.5-in", "-d 10.0.0.5/32 -p tcp -m tcp --dport 80", "-s 10.0.0.5/32 -p tcp -m tcp"
    assert added(result) == [
        f"-A {chain} -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
        f"-A {chain} -p tcp -m tcp --tcp-flags SYN,ACK ACK -j ACCEPT",
        f"-A {chain} -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK RST -j ACCEPT",
        f"-A FORWARD {to} -m conntrack --ctstate UNTRACKED -j {chain}",
        f"-A FORWARD {of} --sport 80 --tcp-flags ACK ACK -m conntrack --ctstate UNTRACKED -j ACCEPT",
        f"-A FORWARD {of} --sport 80 --tcp-flags FIN,SYN,RST,ACK RST -m conntrack --ctstate UNTRACKED -j ACCEPT",
        "-A FORWARD -d 10.0.0.5/32 -p icmp -m u32 -m conntrack --ctstate INVALID -j ACCEPT",
        "-A FORWARD -p icmp -m u32 -m conntrack --ctstate INVALID -j ACCEPT",
    ]
    assert added(result, "raw") == [
        "-A PREROUTING -d 10.0.0.5/32 ! -i lo -p tcp -m tcp --dport 80 -m addrtype ! --dst-type LOCAL -j CT --notrack",
        "-A PREROUTING -s 10.0.0.5/32 ! -i lo -p tcp -m tcp --sport 80 -m addrtype ! --dst-type LOCAL -j CT --notrack",
    ]


def test_interfaces_change_places_for_replies() -> None:
    lines = added(rewrite(router(ESTABLISHED, narrowed(NEW_DNS, "-i eth0 -o eth1")), DNS))
    assert lines[:2] == [
        "-A FORWARD -d 10.0.0.5/32 -i eth0 -o eth1 -p udp -m udp --dport 53 -m conntrack --ctstate UNTRACKED -j ACCEPT",
        "-A FORWARD -s 10.0.0.5/32 -i eth1 -o eth0 -p udp -m udp --sport 53 -m conntrack --ctstate UNTRACKED -j ACCEPT",
    ]


def test_sources_become_destinations_of_replies() -> None:
    lines = added(rewrite(router(ESTABLISHED, narrowed(NEW_DNS, "-s 203.0.113.0/24")), DNS))
    ends = ("-s 203.0.113.0/24 -d 10.0.0.5/32", "-s 10.0.0.5/32 -d 203.0.113.0/24")
    assert [line.split(" -p ")[0] for line in lines[:2]] == [f"-A FORWARD {end}" for end in ends]


def test_rules_without_state_need_raw_rules_only() -> None:
    forward = "-A FORWARD -{} 10.0.0.5/32 -p tcp -m tcp --{} 80 -j ACCEPT"
    result = rewrite(router(forward.format("d", "dport"), forward.format("s", "sport")))
    assert (added(result), len(added(result, "raw"))) == ([], 2)


def test_resets_and_errors_of_the_router_itself_may_leave() -> None:
    lines = added(rewrite(router(ESTABLISHED, RESET, NEW, *REPLIES, output="DROP")))
    own = [line for line in lines if line.startswith("-A OUTPUT")]
    assert ["RST" in line for line in own] == [True, False, False]
    assert all("! --dst-type LOCAL" in line for line in own[:1])


def test_an_address_of_ipv6_stands_in_names_and_rules() -> None:
    rule = "-A FORWARD -d 2001:db8:a::5/128 -p tcp -m state --state NEW -m tcp --dport 443 -j ACCEPT"
    result = rewrite(router(ESTABLISHED, rule), "tcp/443@2001:db8:a::5", family=6)
    assert ":NT-tcp-443@2001:db8:a::5-in - [0:0]" in result.text
    assert "-d 2001:db8:a::5/128 ! -i lo" in result.text


def test_names_of_chains_are_short_enough_and_known_again() -> None:
    end = "tcp/65535@2001:db8:1234:5678:9abc:def0:1234:5678"
    address = end.partition("@")[2]
    rule = f"-A FORWARD -d {address}/128 -p tcp -m state --state NEW -m tcp --dport 65535 -j ACCEPT"
    names = re.findall(r"^:(NT-\S+)", rewrite(router(ESTABLISHED, rule), end, family=6).text, re.MULTILINE)
    assert names
    assert all(len(name) <= 28 and is_own_chain(name) for name in names)


def test_a_server_of_the_other_family_is_left_to_the_other_ruleset() -> None:
    result = rewrite(router(ESTABLISHED, NEW), "tcp/80@2001:db8::5")
    assert (result.changed, result.refusals, result.warnings) == (False, (), ())


# -- proven

STATES = tuple(f"-A {hook} {INVALID}" for hook in ("PREROUTING", "FORWARD", "POSTROUTING"))
SHARED = (
    "-A INPUT -j FW", "-A FORWARD -j FW", "-A FW -m state --state RELATED,ESTABLISHED -j ACCEPT",
    "-A FW -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT", "-A FW -j REJECT",
)  # fmt: skip
SECOND = narrowed(NEW, "-s 203.0.113.0/24").replace("10.0.0.5", "10.0.0.6")
OUTSIDE = "-A FORWARD -i eth1 -o eth0 -m state --state NEW -j ACCEPT"
HALF = raw("-A PREROUTING -d 10.0.0.5/32 -p tcp -m tcp --dport 80 -j NOTRACK")
TO_OTHER = "-A PREROUTING -i eth0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.6:80"
PROVEN = {
    "plain": (router(ESTABLISHED, NEW), SERVER),
    "datagrams": (router(ESTABLISHED, NEW_DNS), DNS),
    "datagrams by interface": (router(ESTABLISHED, narrowed(NEW_DNS, "-i eth0 -o eth1")), DNS),
    "by interface": (router(ESTABLISHED, narrowed(NEW, "-i eth0 -o eth1")), SERVER),
    "by source": (router(ESTABLISHED, narrowed(NEW, "-s 203.0.113.0/24")), SERVER),
    "INVALID dropped first": (router(f"-A FORWARD {INVALID}", ESTABLISHED, NEW), SERVER),
    "output drop": (router(ESTABLISHED, NEW, *REPLIES, output="DROP"), SERVER),
    "output drop, reset": (router(ESTABLISHED, RESET, NEW, *REPLIES, output="DROP"), SERVER),
    "replies rejected": (
        router(RESET.replace("-s 198", "-d 198"), ESTABLISHED, NEW, *REPLIES, output="DROP"), SERVER,
    ),
    "final reject": (router(ESTABLISHED, NEW, "-A FORWARD -j REJECT", forward="ACCEPT"), SERVER),
    "chain shared with INPUT": (router(*SHARED, chains="FW"), f"{SERVER} tcp/80"),
    "two servers of one port": (router(ESTABLISHED, narrowed(NEW, "-i eth0"), SECOND), f"{SERVER} tcp/80@10.0.0.6"),
    "the same port here": (router(OWN_WEB, ESTABLISHED, NEW), f"{SERVER} tcp/80"),
    "the same port here, mangle": (router(OWN_WEB, ESTABLISHED, NEW) + mangle(*STATES), f"{SERVER} tcp/80"),
    "states in mangle": (router(ESTABLISHED, NEW) + mangle(*STATES), SERVER),
    "limit": (router(ESTABLISHED, NEW.replace("-j", "-m limit --limit 10/sec -j")), SERVER),
    "three legs": (router(ESTABLISHED, "-A FORWARD -i eth1 -j ACCEPT", narrowed(NEW, "-i eth0")), SERVER),
    "all is forwarded": (router(forward="ACCEPT"), SERVER),
    "half untracked": (router(ESTABLISHED, NEW) + HALF, SERVER),
    "DNAT to another server": (router(ESTABLISHED, NEW) + nat(TO_OTHER), SERVER),
    "MASQUERADE of all that goes out": (
        router(ESTABLISHED, narrowed(NEW, "-o eth1"), OUTSIDE) + nat("-A POSTROUTING -o eth0 -j MASQUERADE"), SERVER,
    ),
    "MASQUERADE elsewhere": (
        router(ESTABLISHED, narrowed(NEW, "-i eth0 -o eth1")) + nat("-A POSTROUTING -o eth0 -j MASQUERADE"), SERVER,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVEN)
def test_rewritten_proven_and_the_same_when_rewritten_again(name: str) -> None:
    text, ends = PROVEN[name]
    made = rewrite(text, *ends.split())
    assert ([refusal.reason for refusal in made.refusals], made.changed) == ([], True)
    proof = proof_of(made, deadline=time.monotonic() + 60)
    assert [in_words(one) for one in proof.differences] == []
    assert proof.equal
    assert rewrite(made.text, *ends.split()).text == made.text


def test_ipv6_with_states_in_mangle_is_proven() -> None:
    rule = "-A FORWARD -d 2001:db8:a::5/128 -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
    made = rewrite(router(ESTABLISHED, rule) + mangle(*STATES), "tcp/80@2001:db8:a::5", family=6)
    assert [in_words(one) for one in proof_of(made, deadline=time.monotonic() + 60).differences] == []
    assert any("! -d ff00::/8" in line for line in added(made, "mangle"))


@pytest.mark.parametrize(
    "word", ["--tcp-flags SYN,ACK ACK", "--sport 80 --tcp-flags ACK ACK", "--ctstate INVALID", "--sport 80 -m addrtype"]
)
def test_a_rule_left_out_is_found(word: str) -> None:
    made = rewrite(router(ESTABLISHED, narrowed(NEW, "-s 203.0.113.0/24")))
    kept = [line for line in made.text.splitlines(keepends=True) if word not in line]
    assert len(kept) < len(made.text.splitlines())
    broken = replace(made, text="".join(kept))
    assert proof_of(broken, deadline=time.monotonic() + 60).outcome == "different"


# -- refused

DNAT = "-A PREROUTING -i eth0 -p tcp -m tcp --dport {} -j DNAT --to-destination {}"
REFUSED = {
    "DNAT of another port to it": ("R1", SERVER, nat(DNAT.format(8080, "10.0.0.5:80"))),
    "DNAT of the same port to it": ("R1", SERVER, nat(DNAT.format(80, "10.0.0.5"))),
    "DNAT to a range with it": ("R1", SERVER, nat(DNAT.format(80, "10.0.0.1-10.0.0.9:80"))),
    "DNAT of its first packets": ("R1", SERVER, nat("-A PREROUTING -d 10.0.0.5/32 -j DNAT --to-destination 10.0.0.7")),
    "MASQUERADE where it may be": ("R1", SERVER, nat("-A POSTROUTING -o eth0 -j MASQUERADE")),
    "a connection mark": ("R3", SERVER, mangle("-A FORWARD -j CONNMARK --save-mark")),
    "a queue": ("R6", SERVER, mangle("-A FORWARD -p tcp -m tcp --sport 80 -j NFQUEUE")),
    "another net untracked": ("R9", SERVER, raw("-A PREROUTING -d 10.0.0.0/24 -p tcp -m tcp --dport 80 -j NOTRACK")),
}


@pytest.mark.parametrize(("code", "end", "more"), REFUSED.values(), ids=REFUSED)
def test_refused_with_the_reason_and_nothing_written(code: str, end: str, more: str) -> None:
    result = rewrite(router(ESTABLISHED, NEW) + more, end)
    assert code in {refusal.code for refusal in result.refusals}
    assert not result.changed


def test_the_rule_that_translates_is_named() -> None:
    result = rewrite(router(ESTABLISHED, NEW) + nat(DNAT.format(8080, "10.0.0.5:80")))
    assert [refusal.rule and refusal.rule.target for refusal in result.refusals] == ["DNAT"]


def test_without_addrtype_its_own_connections_to_the_server_cannot_be_told_apart() -> None:
    rule = "-A FORWARD -d 2001:db8:a::5/128 -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
    dialect = Dialect(("-j", "NOTRACK"), ("-m", "state", "--state"), has_addrtype=False)
    result = rewrite(router(ESTABLISHED, rule), "tcp/80@2001:db8:a::5", family=6, dialect=dialect)
    assert [refusal.code for refusal in result.refusals] == ["R10"]


def test_without_u32_errors_are_known_by_type_and_server() -> None:
    lines = added(rewrite(router(ESTABLISHED, NEW), dialect=Dialect(has_u32=False)))
    errors = [line for line in lines if "icmp" in line]
    assert [re.search("--icmp-type ([0-9]+)", line)[1] for line in errors] == ["3", "11", "12"] * 2  # type: ignore[index]
    assert ["-d 10.0.0.5/32" in line for line in errors] == [True] * 3 + [False] * 3


def test_that_the_server_is_no_longer_translated_as_a_client_is_said() -> None:
    masquerade = nat("-A POSTROUTING -o eth0 -j MASQUERADE")
    result = rewrite(router(ESTABLISHED, narrowed(NEW, "-i eth0 -o eth1")) + masquerade)
    assert any("opens from port 80 are not translated" in warning.reason for warning in result.warnings)


def test_a_server_that_is_not_accepted_is_left_alone() -> None:
    result = rewrite(router(ESTABLISHED, NEW), "tcp/80@10.0.0.9")
    assert (result.changed, [warning.code for warning in result.warnings]) == (False, ["R0"])
