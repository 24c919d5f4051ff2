"""What formulas say of packets is what the kernel counts: every rule with every packet, both backends and families."""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import pytest

from ruleset_lint.model.loading import load as loaded
from ruleset_lint.model.rule import Rule
from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES, TCP_FLAGS
from ruleset_lint.packets.doing import effects_of, steps_of
from ruleset_lint.packets.effect import Assign
from ruleset_lint.packets.formula import (
    DESTINATION,
    DESTINATION_PORT,
    DESTINATION_TYPE,
    FLAGS,
    FRAGMENT,
    ICMP_CODE,
    ICMP_TYPE,
    IN,
    LENGTH,
    MAC,
    MARK,
    PACKET_TYPE,
    PROTOCOL,
    QUOTED_DESTINATION_PORT,
    QUOTED_PROTOCOL,
    QUOTED_SOURCE_PORT,
    REPLY,
    SOURCE,
    SOURCE_PORT,
    SOURCE_TYPE,
    STATE,
    TOS,
    TTL,
    Field,
    Opaque,
    Packet,
    holds,
)
from ruleset_lint.packets.meaning import Meanings
from ruleset_lint.syntax.iptables_save import parse

from .flows import FAMILIES
from .namespaces import Namespace, inside, missing, run
from .packets import End, icmp_echo, icmp_error, segment
from .rulesets import BACKENDS, Backend, forget, load, reset, tool
from .topology import PARTIES, Site, site

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

TOKEN = b"mean"
PATIENCE = 2.0  # seconds that a packet may take to be counted
GATEWAY_MAC = 0x020000000001
UNTRACKED_PORT, MARKED_PORT, THE_MARK = 81, 7, 0x15
ERROR = "0>>22&0x3C@14&0xFF=17&&0>>22&0x3C@8>>22&0x3C@8>>16&0xFFFF=5000"
ERROR6 = "51&0xFF=17&&88>>16&0xFFFF=5000"

