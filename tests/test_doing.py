"""What targets do with a packet."""

from __future__ import annotations

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.values import STATES
from ruleset_lint.packets.doing import Step, effects_of, steps_of
from ruleset_lint.packets.effect import Assign, Call, Decide, Effect, Note, Replace, Return, Translate
from ruleset_lint.packets.formula import (
    ALWAYS,
    FLAGS,
    MARK,
    STATE,
    TOS,
    TTL,
    Bits,
    Formula,
    Opaque,
    Some,
    in_state,
)
from ruleset_lint.syntax.iptables_save import parse

ALL_MARK = 0xFFFFFFFF
UNTRACKED, NEW = (Assign(STATE, 7, STATES.index(name)) for name in ("UNTRACKED", "NEW"))
CHAINS = frozenset({"web", "INPUT"})


def rule(words: str, family: int = 4, chain: str = "INPUT", table: str = "filter") -> Rule:
    return load(parse("test", f"*{table}\n:web - [0:0]\n-A {chain} {words}\nCOMMIT\n"), family).rules[0]


@pytest.mark.parametrize(
    ("words", "effects"),
    [
        ("-p tcp", ()),
        ("-j ACCEPT", (Decide("ACCEPT"),)),
        ("-j DROP", (Decide("DROP"),)),
        ("-j RETURN", (Return(),)),
        ("-j web", (Call("web", goto=False),)),
        ("-g web", (Call("web", goto=True),)),
        ("-j REJECT", (Decide("REJECT icmp-port-unreachable"),)),
        ("-p tcp -j REJECT --reject-with tcp-rst", (Decide("REJECT tcp-reset"),)),
        ("-j QUEUE", (Decide("NFQUEUE 0"),)),
        ("-j NFQUEUE", (Decide("NFQUEUE 0"),)),
        ("-j NFQUEUE --queue-num 3 --queue-bypass", (Decide("NFQUEUE 3 --queue-bypass"),)),
        ("-j NFQUEUE --queue-balance 0:3", (Decide("NFQUEUE 0:3"),)),
        ("-p tcp -j SYNPROXY --mss 1460", (Decide("SYNPROXY --mss 1460"),)),
        ("-p tcp -j TPROXY --on-port 3129 --tproxy-mark 1/3",
         (Assign(MARK, 3, 1), Decide("TPROXY --on-port 3129 --on-ip 0.0.0.0"))),
        ("-p tcp -j TPROXY --on-port 3129",
         (Decide("TPROXY --on-port 3129 --on-ip 0.0.0.0"),)),
    ],
)  # fmt: skip
def test_verdicts(words: str, effects: tuple[Effect, ...]) -> None:
    assert effects_of(rule(words), CHAINS) == effects


def test_the_kind_of_reject_that_ipv6_has() -> None:
    assert effects_of(rule("-j REJECT", 6), CHAINS) == (Decide("REJECT icmp6-port-unreachable"),)


@pytest.mark.parametrize(
    ("words", "effect"),
    [
        ("-j MARK --set-mark 0x5", Assign(MARK, ALL_MARK, 5)),
        ("-j MARK --set-mark 0x5/0x2", Assign(MARK, 7, 5)),
        ("-j MARK --set-xmark 0x5/0x2", Assign(MARK, 2, 5)),
        ("-j MARK --and-mark 0xf0", Assign(MARK, 0xFFFFFF0F, 0)),
        ("-j MARK --or-mark 6", Assign(MARK, 6, 6)),
        ("-j MARK --xor-mark 6", Assign(MARK, 0, 6)),
        ("-j TOS --set-tos 0x10", Assign(TOS, 0xFF, 0x10)),
        ("-j TOS --set-tos 0x10/0x30", Assign(TOS, 0x30, 0x10)),
        ("-j TOS --set-tos Minimize-Cost", Assign(TOS, 0x3F, 2)),
        ("-j TOS --and-tos 0xf0", Assign(TOS, 0x0F, 0)),
        ("-j TOS --or-tos 6", Assign(TOS, 6, 6)),
        ("-j TOS --xor-tos 6", Assign(TOS, 0, 6)),
        ("-j DSCP --set-dscp 10", Assign(TOS, 0xFC, 40)),
        ("-j DSCP --set-dscp-class EF", Assign(TOS, 0xFC, 0xB8)),
        ("-j ECN --ecn-ip-ect 2", Assign(TOS, 3, 2)),
        ("-j TTL --ttl-set 64", Assign(TTL, 0xFF, 64)),
        ("-j TTL --ttl-inc 1", Replace(TTL, "TTL --ttl-inc 1")),
        ("-j CONNMARK --restore-mark",
         Replace(MARK, "CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff")),
        ("-j MARK --set-mark nonsense", Replace(MARK, "MARK --set-mark nonsense")),
    ],
)  # fmt: skip
def test_fields_that_are_changed(words: str, effect: Effect) -> None:
    assert effects_of(rule(words, table="mangle"), CHAINS)[0] == effect


