"""What rules ask of a packet, as formulas."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from written_rules import rules as written

from ruleset_lint.model.loading import load
from ruleset_lint.model.normal import NoNormalFormError, normal_bodies
from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.values import STATES
from ruleset_lint.packets.formula import (
    ALWAYS,
    DESTINATION,
    DESTINATION_PORT,
    DESTINATION_TYPE,
    DNAT,
    FLAGS,
    FRAGMENT,
    ICMP_CODE,
    ICMP_TYPE,
    IN,
    LENGTH,
    MAC,
    MARK,
    NEVER,
    OUT,
    PACKET_TYPE,
    PROTOCOL,
    QUOTED_DESTINATION_PORT,
    QUOTED_PROTOCOL,
    QUOTED_SOURCE_PORT,
    REPLY,
    SOURCE,
    SOURCE_PORT,
    STATE,
    TOS,
    TTL,
    All,
    Between,
    Bits,
    Formula,
    Interface,
    Not,
    Opaque,
    Packet,
    Some,
    equal,
    holds,
    in_state,
    of_type,
)
from ruleset_lint.packets.meaning import Meanings, formula_of
from ruleset_lint.packets.meaning_logic import all_of, among, contrary, some_of
from ruleset_lint.syntax.iptables_save import parse

TCP, UDP = equal(PROTOCOL, 6), equal(PROTOCOL, 17)
WHOLE = equal(FRAGMENT, 0)
ENTRY, NO_ENTRY = in_state("NEW", "ESTABLISHED", "RELATED"), in_state("INVALID", "UNTRACKED")
NFT = Opaque("loaded by iptables-nft")
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
LIMIT = "-m connlimit --connlimit-above 5 --connlimit-mask 32 --connlimit-saddr"
QUOTE = "0>>22&0x3C@14&0xFF=6&&0>>22&0x3C@8>>22&0x3C@8>>16&0xFFFF=80"


def rule(words: str, family: int = 4) -> Rule:
    return load(parse("test", f"*filter\n-A INPUT {words}\nCOMMIT\n"), family).rules[0]


@pytest.mark.parametrize(
    ("words", "formula"),
    [
        ("-j DROP", ALWAYS),
        ("-m comment --comment x", ALWAYS),
        ("-p all", ALWAYS),
        ("-p tcp", TCP),
        ("! -p 6", Not(TCP)),
        ("-p mptcp", All((NFT, TCP))),
        ("-s 10.0.0.0/8", Bits(SOURCE[4], 0xFF000000, 0x0A000000)),
        ("! -d 10.1.2.3/255.0.0.255", Not(Bits(DESTINATION[4], 0xFF0000FF, 0x0A000003))),
        ("-s 0.0.0.0/0", ALWAYS),
        ("! -s 0.0.0.0/0", NEVER),
        ("-s 10.0.0.2,10.0.0.1", Some((equal(SOURCE[4], 0x0A000001), equal(SOURCE[4], 0x0A000002)))),
        ("-s 10.0.0.2,0.0.0.0/0", ALWAYS),
        ("-s host.example", Opaque("-s host.example/0xffffffff")),
        ("! -s host.example/24", Not(Opaque("-s host.example/0xffffff00"))),
        ("-i eth0", Interface(IN, "eth0")),
        ("! -o eth+", Not(Interface(OUT, "eth+"))),
        ("-i +", ALWAYS),
        ("! -i +", NEVER),
        ("-f", equal(FRAGMENT, 1)),
        ("! -f", WHOLE),
        ("-p nonsense", Opaque("-p nonsense")),
    ],
)
def test_parameters(words: str, formula: Formula) -> None:
    assert formula_of(rule(words)) == formula


@pytest.mark.parametrize(
    ("words", "formula"),
    [
        ("-p tcp -m tcp", All((TCP, WHOLE))),
        ("-p tcp --dport http", All((TCP, WHOLE, equal(DESTINATION_PORT, 80)))),
        ("-p udp --sport 1024:", All((UDP, WHOLE, Between(SOURCE_PORT, 1024, 65535)))),
        ("-p udp ! --sport 5:6", All((UDP, WHOLE, Not(Between(SOURCE_PORT, 5, 6))))),
        ("-p udp --sport 6:5", NEVER),
        ("-p udp ! --sport 6:5", All((UDP, WHOLE))),
        ("-p tcp --dport 0:65535", All((TCP, WHOLE))),
        ("-p tcp ! --dport 0:65535", All((TCP, NFT))),
        ("-p tcp --dport 0:65535 --sport 5", All((TCP, WHOLE, equal(SOURCE_PORT, 5)))),
        ("-p tcp --sport 5 ! --dport 0:65535", All((TCP, NFT, WHOLE, equal(SOURCE_PORT, 5)))),
        ("-p sctp -m sctp ! --dport 0:65535", NEVER),
        ("-p tcp -m multiport --dports 82,80:81,443",
         All((TCP, WHOLE, Some((Between(DESTINATION_PORT, 80, 82), equal(DESTINATION_PORT, 443)))))),
        ("-p tcp -m multiport ! --sports 5", All((TCP, WHOLE, Not(equal(SOURCE_PORT, 5))))),
        ("-p tcp -m multiport ! --ports 5",
         All((TCP, WHOLE, Not(Some((equal(SOURCE_PORT, 5), equal(DESTINATION_PORT, 5))))))),
        ("-p tcp --syn", All((TCP, WHOLE, Bits(FLAGS, 0b010111, 0b000010)))),
        ("-p tcp ! --tcp-flags ALL FIN,URG", All((TCP, WHOLE, Not(Bits(FLAGS, 0b111111, 0b100001))))),
        ("-p tcp --tcp-flags SYN ACK", NEVER),
        ("-p tcp ! --tcp-flags SYN ACK", All((TCP, WHOLE))),
        ("-p tcp --tcp-flags NONE NONE", All((TCP, WHOLE))),
        ("-p tcp --tcp-flags NONE SYN", All((TCP, NFT))),
        ("-p tcp ! --tcp-option 5", All((TCP, WHOLE, Not(Opaque("-m tcp --tcp-option 5"))))),
        ("-p icmp --icmp-type echo-request", All((equal(PROTOCOL, 1), WHOLE, equal(ICMP_TYPE, 8)))),
        ("-p icmp --icmp-type 3/4",
         All((equal(PROTOCOL, 1), WHOLE, equal(ICMP_TYPE, 3), equal(ICMP_CODE, 4)))),
        ("-p icmp ! --icmp-type 3/0:4",
         All((equal(PROTOCOL, 1), WHOLE, Not(All((equal(ICMP_TYPE, 3), Between(ICMP_CODE, 0, 4))))))),
        ("-p icmp --icmp-type any", All((equal(PROTOCOL, 1), WHOLE))),
        ("-p icmp ! --icmp-type 255/3", NEVER),
        ("-p tcp --dport nonsense", All((TCP, Opaque("-m tcp --dport nonsense")))),
    ],
)  # fmt: skip
def test_transport(words: str, formula: Formula) -> None:
    assert formula_of(rule(words)) == formula


@pytest.mark.parametrize(
    ("words", "formula"),
    [
        ("-m state --state NEW", equal(STATE, STATES.index("NEW"))),
        ("-m state ! --state NEW,UNTRACKED", Not(in_state("NEW", "UNTRACKED"))),
        ("-m conntrack --ctstate DNAT", All((ENTRY, equal(DNAT, 1)))),
        ("-m conntrack --ctstate NEW,DNAT", Some((*in_state("NEW").of, All((ENTRY, equal(DNAT, 1)))))),
        ("-m conntrack --ctdir REPLY", All((ENTRY, equal(REPLY, 1)))),
        ("-m conntrack ! --ctproto tcp", All((ENTRY, Not(Opaque("-m conntrack --ctproto 6"))))),
        ("-m conntrack --ctstate NEW --ctproto tcp",
         All((*in_state("NEW").of, Some((*NO_ENTRY.of, Opaque("-m conntrack --ctproto 6")))))),
        ("-m connmark ! --mark 1", All((ENTRY, Not(Opaque("-m connmark --mark 0x1", counts=True))))),
        ("-m helper --helper ftp", All((ENTRY, Opaque("-m helper --helper ftp")))),
        ("-m helper ! --helper ftp", Not(All((ENTRY, Opaque("-m helper --helper ftp"))))),
    ],
)  # fmt: skip
def test_tracking(words: str, formula: Formula) -> None:
    assert formula_of(rule(words)) == formula


@pytest.mark.parametrize(
    ("words", "formula"),
    [
        ("-m mark --mark 0x5/0xf", Bits(MARK, 0xF, 5)),
        ("-m mark ! --mark 5", Not(equal(MARK, 5))),
        ("-m mark --mark 0x15/0xf", NEVER),
        ("-m dscp --dscp-class EF", Bits(TOS, 0xFC, 0xB8)),
        ("-m dscp ! --dscp 10", Not(Bits(TOS, 0xFC, 40))),
        ("-m tos --tos 0x10", equal(TOS, 0x10)),
        ("-m tos --tos Minimize-Delay", Bits(TOS, 0x3F, 0x10)),
        ("-m ecn ! --ecn-ip-ect 1", Not(Bits(TOS, 3, 1))),
        ("-p tcp -m ecn ! --ecn-tcp-cwr", All((TCP, Not(Opaque("-m ecn --ecn-tcp-cwr"))))),
        ("-m ttl --ttl-lt 5", Between(TTL, 0, 4)),
        ("-m ttl --ttl-lt 0", NEVER),
        ("-m ttl --ttl-gt 254", equal(TTL, 255)),
        ("-m length ! --length 100:", Not(Between(LENGTH, 100, 65535))),
        ("-m mac --mac-source 0:0:0:0:1:2", All((Not(equal(MAC, 0)), equal(MAC, 0x102)))),
        ("-m mac ! --mac-source 0:0:0:0:1:2", All((Not(equal(MAC, 0)), Not(equal(MAC, 0x102))))),
        ("-m pkttype --pkt-type bcast", equal(PACKET_TYPE, 1)),
        ("-m pkttype --pkt-type otherhost", equal(PACKET_TYPE, 3)),
        ("-m addrtype --dst-type LOCAL", of_type(DESTINATION_TYPE, "LOCAL")),
        ("-m addrtype ! --dst-type LOCAL,BROADCAST",
         Not(Some((of_type(DESTINATION_TYPE, "BROADCAST"), of_type(DESTINATION_TYPE, "LOCAL"))))),
        ("-m addrtype ! --dst-type LOCAL --limit-iface-in",
         Not(Opaque("-m addrtype --dst-type LOCAL --limit-iface-in"))),
        ("-m iprange ! --src-range 10.0.0.1-10.0.0.9", Not(Between(SOURCE[4], 0x0A000001, 0x0A000009))),
        ("-m iprange --dst-range 10.0.0.9-10.0.0.1", NEVER),
    ],
)  # fmt: skip
def test_fields_of_the_header(words: str, formula: Formula) -> None:
    assert formula_of(rule(words)) == formula


@pytest.mark.parametrize(
    ("words", "formula"),
    [
        ("-p tcp", TCP),
        ("-p ipv6-route", NEVER),
        ("! -p ipv6-opts", ALWAYS),
        ("-p ah", All((NFT, equal(PROTOCOL, 51)))),
        ("-s 2001:db8::/32", Bits(SOURCE[6], 0xFFFFFFFF << 96, 0x20010DB8 << 96)),
        ("-m hl --hl-eq 5", equal(TTL, 5)),
        ("-p icmpv6 --icmpv6-type 255", All((equal(PROTOCOL, 58), WHOLE, equal(ICMP_TYPE, 255)))),
        ("-p icmpv6 --icmpv6-type packet-too-big -m u32 --u32 51&0xFF=6&&88&0xFFFF=80:81",
         All((equal(PROTOCOL, 58), WHOLE, equal(ICMP_TYPE, 2), equal(QUOTED_PROTOCOL, 6),
              Between(QUOTED_DESTINATION_PORT, 80, 81)))),
        ("-m addrtype --dst-type LOCAL", of_type(DESTINATION_TYPE, "LOCAL")),
        ("-m addrtype --dst-type UNICAST,LOCAL", of_type(DESTINATION_TYPE, "LOCAL")),
        ("-m addrtype --dst-type MULTICAST,LOCAL", NEVER),
        ("-m addrtype --dst-type UNREACHABLE", Opaque("-m addrtype --dst-type UNREACHABLE")),
    ],
)  # fmt: skip
def test_ipv6(words: str, formula: Formula) -> None:
    assert formula_of(rule(words, 6)) == formula


@pytest.mark.parametrize(
    ("words", "formula"),
    [
        ("-m limit --limit 5/second", Opaque("-m limit --limit 5/sec", counts=True)),
        ("-m limit --limit 5/s --limit-burst 5", Opaque("-m limit --limit 5/sec", counts=True)),
        ("-m time --timestart 8:00",
         Opaque("-m time --timestart 08:00:00 --timestop 23:59:59 --datestop 2038-01-19T03:14:07")),
        ("-m set ! --match-set bad src", Not(Opaque("-m set --match-set bad src"))),
        ("-m set ! --match-set bad src --packets-gt 3",
         Opaque("-m set ! --match-set bad src --packets-gt 3", counts=True)),
        ("-m string --algo bm ! --string x", Not(Opaque('-m string --string "x" --algo bm'))),
        ("-m owner ! --uid-owner 0 --gid-owner 5",
         All((Not(Opaque("-m owner --uid-owner 0")), Opaque("-m owner --gid-owner 5")))),
        ("-m owner --uid-owner joe", Opaque("-m owner --uid-owner joe")),
        ("-m rpfilter --invert", Not(Opaque("-m rpfilter"))),
        ("-m cpu ! --cpu 1", Not(Opaque("-m cpu --cpu 1"))),
        ("-p tcp -m tcpmss ! --mss 1:5", All((TCP, Not(Opaque("-m tcpmss --mss 1:5"))))),
        ("-p esp -m esp --espspi 0:", All((equal(PROTOCOL, 50), WHOLE))),
        ("-p esp -m esp ! --espspi 0:", NEVER),
        ("-p esp -m esp ! --espspi 5", All((equal(PROTOCOL, 50), WHOLE, Not(Opaque("-m esp --espspi 5"))))),
        ("-m physdev ! --physdev-is-bridged", Opaque("-m physdev ! --physdev-is-bridged")),
        ("-m connlimit --connlimit-above 5",
         Some((All((ENTRY, Opaque(LIMIT, counts=True))),
                   All((NO_ENTRY, Opaque(f"{LIMIT} of a packet without an entry", counts=True)))))),
        ("-m connbytes ! --connbytes 5:5 --connbytes-dir both --connbytes-mode bytes",
         All((ENTRY, Opaque("-m connbytes ! --connbytes 5:5 --connbytes-dir both --connbytes-mode bytes")))),
        ("-m fancy --level 3", Opaque("-m fancy --level 3", counts=True)),
        ("-m u32 ! --u32 4&0xFF=6", Not(Opaque('-m u32 --u32 "0x4&0xff=0x6"'))),
        (f"-m u32 --u32 {QUOTE}",
         Opaque('-m u32 --u32 "0x0>>0x16&0x3c@0xe&0xff=0x6&&0x0>>0x16&0x3c@0x8>>0x16&0x3c@0x8>>0x10&0xffff=0x50"')),
        (f"-p icmp --icmp-type 3 -m u32 --u32 {QUOTE}",
         All((equal(PROTOCOL, 1), WHOLE, equal(ICMP_TYPE, 3), equal(QUOTED_PROTOCOL, 6),
              equal(QUOTED_SOURCE_PORT, 80)))),
    ],
)  # fmt: skip
def test_what_the_fields_cannot_tell(words: str, formula: Formula) -> None:
    assert formula_of(rule(words)) == formula


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-m conntrack --ctorigsrc 10.0.0.0/255.0.255.0", "-m conntrack --ctorigsrc 10.0.0.0"),
        ("-p tcp -m set --match-set a src", "-p tcp -m set --match-set a src --return-nomatch"),
        ("-p ah -m ah ! --ahspi 0:4294967295", "-p ah -m ah"),
        ("-m physdev ! --physdev-in eth0", "-m physdev --physdev-in eth0"),
        ("-m policy --dir in --pol ipsec --strict --reqid 1 --next --reqid 2",
         "-m policy --dir in --pol ipsec --strict --reqid 2 --next --reqid 1"),
    ],
)  # fmt: skip
def test_different_conditions_are_different_questions(one: str, other: str) -> None:
    assert formula_of(rule(one)) != formula_of(rule(other))


def test_a_rule_for_the_other_family_matches_nothing() -> None:
    skipped = load(parse("test", "*filter\n-A INPUT -6 -p tcp\nCOMMIT\n"), 4)
    assert [formula_of(one) for one in skipped.commands] == [NEVER]


def test_equal_conditions_are_one_object() -> None:
    meanings = Meanings()
    first, second = (meanings.of(rule("-p tcp --dport 80 -s 10.0.0.1")) for _ in range(2))
    assert first is second
    third = meanings.of(rule("-s 10.0.0.1 -p tcp -m tcp --dport 80 -j DROP"))
    assert isinstance(first, All)
    assert isinstance(third, All)
    assert all(any(one is other for other in third.of) for one in first.of)


def parts(formula: Formula) -> frozenset[Formula]:
    """What all has to hold, in no order."""
    return frozenset(formula.of if isinstance(formula, All) else (formula,))


@pytest.mark.parametrize("family", [4, 6])
@FEW
@given(data=st.data())
def test_one_memory_for_many_rules_changes_nothing(family: int, data: st.DataObject) -> None:
    meanings = Meanings()
    lines = "".join(f"-A FORWARD {words}\n" for words in data.draw(st.lists(written(family), max_size=6)))
    for one in load(parse("test", f"*filter\n{lines}COMMIT\n"), family).rules:
        assert meanings.of(one) == formula_of(one)


@pytest.mark.parametrize("family", [4, 6])
@FEW
@given(data=st.data())
def test_the_normal_form_of_a_rule_asks_the_same(family: int, data: st.DataObject) -> None:
    words = data.draw(written(family))
    one = rule(words, family)
    try:
        bodies = normal_bodies(one, "legacy")
    except NoNormalFormError:
        bodies = []
    uses = (*one.shape.parameters, *(use for part in one.shape.matches for use in part.uses))
    # save loses a `!` before all of a range, flags that are not looked at, and masks with holes of conntrack
    assume(len(bodies) == 1 and sum(use.negated for use in uses) == bodies[0].split().count("!"))
    assume(not re.search(r"--ct\w+ \S+/(255\.0|ffff::ffff)|--tcp-flags NONE", words))
    assert parts(formula_of(rule(bodies[0], family))) == parts(formula_of(one))


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535)), max_size=5), st.integers(0, 65535))
def test_ranges_are_joined_without_loss(ranges: list[tuple[int, int]], port: int) -> None:
    formula = among(SOURCE_PORT, ranges)
    inside = any(low <= port <= high for low, high in ranges)
    assert holds(formula, Packet(4, {SOURCE_PORT: port})) is inside


@pytest.mark.parametrize(
    ("made", "formula"),
    [
        (all_of(), ALWAYS),
        (all_of(TCP, ALWAYS), TCP),
        (all_of(TCP, NEVER), NEVER),
        (all_of(All((TCP, WHOLE)), TCP), All((TCP, WHOLE))),
        (some_of(), NEVER),
        (some_of(TCP, NEVER), TCP),
        (some_of(TCP, ALWAYS), ALWAYS),
        (some_of(Some((TCP, UDP)), UDP), Some((TCP, UDP))),
        (contrary(contrary(TCP)), TCP),
        (contrary(ALWAYS), NEVER),
        (contrary(WHOLE), equal(FRAGMENT, 1)),
    ],
)
def test_formulas_are_simplified(made: Formula, formula: Formula) -> None:
    assert made == formula