RULES = (
    "-p tcp", "-p 17", "! -p udp", "-p all", "-p mptcp", "! -p mptcp", "-i eth0", "! -i eth0", "-i eth+", "! -i e+",
    "-i lo", "-i +", "! -i +", "-i eth9", "-o eth0", "! -o eth0", "-o +",
    "-p tcp -m tcp", "-p tcp -m tcp --dport 80", "-p tcp -m tcp ! --dport 80", "-p tcp -m tcp --dport http",
    "-p tcp -m tcp --sport 40000:50000", "-p tcp -m tcp ! --sport :40000", "-p tcp -m tcp --dport 0:65535",
    "-p tcp -m tcp ! --dport 0:65535", "-p tcp -m tcp --sport 45001 ! --dport :", "-p udp -m udp --dport 53:54",
    "-p udp -m udp ! --dport 53:54", "-p udp -m udp --dport 90:80", "-p udp -m udp ! --sport :",
    "-p tcp -m multiport --dports 22,80:82", "-p tcp -m multiport ! --dports 22,80:82",
    "-p udp -m multiport --ports 53,5000", "-p udp -m multiport ! --ports 53,5000",
    "-p tcp -m multiport ! --dports 0:65535",
    "-p tcp -m tcp --syn", "-p tcp -m tcp ! --syn", "-p tcp -m tcp --tcp-flags SYN,ACK ACK",
    "-p tcp -m tcp ! --tcp-flags ALL SYN,FIN", "-p tcp -m tcp --tcp-flags SYN ACK",
    "-p tcp -m tcp ! --tcp-flags SYN ACK", "-p tcp -m tcp --tcp-flags NONE SYN",
    "-p tcp -m tcp --tcp-flags NONE NONE", "-p tcp -m tcp ! --tcp-flags NONE NONE",
    "-p tcp -m tcp --tcp-flags ALL NONE",
    "-m state --state NEW", "-m state ! --state NEW", "-m state --state UNTRACKED", "-m state --state INVALID,RELATED",
    "-m conntrack --ctstate NEW,ESTABLISHED", "-m conntrack ! --ctstate NEW,ESTABLISHED", "-m conntrack --ctstate DNAT",
    "-m conntrack ! --ctstate DNAT,SNAT", "-m conntrack --ctdir REPLY", "-m conntrack --ctdir original",
    "-m conntrack --ctproto udp", "-m conntrack ! --ctproto udp", "-m conntrack --ctstate UNTRACKED --ctproto tcp",
    "-m conntrack ! --ctstate INVALID --ctproto tcp", "-m conntrack ! --ctstate NEW ! --ctproto udp --ctdir REPLY",
    "-m conntrack --ctstatus NONE", "-m connmark --mark 1", "-m connmark ! --mark 1", "-m helper ! --helper ftp",
    "-m helper --helper ftp", "-m connlabel ! --label 3",
    "-m mark --mark 0x15", "-m mark ! --mark 0x15", "-m mark --mark 0x5/0xf", "-m mark --mark 0x15/0xf",
    "-m mark ! --mark 0x15/0xf", "-m mark --mark 0/0",
    "-m dscp --dscp 10", "-m dscp ! --dscp-class AF11", "-m dscp --dscp-class EF", "-m tos --tos 0x28",
    "-m tos ! --tos 0x28/0x3f", "-m tos --tos Minimize-Delay", "-m tos --tos 0x28/0x08", "-m tos ! --tos 0x28/0x08",
    "-m ecn --ecn-ip-ect 2", "-m ecn ! --ecn-ip-ect 2",
    "-m length --length 32", "-m length ! --length :50", "-m length --length 60:", "-m length --length 90:80",
    "-m length ! --length 90:80",
    "-m mac --mac-source 02:00:00:00:00:01", "-m mac ! --mac-source 02:00:00:00:00:01",
    "-m mac ! --mac-source 02:00:00:00:00:02", "-m mac ! --mac-source 00:00:00:00:00:00",
    "-m pkttype --pkt-type host", "-m pkttype ! --pkt-type unicast", "-m pkttype --pkt-type bcast",
    "-m pkttype --pkt-type multicast",
    "-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL", "-m addrtype --src-type UNICAST",
    "-m addrtype ! --src-type LOCAL --dst-type LOCAL,MULTICAST", "-m addrtype --dst-type MULTICAST",
    "-m addrtype --src-type LOCAL,UNICAST", "-m addrtype --src-type ANYCAST",
    "-m comment --comment x",
)  # fmt: skip
BY_FAMILY = {
    4: (
        "-s 203.0.113.77", "! -s 203.0.113.0/24", "-s 203.0.113.5/255.255.0.255", "-s 203.0.113.77/255.0.255.255",
        "-s 203.0.113.77,192.0.2.0/24,192.0.2.1", "-s 0.0.0.0/0", "-d 192.0.2.10", "! -d 192.0.2.10",
        "-f", "! -f", "-p icmpv6", "-p icmp",
        "-p icmp -m icmp --icmp-type echo-request", "-p icmp -m icmp --icmp-type any",
        "-p icmp -m icmp ! --icmp-type any", "-p icmp -m icmp --icmp-type 255/3", "-p icmp -m icmp ! --icmp-type ping",
        "-p icmp -m icmp --icmp-type 3", "-p icmp -m icmp --icmp-type 3/1", "-p icmp -m icmp ! --icmp-type 3/4",
        "-p icmp -m icmp --icmp-type 3/0:1", "-p icmp -m icmp --icmp-type 3/2:9",
        f"-p icmp -m icmp --icmp-type 3 -m u32 --u32 {ERROR}",
        f"-p icmp -m icmp --icmp-type 3 -m u32 ! --u32 {ERROR}",
        "-p icmp -m icmp --icmp-type 3 -m u32 --u32 0>>22&0x3C@8>>22&0x3C@8&0xFFFF=53",
        "-m ttl --ttl-eq 255", "-m ttl ! --ttl-eq 255", "-m ttl --ttl-lt 64", "-m ttl --ttl-gt 63",
        "-m iprange --src-range 203.0.113.70-203.0.113.80", "-m iprange ! --src-range 203.0.113.70-203.0.113.80",
        "-m iprange --dst-range 192.0.2.99-192.0.2.1", "-m iprange ! --dst-range 192.0.2.99-192.0.2.1",
        "-m addrtype --dst-type BROADCAST", "-m addrtype ! --dst-type BROADCAST,LOCAL",
        "-m addrtype --dst-type UNICAST",
    ),
    6: (
        "-s 2001:db8:77::77", "! -s 2001:db8:77::/48", "-s ::77/::ffff", "-s ::/0", "-d 2001:db8:2::10",
        "! -d 2001:db8:2::10", "-p icmp", "-p 44", "! -p 51", "-p ah", "-p 0", "! -p 60", "-p ipv6-icmp",
        "-p icmpv6 -m icmp6 --icmpv6-type echo-request", "-p icmpv6 -m icmp6 ! --icmpv6-type 128/0",
        "-p icmpv6 -m icmp6 --icmpv6-type 255", "-p icmpv6 -m icmp6 --icmpv6-type 1/0:1",
        "-p icmpv6 -m icmp6 ! --icmpv6-type destination-unreachable",
        f"-p icmpv6 -m icmp6 --icmpv6-type 1 -m u32 --u32 {ERROR6}",
        f"-p icmpv6 -m icmp6 --icmpv6-type 1 -m u32 ! --u32 {ERROR6}",
        "-p icmpv6 -m icmp6 --icmpv6-type 1 -m u32 --u32 88&0xFFFF=53",
        "-m hl --hl-eq 255", "-m hl ! --hl-eq 255", "-m hl --hl-lt 64", "-m hl --hl-gt 63",
        "-m iprange --src-range 2001:db8:77::70-2001:db8:77::80",
        "-m iprange ! --src-range 2001:db8:77::70-2001:db8:77::80",
        "-m addrtype --dst-type UNICAST", "-m addrtype ! --dst-type UNICAST,LOCAL",
        "-m addrtype --src-type UNICAST,LOCAL",
        "-m addrtype --dst-type MULTICAST,LOCAL",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet as it is sent, and what formulas know of it. `before` goes out of the host first, if there is one."""

    name: str
    sender: str
    data: bytes
    packet: Packet
    before: bytes = b""
    target: str = ""  # where the sender's kernel routes it, if not to its destination address
    broadcast: bool = field(default=False)

    def __str__(self) -> str:
        return self.name


def number(address: str) -> int:
    return int(ipaddress.ip_address(address))


def described(family: int, data: bytes) -> dict[Field, int]:
    """The fields that stand in the packet itself."""
    head = 20 if family == 4 else 40
    source, destination = (data[12:16], data[16:20]) if family == 4 else (data[8:24], data[24:40])
    protocol, ttl = (data[9], data[8]) if family == 4 else (data[6], data[7])
    tos = data[1] if family == 4 else (data[0] << 4 | data[1] >> 4) & 0xFF
    body = data[head:]
    found = {
        PROTOCOL: protocol, TTL: ttl, TOS: tos, LENGTH: len(data),
        SOURCE[family]: int.from_bytes(source), DESTINATION[family]: int.from_bytes(destination),
    }  # fmt: skip
    if protocol in (6, 17):
        found |= {SOURCE_PORT: int.from_bytes(body[:2]), DESTINATION_PORT: int.from_bytes(body[2:4])}
    if protocol == 6:
        bits = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")
        found[FLAGS] = sum(1 << TCP_FLAGS.index(flag) for place, flag in enumerate(bits) if body[13] >> place & 1)
    if protocol in (1, 58):
        found |= {ICMP_TYPE: body[0], ICMP_CODE: body[1]}
    return found


def arrived(family: int, name: str, data: bytes, state: str, *, of: str = "remote", **more: object) -> Sent:
    """A packet that comes from outside to the host's own address."""
    values = described(family, data) | {
        MAC: GATEWAY_MAC, STATE: STATES.index(state), SOURCE_TYPE: ADDRESS_TYPES.index("UNICAST"),
        DESTINATION_TYPE: ADDRESS_TYPES.index("LOCAL"), **dict(more.pop("values", ())),
    }  # fmt: skip
    return Sent(name, of, data, Packet(family, values, {IN: str(more.pop("by", "eth0"))}), **more)


def with_tos(family: int, data: bytes, tos: int, ttl: int) -> bytes:
    """The packet with another type of service and hop limit; the kernel sums up IPv4's header by itself."""
    if family == 4:
        return data[:1] + bytes([tos]) + data[2:8] + bytes([ttl]) + data[9:10] + bytes(2) + data[12:]
    return struct.pack("!I", 6 << 28 | tos << 20) + data[4:7] + bytes([ttl]) + data[8:]


def packets(family: int) -> Iterator[Sent]:
    host, remote = (PARTIES[name].address(family) for name in ("host", "remote"))

    def from_remote(protocol: str, sport: int, dport: int, flags: str = "") -> bytes:
        return segment(End(remote, sport), End(host, dport), protocol, flags, TOKEN)

    made = partial(arrived, family)
    syn = from_remote("tcp", 45000, 80, "S")
    asked = segment(End(host, 5000), End(remote, 53), "udp", "", TOKEN)
    error = icmp_error(remote, host, "unreachable", asked)
    quoted = {QUOTED_PROTOCOL: 17, QUOTED_SOURCE_PORT: 5000, QUOTED_DESTINATION_PORT: 53}
    yield made("a SYN", syn, "NEW")
    yield made("a SYN with a type of service", with_tos(family, syn, 0x2A, 60), "NEW")
    yield made("a SYN from another port", from_remote("tcp", 45001, 8080, "S"), "NEW")
    yield made("a bare ACK", from_remote("tcp", 39999, 22, "A"), "NEW")
    yield made("SYN and FIN", from_remote("tcp", 45000, 80, "SF"), "INVALID")
    yield made("no flags", from_remote("tcp", 45000, 80), "INVALID")
    yield made("an untracked SYN", from_remote("tcp", 45000, UNTRACKED_PORT, "S"), "UNTRACKED")
    yield made("a datagram", from_remote("udp", 5353, 53), "NEW")
    yield made("a datagram with a mark", from_remote("udp", 5000, MARKED_PORT), "NEW", values={MARK: THE_MARK})
    answer = from_remote("udp", 53, 5000)
    yield made("an answer", answer, "ESTABLISHED", values={REPLY: 1}, before=asked)
    yield made("an echo request", icmp_echo(remote, host, 9, TOKEN), "NEW")
    yield made("an error", error, "RELATED", values={REPLY: 1, **quoted}, before=asked)
    yield made("an error about nothing", error, "INVALID", values=quoted)
    yield from others(family)


def others(family: int) -> Iterator[Sent]:
    """Packets over the loopback, and to all machines of a link."""
    host, gateway = (PARTIES[name].address(family) for name in ("host", "gateway"))
    made = partial(arrived, family)
    own = segment(End(host, 45000), End(host, 80), "tcp", "R", TOKEN)  # nobody answers it
    local = {MAC: 0, SOURCE_TYPE: ADDRESS_TYPES.index("LOCAL")}
    yield made("a reset over the loopback", own, "INVALID", of="host", values=local, by="lo")
    everybody = "192.0.2.255" if family == 4 else "ff02::1"
    kind, packet_type = ("BROADCAST", 1) if family == 4 else ("MULTICAST", 2)
    to_all = segment(End(gateway, 68), End(everybody, 67), "udp", "", TOKEN)
    values = {DESTINATION_TYPE: ADDRESS_TYPES.index(kind), PACKET_TYPE: packet_type}
    target = everybody if family == 4 else "ff02::1%near0"
    yield made("a datagram to all", to_all, "NEW", of="gateway", values=values, target=target, broadcast=True)


def rule_of(words: str, family: int) -> Rule:
    return loaded(parse("test", f"*filter\n-A INPUT {words}\nCOMMIT\n"), family).rules[0]


def ruleset(rules: tuple[str, ...], table: str, chain: str, family: int) -> str:
    """Each rule in a chain of its own, for packets from those who send here: there is chatter of others on the wire."""
    names = [f"r{place}" for place in range(len(rules))]
    lines = [f"*{table}", *(f":{name} - [0:0]" for name in names), ":all - [0:0]"]
    senders = ",".join(PARTIES[name].address(family) for name in ("remote", "gateway", "host"))
    lines += [f"-A {chain} -s {senders} -j {name}" for name in names]
    lines += [f"-A {name} {rule}" for name, rule in zip(names, rules, strict=True)]
    return "\n".join((*lines, "-A all", f"-A {chain} -s {senders} -j all", "COMMIT\n"))


def counted(place: Namespace, table: str, family: int, backend: Backend) -> dict[str, int]:
    """Packets that the rules of each chain have counted."""
    saved = run(place, tool(family, backend, "save"), "-c", "-t", table)
    found: dict[str, int] = {}
    for count, chain in re.findall(r"^\[(\d+):\d+\] -A (\S+)", saved, re.MULTILINE):
        found[chain] = found.get(chain, 0) + int(count)
    return found


def matched(place: Namespace, table: str, family: int, backend: Backend, send: Callable[[], None]) -> set[str]:
    """The chains whose rules matched the packet that is sent."""
    before = counted(place, table, family, backend)
    send()
    until = time.monotonic() + PATIENCE
    after = counted(place, table, family, backend)
    while after["all"] == before.get("all", 0) and time.monotonic() < until:
        after = counted(place, table, family, backend)
    assert after["all"] == before.get("all", 0) + 1, "the packet was not seen once"
    return {name for name, count in after.items() if count > before.get(name, 0)}


def transmit(where: Namespace, family: int, data: bytes, target: str, *, broadcast: bool = False) -> None:
    with ExitStack() as opened:
        with inside(where):
            sender = opened.enter_context(socket.socket(FAMILIES[family], socket.SOCK_RAW, socket.IPPROTO_RAW))
            address, _, device = target.partition("%")
            scope = (0, socket.if_nametoindex(device)) if device else ()
        if broadcast:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(data, (address, 0, *scope))


def answer(backend: Backend, packet: Packet) -> Callable[[Opaque], bool]:
    """What is known of the questions that these rules ask."""
    tracked_as = 17 if packet.value(QUOTED_PROTOCOL) else packet.value(PROTOCOL)
    known = {
        "loaded by iptables-nft": backend == "nft", "-m conntrack --ctproto 17": tracked_as == 17,
        "-m conntrack --ctproto 6": tracked_as == 6, "-m conntrack --ctstatus NONE": False,
        "-m connmark --mark 0x1": False, "-m helper --helper ftp": False, '-m connlabel --label "3"': False,
    }  # fmt: skip
    return lambda question: known[question.text]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", [4, 6])
def test_rules_match_the_packets_that_their_formulas_hold_for(site: Site, family: int, backend: Backend) -> None:
    rules = (*RULES, *BY_FAMILY[family])
    reset(site.host)
    raw = f"*raw\n-A PREROUTING -p tcp --dport {UNTRACKED_PORT} -j NOTRACK\nCOMMIT\n"
    mangle = f"*mangle\n-A PREROUTING -p udp --dport {MARKED_PORT} -j MARK --set-mark {THE_MARK}\nCOMMIT\n"
    done = load(site.host, raw + mangle + ruleset(rules, "filter", "INPUT", family), family, backend)
    assert done, done.error
    meanings = Meanings()
    read = [rule_of(words, family) for words in rules]
    wrong = []
    for sent in packets(family):
        forget(site.host)
        if sent.before:
            transmit(site.host, family, sent.before, PARTIES["remote"].address(family))
            time.sleep(0.02)  # what the other side says to it is counted before
        target = sent.target or PARTIES["host"].address(family)
        place = site.home(sent.sender)
        send = partial(transmit, place, family, sent.data, target, broadcast=sent.broadcast)
        hit = matched(site.host, "filter", family, backend, send)
        for place_of, (words, rule) in enumerate(zip(rules, read, strict=True)):
            said = holds(meanings.of(rule), sent.packet, answer=answer(backend, sent.packet))
            if said is not (f"r{place_of}" in hit):
                wrong.append(f"{words}: {sent}: {'holds, not counted' if said else 'counted, does not hold'}")
    assert wrong == []


START = {MARK: 0x15, TOS: 0x2A, TTL: 60}
TARGETS = {
    0: (
        "MARK --set-mark 0x5", "MARK --set-mark 0x5/0x2", "MARK --set-xmark 0x5/0x2", "MARK --and-mark 0xf4",
        "MARK --or-mark 0xa", "MARK --xor-mark 0x1f", "TOS --set-tos 0x10", "TOS --set-tos 0x14/0x30",
        "TOS --set-tos Minimize-Cost", "TOS --and-tos 0x0f", "TOS --or-tos 0x05", "TOS --xor-tos 0xff",
        "DSCP --set-dscp 11", "DSCP --set-dscp-class EF",
    ),
    4: ("TTL --ttl-set 9", "ECN --ecn-ip-ect 1"),
    6: ("HL --hl-set 9",),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", [4, 6])
def test_targets_change_fields_as_their_effects_say(family: int, backend: Backend) -> None:
    hops = "TTL --ttl-set" if family == 4 else "HL --hl-set"
    equal_hops = "-m ttl --ttl-eq" if family == 4 else "-m hl --hl-eq"
    again = (f"MARK --set-mark {START[MARK]}", f"TOS --set-tos {START[TOS]}/0xff", f"{hops} {START[TTL]}")
    lines = ["*mangle", ":all - [0:0]"]
    targets = TARGETS[0] + TARGETS[family]
    for place, target in enumerate(targets):
        changed = dict(START)
        for effect in effects_of(rule_of(f"-j {target}", family), ()):
            assert isinstance(effect, Assign)
            changed[effect.field] = changed[effect.field] & ~effect.mask ^ effect.value
        asked = f"-m mark --mark {changed[MARK]} -m tos --tos {changed[TOS]} {equal_hops} {changed[TTL]}"
        lines += [f":r{place} - [0:0]", *(f"-A PREROUTING -j {words}" for words in (*again, target, f"r{place}"))]
        lines += [f"-A r{place} {asked}"]
    with site() as made:
        done = load(
            made.host, "\n".join((*lines, "-A PREROUTING -j all", "-A all -p tcp", "COMMIT\n")), family, backend
        )
        assert done, done.error
        remote, host = (PARTIES[name].address(family) for name in ("remote", "host"))
        data = segment(End(remote, 45000), End(host, 80), "tcp", "R", TOKEN)
        hit = matched(made.host, "mangle", family, backend, partial(transmit, made.outside, family, data, host))
    assert [target for place, target in enumerate(targets) if f"r{place}" not in hit] == []


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        ("CT --zone 1", "NOTRACK", "NEW"),
        ("NOTRACK", "CT --zone 1", "UNTRACKED"),
        ("CT --notrack", "NOTRACK", "UNTRACKED"),
    ],
)
def test_the_first_word_about_tracking_counts(first: str, second: str, state: str, backend: Backend) -> None:
    states = ("INVALID", "NEW", "UNTRACKED")
    rules = tuple(f"-m conntrack --ctstate {name}" for name in states)
    with site() as made:
        before = f"-A PREROUTING -j {first}\n-A PREROUTING -j {second}\n"
        text = ruleset(rules, "raw", "PREROUTING", 4).replace("-A PREROUTING", before + "-A PREROUTING", 1)
        done = load(made.host, text, 4, backend)
        assert done, done.error
        remote, host = (PARTIES[name].address(4) for name in ("remote", "host"))
        data = segment(End(remote, 45000), End(host, 80), "tcp", "S", TOKEN)
        hit = matched(made.host, "raw", 4, backend, partial(transmit, made.outside, 4, data, host))
    assert [name for place, name in enumerate(states) if f"r{place}" in hit] == [state]
    known = Packet(4, {STATE: STATES.index("INVALID")})
    for words in (first, second):
        (step,) = steps_of(rule_of(f"-j {words}", 4), ())
        assigned = step.effects[0]
        assert isinstance(assigned, Assign)
        known = Packet(4, {STATE: assigned.value}) if holds(step.asks, known) else known
    assert known.state == state


FRAGMENT_RULES = (
    "-p tcp", "-p tcp -m tcp", "-p tcp -m tcp --dport 0:65535", "-p tcp -m tcp ! --dport 0:65535",
    "-p tcp -m tcp ! --dport 80", "-p tcp -m tcp --tcp-flags NONE NONE", "-p tcp -m tcp ! --tcp-flags ALL SYN",
    "-p tcp -m multiport ! --dports 80", "-p udp", "-p tcp -m tcp --tcp-option 5", "-p tcp -m tcp ! --tcp-option 5",
)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", [4, 6])
def test_second_fragments_have_no_transport_header(family: int, backend: Backend) -> None:
    rules = (*FRAGMENT_RULES, *(("-f", "! -f") if family == 4 else ("-p ipv6-frag", "! -p tcp")))
    with site() as made:  # nothing has asked for tracking here, which would put fragments together
        done = load(made.host, ruleset(rules, "raw", "PREROUTING", family), family, backend)
        assert done, done.error
        send = partial(transmit, made.outside, family, second_fragment(family), PARTIES["host"].address(family))
        hit = matched(made.host, "raw", family, backend, send)
    packet = Packet(family, {PROTOCOL: 6, FRAGMENT: 1}, {IN: "eth0"})
    known = answer(backend, packet)
    for place, words in enumerate(rules):
        if family == 6 and backend == "nft" and "-m tcp !" in words:
            continue  # takes the IPv6 header for the transport header
        said = holds(Meanings().of(rule_of(words, family)), packet, answer=lambda one: "nft" in one.text and known(one))
        assert (words, said) == (words, f"r{place}" in hit)


def second_fragment(family: int) -> bytes:
    remote, host = (PARTIES[name].address(family) for name in ("remote", "host"))
    whole = segment(End(remote, 45000), End(host, 80), "tcp", "S", TOKEN)
    if family == 4:
        return whole[:6] + struct.pack("!H", 100) + whole[8:10] + bytes(2) + whole[12:]
    header = struct.pack("!BBHI", 6, 0, 100 << 3, 77)
    return whole[:4] + struct.pack("!HB", len(whole) - 40 + 8, 44) + whole[7:40] + header + whole[40:]