@pytest.mark.parametrize(
    ("words", "effect"),
    [
        ("-j HL --hl-set 5", Assign(TTL, 0xFF, 5)),
    ],
)  # fmt: skip
def test_fields_that_are_changed_in_ipv6(words: str, effect: Effect) -> None:
    assert effects_of(rule(words, 6, table="mangle"), CHAINS) == (effect,)


@pytest.mark.parametrize(
    ("chain", "words", "effect"),
    [
        ("POSTROUTING", "-j SNAT --to-source 192.0.2.1", Translate(source=True, text="SNAT --to-source 192.0.2.1")),
        ("POSTROUTING", "-j MASQUERADE", Translate(source=True, text="MASQUERADE")),
        ("PREROUTING", "-j DNAT --to-destination 192.0.2.1",
         Translate(source=False, text="DNAT --to-destination 192.0.2.1")),
        ("PREROUTING", "-p tcp -j REDIRECT --to-ports http", Translate(source=False, text="REDIRECT --to-ports 80")),
        ("PREROUTING", "-j NETMAP --to 192.0.2.0/24", Translate(source=False, text="NETMAP --to 192.0.2.0/24")),
        ("POSTROUTING", "-j NETMAP --to 192.0.2.0/24", Translate(source=True, text="NETMAP --to 192.0.2.0/24")),
    ],
)  # fmt: skip
def test_translations(chain: str, words: str, effect: Effect) -> None:
    assert effects_of(rule(words, chain=chain, table="nat"), CHAINS) == (effect,)


@pytest.mark.parametrize(
    ("words", "effect"),
    [
        ("-j LOG --log-prefix x --log-level warning", Note("LOG --log-prefix x", matters=False)),
        ("-j NFLOG --nflog-group 0", Note("NFLOG", matters=False)),
        ("-j TRACE", Note("TRACE", matters=False)),
        ("-p tcp -j TCPMSS --clamp-mss-to-pmtu", Note("TCPMSS --clamp-mss-to-pmtu", matters=True)),
        ("-j CLASSIFY --set-class 1:a", Note("CLASSIFY --set-class 0001:000a", matters=True)),
        ("-j SET --add-set bad src", Note("SET --add-set bad src", matters=True)),
        ("-j TEE --gateway 192.0.2.1", Note("TEE --gateway 192.0.2.1", matters=True)),
        ("-j CONNMARK --save-mark",
         Note("CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff", matters=True)),
        ("-p tcp -j ECN --ecn-tcp-remove", Note("ECN --ecn-tcp-remove", matters=True)),
    ],
)  # fmt: skip
def test_what_no_later_rule_sees(words: str, effect: Effect) -> None:
    assert effects_of(rule(words, table="mangle"), CHAINS) == (effect,)


@pytest.mark.parametrize(
    ("words", "effects"),
    [
        ("-j NOTRACK", (UNTRACKED,)),
        ("-j CT --notrack", (UNTRACKED,)),
        ("-j CT --zone 1", (NEW, Note("CT --zone 1", matters=True))),
        ("-p tcp -j CT --helper ftp", (NEW, Note("CT --helper ftp", matters=True))),
    ],
)
def test_tracking_is_for_packets_that_have_no_state_yet(words: str, effects: tuple[Effect, ...]) -> None:
    raw = rule(words, chain="PREROUTING", table="raw")
    assert effects_of(raw, CHAINS) == effects
    assert steps_of(raw, CHAINS) == (Step(in_state("INVALID"), effects),)


@pytest.mark.parametrize("words", ["-j elsewhere", "-g elsewhere"])
def test_an_unknown_target_may_do_anything(words: str) -> None:
    effects = (*(Replace(field, words) for field in (MARK, TOS, TTL)), Note(words, matters=True))
    assert effects_of(rule(words), CHAINS) == effects
    decides = Step(Opaque(f"{words} decides", counts=True), (Decide(words),))
    assert steps_of(rule(words), CHAINS) == (Step(ALWAYS, effects), decides)


def test_options_of_an_unknown_target_belong_to_it() -> None:
    one, other = (effects_of(rule(f"-j FANCY --level {level} --more"), CHAINS) for level in (1, 2))
    assert one[-1] == Note("-j FANCY --level 1 --more", matters=True)
    assert one != other


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        ("-p tcp", ()),
        ("-j ACCEPT", ((ALWAYS, Decide("ACCEPT")),)),
        ("-j CONNMARK --save-mark --mask 1",
         ((in_state("NEW", "ESTABLISHED", "RELATED"),
           Note("CONNMARK --save-mark --nfmask 0x1 --ctmask 0x1", matters=True)),)),
        ("-p tcp -j SYNPROXY",
         ((Some((Bits(FLAGS, 0b010111, 0b000010), Bits(FLAGS, 0b010111, 0b010000))), Decide("SYNPROXY")),)),
    ],
)  # fmt: skip
def test_steps(words: str, steps: tuple[tuple[Formula, Effect], ...]) -> None:
    assert steps_of(rule(words), CHAINS) == tuple(Step(asks, (effect,)) for asks, effect in steps)
