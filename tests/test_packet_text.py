"""Packets from and to text: our own words, lines of the conntrack table, lines of tcpdump."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from captured_lines import ENTRIES, TCPDUMP, pairs
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.netfilter.values import ADDRESS_TYPES, STATES
from ruleset_lint.packets import formula
from ruleset_lint.packets.captured import read_any
from ruleset_lint.packets.formula import Field, Packet
from ruleset_lint.packets.packet_fields import ICMP_OF, TCP, WITH_PORTS
from ruleset_lint.packets.packet_text import LONGEST, PacketError, packet_text, read_packet

WEB = "in=eth0 tcp 203.0.113.7:40000 > 192.0.2.10:80 flags=SYN state=NEW"
TUPLE = "tcp 203.0.113.7:40000 > 192.0.2.10:80"


@pytest.mark.parametrize(
    "text",
    [
        WEB,
        "in=eth0 out=eth1 udp [2001:db8::1]:53 > [2001:db8::2]:1024 state=ESTABLISHED reply mark=0x1 tos=0xb8",
        "icmp 203.0.113.7 > 192.0.2.10 type=host-unreachable state=RELATED quoted=tcp quoted-sport=80",
        "icmp 203.0.113.7 > 192.0.2.10 type=200 code=7",
        "ipv6-icmp 2001:db8::1 > 2001:db8::2 type=echo-request",
        "gre 203.0.113.7 > 192.0.2.10 state=UNTRACKED ttl=64 length=1500",
        "vrrp 192.0.2.2 > 224.0.0.18 mac=02:00:00:00:00:01 pkttype=multicast src-type=UNICAST dst-type=MULTICAST",
        "udp 203.0.113.7 > 192.0.2.10 fragment",
        "tcp 203.0.113.7:1 > 192.0.2.10:2 flags=NONE state=INVALID snat dnat",
        'tcp 203.0.113.7:1 > 192.0.2.10:2 flags=FIN,ACK "-m set --match-set \\"a b\\" src"=yes "-m time"=no',
    ],
)
def test_a_text_comes_back_as_it_was(text: str) -> None:
    assert packet_text(read_packet(text)) == text


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("icmp 203.0.113.7 > 192.0.2.10 type=3 code=1", "icmp 203.0.113.7 > 192.0.2.10 type=host-unreachable"),
        ("icmp 203.0.113.7 > 192.0.2.10 type=3/4", "icmp 203.0.113.7 > 192.0.2.10 type=fragmentation-needed"),
        ("icmp ::1 > ::2 type=ping", "ipv6-icmp ::1 > ::2 type=echo-request"),
        ("state=new flags=syn 6 203.0.113.7:40000 > 192.0.2.10:http in=eth0", WEB),
        ("gre [::1] > ::2 dscp=EF", "gre ::1 > ::2 tos=0xb8"),
        ("udp 1.2.3.4:domain > 1.2.3.5:5 mark=8 dscp=1", "udp 1.2.3.4:53 > 1.2.3.5:5 mark=0x8 tos=0x4"),
        ("gre ::ffff:1.2.3.4 > ::2", "gre ::ffff:102:304 > ::2"),
    ],
)
def test_other_spellings_mean_the_same(words: str, same: str) -> None:
    assert read_packet(words) == read_packet(same)


def test_what_is_not_said_has_no_value() -> None:
    packet = read_packet(TUPLE)
    assert {of.name for of in packet.values} == {
        "protocol",
        "source",
        "destination",
        "source port",
        "destination port",
    }
    assert (packet.interfaces, packet.answers) == ({}, {})


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("", 1, "protocol, source, > and destination expected"),
        ("in=eth0 state=NEW", 18, "protocol, source, > and destination expected"),
        ("203.0.113.7 > 192.0.2.10", 13, "protocol, source, > and destination expected"),
        ("tcp 203.0.113.7:1 >", 19, "protocol, source, > and destination expected"),
        ("foo 203.0.113.7:1 > 192.0.2.10:1", 1, "protocol expected"),
        ("all 203.0.113.7 > 192.0.2.10", 1, "protocol expected that packets have"),
        ("mptcp 203.0.113.7 > 192.0.2.10", 1, "protocol expected that packets have"),
        ("tcp 203.0.113.256:1 > 192.0.2.10:1", 5, "address expected"),
        ("tcp [fe80::1%eth0]:1 > [fe80::2]:1", 5, "address without a zone expected"),
        ("tcp [::1:1 > [::2]:1", 5, "address as in [2001:db8::1]:80 expected"),
        ("tcp 203.0.113.7:1 > [::1]:1", 21, "IPv4 address expected"),
        ("tcp 203.0.113.7:70000 > 192.0.2.10:1", 17, "port expected"),
        ("gre 203.0.113.7:1 > 192.0.2.10", 17, "no port expected"),
        ("tcp 203.0.113.7 > 192.0.2.10:80", 1, "a port expected for source and destination"),
        ("udp 203.0.113.7:1 > 192.0.2.10:1 fragment", 34, "no ports expected"),
        (f"{TUPLE} colour=red", 39, "one of fragment, "),
        (f"{TUPLE} state=OLD", 39, "one of INVALID, NEW,"),
        (f"{TUPLE} state=NEW  state=NEW", 50, "said already at column 39: state"),
        (f"{TUPLE} tos=1 dscp=EF", 45, "said already at column 39: tos"),
        (f"in=eth0 in=eth1 {TUPLE}", 9, "said already"),
        (f"in=eth+ {TUPLE}", 1, "name of one interface expected"),
        (f"in=abcdefghijklmnop {TUPLE}", 1, "interface name of 1 to 15 bytes expected"),
        (f"{TUPLE} type=3", 39, "only packets of icmp have type"),
        ("udp 1.2.3.4:1 > 1.2.3.4:1 flags=SYN", 27, "only packets of tcp have flags"),
        ("icmp 1.2.3.4 > 1.2.3.4 type=any", 24, "one ICMP type expected"),
        (f"{TUPLE} length=70000", 39, "number from 0 to 65535 expected"),
        (f'{TUPLE} "-m set"=perhaps', 39, "answer expected"),
        (f'{TUPLE} "-m set', 39, "answer expected"),
        (" " * (LONGEST + 1), LONGEST + 1, "a packet of at most"),
    ],
)
def test_what_is_wrong_and_where(text: str, column: int, reason: str) -> None:
    with pytest.raises(PacketError) as raised:
        read_packet(text)
    assert raised.value.column == column
    assert reason in raised.value.reason


def test_errors_show_nothing_raw() -> None:
    with pytest.raises(PacketError) as raised:
        read_packet(f"{TUPLE} \x1b[31mred\udc80")
    assert r"`\x1b[31mred\x80`" in str(raised.value)


def numbers(of: Field) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << of.bits) - 1)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """Packets as the kernel has them: what a protocol does not have is not there."""
    family = draw(st.sampled_from((4, 6)))
    kind = draw(st.sampled_from((TCP, 17, 132, ICMP_OF[family], 47, 250)))
    fields = {formula.SOURCE[family], formula.DESTINATION[family], formula.STATE, formula.FRAGMENT}
    fields |= {formula.MARK, formula.TOS, formula.TTL, formula.LENGTH, formula.MAC, formula.PACKET_TYPE}
    fields |= {formula.SOURCE_TYPE, formula.DESTINATION_TYPE, formula.SNAT, formula.DNAT, formula.REPLY}
    values = {of: draw(numbers(of)) for of in fields} | {formula.PROTOCOL: kind}
    values[formula.STATE] %= len(STATES)
    for of in (formula.SOURCE_TYPE, formula.DESTINATION_TYPE):
        values[of] %= len(ADDRESS_TYPES)
    if not values[formula.FRAGMENT]:
        more = [formula.SOURCE_PORT, formula.DESTINATION_PORT] if kind in WITH_PORTS else []
        more += [formula.FLAGS] if kind == TCP else []
        more += [formula.ICMP_TYPE, formula.ICMP_CODE] if kind == ICMP_OF[family] and family == 6 else []
        values |= {of: draw(numbers(of)) for of in more}
    interfaces = draw(
        st.dictionaries(
            st.sampled_from((formula.IN, formula.OUT)),
            st.from_regex(r"[a-z]+[0-9.@:-]?", fullmatch=True).filter(lambda name: len(name) < 16),
        )
    )
    answers = draw(
        st.dictionaries(st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.booleans(), max_size=3)
    )
    return Packet(family, values, interfaces, answers)


@given(packets())
def test_every_packet_reads_back_from_its_text(packet: Packet) -> None:
    back = read_packet(packet_text(packet))
    assert (back.family, back.interfaces, back.answers) == (packet.family, packet.interfaces, packet.answers)
    assert {of: back.value(of) for of in packet.values} == dict(packet.values)


@given(st.text(max_size=200) | st.from_regex(r"[ \"\\=>.:\[\]a-f0-9tcpudin/-]{0,80}"))
def test_any_text_is_a_packet_or_an_error_with_a_column(text: str) -> None:
    column = 1
    try:
        read_any(text)
    except PacketError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


@pytest.mark.parametrize(
    "piece", ["a=b ", '"a"=yes ', '"', "> ", "::", "1.2.3.4 > ", "IP 1.2.3.4.5 > 1.2.3.4.5: ", " src=1 dst=1 "]
)
def test_long_texts_take_no_time(piece: str) -> None:
    start = time.process_time()
    with suppress(PacketError):
        read_any((piece * LONGEST)[:LONGEST])
    assert time.process_time() - start < 1


@pytest.mark.parametrize(("line", "same"), pairs(ENTRIES))
def test_an_entry_of_the_conntrack_table_is_the_next_packet_of_its_connection(line: str, same: str) -> None:
    assert read_any(line) == read_packet(same)


@pytest.mark.parametrize(("line", "same"), pairs(TCPDUMP))
def test_a_line_of_tcpdump_is_a_packet(line: str, same: str) -> None:
    assert read_any(line) == read_packet(same)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("IP 192.0.2.1 > 192.0.2.2: gibberish", "the protocol of this packet is not known"),
        ("IP 192.0.2.1 > 192.0.2.2: ICMP type-#44, length 8", "this ICMP message is not known"),
        ("foo src=10.0.0.1 dst=10.0.0.2 x src=1 dst=3", "entry of the conntrack table expected"),
    ],
)
def test_lines_that_are_not_understood_are_refused(line: str, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        read_any(line)
