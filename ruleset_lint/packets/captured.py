"""Packets from what other programs print: a line of the conntrack table, a packet of `tcpdump -n`. Knows no ruleset.

The line is said again in the words of packet_text and read as those. Words of one's own may stand before it and count
more than it does: `in=eth0 tcp 6 431999 ESTABLISHED src=…`. An entry of the table stands for the next packet of its
original direction. Form of tcpdump: print-ip.c, print-tcp.c, print-icmp.c and print-sll.c of tcpdump 4.99.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from ruleset_lint.packets.formula import Packet
from ruleset_lint.packets.packet_fields import TCP, WITH_PORTS
from ruleset_lint.packets.packet_text import LONGEST, PacketError, read_packet
from ruleset_lint.syntax.conntrack import Entry, parse_plainly

Words = dict[str, str]  # by what they are about: `> ` is the tuple, else the key

_OWN = re.compile(r'(?:(?:[a-z-]+=[^\s"]+|"(?:[^"\\]|\\.)*"=\S+|fragment|snat|dnat|reply|original)\s+)*', re.DOTALL)
_ENTRY = re.compile(r"\ssrc=\S+ dst=\S+ .*\ssrc=\S+ dst=", re.DOTALL)
_PAIR = re.compile(r"(?:^|(?<=\s))([0-9a-fA-F:.]+) > ([0-9a-fA-F:.]+): ?")

_SLL = re.compile(r"(?:^|\s)(?![\d:.-]+\s)(\S{1,15})\s+(In|Out|B|M|P)\s")
_SENDER = re.compile(r"(?:^|\s)([0-9a-f]{2}(?::[0-9a-f]{2}){5})(?: > [0-9a-f:]+,)? ethertype ")
_HEAD = (  # what -v prints before the addresses
    ("tos", re.compile(r"\(tos (0x[0-9a-f]+)")),
    ("tos", re.compile(r"\(class (0x[0-9a-f]+)")),
    ("ttl", re.compile(r"\bttl (\d+)")),
    ("ttl", re.compile(r"\bhlim (\d+)")),
    ("length", re.compile(r"\bproto [^()]*\(\d+\), length (\d+)")),
)
_PAYLOAD = re.compile(r"\bpayload length: (\d{1,5})")
_PROTOCOL = re.compile(r"\b(?:proto|next-header) [^()]*\((\d+)\)")
_OFFSET = re.compile(r"\boffset ([1-9]\d*)|\bfrag \([^)]*?:(?!0\|)[1-9]")
_FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", ".": "ACK", "U": "URG"}
_KINDS = (  # what stands behind the addresses, and the protocol
    (re.compile(r"Flags \["), "tcp"),
    (re.compile(r"ICMP6?[ ,]"), "icmp"),
    (re.compile(r"sctp\b"), "sctp"),
    (re.compile(r"(?i:dccp)\b"), "dccp"),
    (re.compile(r"GREv"), "gre"),
    (re.compile(r"ESP\("), "esp"),
    (re.compile(r"AH\("), "ah"),
    (re.compile(r"igmp "), "igmp"),
    (re.compile(r"VRRPv"), "vrrp"),
    (re.compile(r"OSPFv"), "ospf"),
    (re.compile(r"PIMv"), "pim"),
    (re.compile(r"(?:ip-proto-|protocol )(\d+)"), ""),
)
_MESSAGES = {
    4: (
        (r"echo request", "echo-request"),
        (r"echo reply", "echo-reply"),
        (r"\S+ (?:tcp|udp) port \S+ unreachable", "port-unreachable"),
        (r"\S+ protocol \d+ (?:port \d+ )?unreachable", "protocol-unreachable"),
        (r"\S+ unreachable - need to frag", "fragmentation-needed"),
        (r"host \S+ unreachable - admin prohibited filter", "communication-prohibited"),
        (r"host \S+ unreachable - admin prohibited", "host-prohibited"),
        (r"net \S+ unreachable - admin prohibited", "network-prohibited"),
        (r"host \S+ unreachable", "host-unreachable"),
        (r"net \S+ unreachable", "network-unreachable"),
        (r"time exceeded in-transit", "ttl-zero-during-transit"),
        (r"ip reassembly time exceeded", "ttl-zero-during-reassembly"),
        (r"redirect \S+ to host", "host-redirect"),
        (r"redirect \S+ to net", "network-redirect"),
        (r"source quench", "source-quench"),
        (r"time stamp query", "timestamp-request"),
        (r"time stamp reply", "timestamp-reply"),
        (r"address mask request", "address-mask-request"),
        (r"address mask is", "address-mask-reply"),
        (r"router solicitation", "router-solicitation"),
        (r"router advertisement", "router-advertisement"),
        (r"parameter problem", "parameter-problem"),
    ),
    6: (
        (r"echo request", "echo-request"),
        (r"echo reply", "echo-reply"),
        (r"destination unreachable, unreachable port", "port-unreachable"),
        (r"destination unreachable, unreachable address", "address-unreachable"),
        (r"destination unreachable, unreachable prohibited", "communication-prohibited"),
        (r"destination unreachable, unreachable route", "no-route"),
        (r"packet too big", "packet-too-big"),
        (r"time exceeded in-transit", "ttl-zero-during-transit"),
        (r"time exceeded in-reassembly", "ttl-zero-during-reassembly"),
        (r"parameter problem", "parameter-problem"),
        (r"router solicitation", "router-solicitation"),
        (r"router advertisement", "router-advertisement"),
        (r"neighbor solicitation", "neighbour-solicitation"),
        (r"neighbor advertisement", "neighbour-advertisement"),
        (r"redirect", "redirect"),
        (r"multicast listener query", "130"),
        (r"multicast listener report v2", "143"),
        (r"multicast listener report", "131"),
        (r"multicast listener done", "132"),
    ),
}


def read_any(text: str) -> Packet:
    """A packet in the words of packet_text, of a line of the conntrack table, or of tcpdump. Raises PacketError."""
    if len(text) > LONGEST:
        raise PacketError(LONGEST + 1, f"a packet of at most {LONGEST} characters expected")
    own = _OWN.match(text)
    line = text[own.end() :] if own else text
    said = _of_entry(line) if _ENTRY.search(line) else _of_tcpdump(line)
    if said is None:
        return read_packet(text)
    before = own[0] if own else ""
    keys = {word.partition("=")[0] for word in before.split()}
    words = (word for key, word in said.items() if key not in keys)
    try:
        return read_packet(" ".join((before.strip(), *words)))
    except PacketError as error:
        raise PacketError(len(before) + 1, error.reason) from None


def _of_entry(line: str) -> Words:
    """What an entry of the conntrack table says of its connection's packets."""
    node = parse_plainly(line.strip())
    if not isinstance(node, Entry):
        raise PacketError(1, "entry of the conntrack table expected, or a packet")
    form, number = node.form, int(node.value(node.form.number))
    there, back = node.values(form.original), node.values(form.reply)
    replied = "[UNREPLIED]" not in form.flags
    said = {"> ": f"{number} {_end(there, 'src', number)} > {_end(there, 'dst', number)}"}
    said["state"] = f"state={'ESTABLISHED' if replied else 'NEW'}"
    said |= {key: f"{key}={there[key]}" for key in ("type", "code") if key in there}
    if number == TCP:
        said["flags"] = f"flags={'ACK' if replied else 'SYN'}"
    if (there["dst"], there.get("dport")) != (back["src"], back.get("sport")):
        said["dnat"] = "dnat"
    if (there["src"], there.get("sport")) != (back["dst"], back.get("dport")):
        said["snat"] = "snat"
    return said


def _end(there: Mapping[str, str], side: str, number: int) -> str:
    address, port = there[side], there.get(f"{side[0]}port")
    return _with_port(address, port if number in WITH_PORTS else None)


def _with_port(address: str, port: str | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _of_tcpdump(line: str) -> Words | None:
    """What tcpdump says of a packet; None if the line is not of tcpdump."""
    pairs = [match for match in _PAIR.finditer(line) if _address(match[1])[0] and _address(match[2])[0]]
    if not pairs:
        return None
    head, rest = line[: pairs[0].start()], line[pairs[0].end() :]
    (source, sport), (destination, dport) = _address(pairs[0][1]), _address(pairs[0][2])
    if source is None or destination is None:
        return None
    fragment = bool(_OFFSET.search(head))
    protocol = _protocol(head, rest, sport)
    said = {"> ": f"{protocol} {_with_port(str(source), sport)} > {_with_port(str(destination), dport)}"}
    said |= _seen(head)
    if fragment:
        return said | {"fragment": "fragment"}
    if match := re.match(r"Flags \[([^\]]*)\]", rest):
        flags = ",".join(_FLAGS[letter] for letter in match[1] if letter in _FLAGS)
        said["flags"] = f"flags={flags if match[1] != 'none' and flags else 'NONE'}"
    if protocol in ("icmp", "1", "58"):
        said["type"] = f"type={_message(rest, source.version)}"
    return said


def _address(text: str) -> tuple[IPv4Address | IPv6Address | None, str | None]:
    """`192.0.2.1`, `192.0.2.1.80`, `2001:db8::1.80`: address and port; None if it is none."""
    host, _, port = text.rpartition(".")
    for address, found in ((text, None), (host, port)):
        try:
            return ip_address(address), found
        except ValueError:
            continue
    return None, None


def _protocol(head: str, rest: str, port: str | None) -> str:
    if match := _PROTOCOL.search(head):
        return match[1]
    for pattern, name in _KINDS:
        if match := pattern.match(rest):
            return name or match[1]
    if port is None:
        raise PacketError(1, "the protocol of this packet is not known: write it as `tcp 192.0.2.1:1 > 192.0.2.2:2`")
    return "udp"  # tcpdump prints what is in a datagram, not that it is one


def _seen(head: str) -> Words:
    """What stands before the addresses: interface and direction, sender, and with -v the header."""
    said = {key: f"{key}={match[1]}" for key, pattern in _HEAD if (match := pattern.search(head))}
    if match := _PAYLOAD.search(head):
        said["length"] = f"length={int(match[1]) + 40}"
    if match := _SENDER.search(head):
        said["mac"] = f"mac={match[1]}"
    if match := _SLL.search(head):
        side = "out" if match[2] == "Out" else "in"
        said[side] = f"{side}={match[1]}"
        kind = {"B": "broadcast", "M": "multicast", "P": "other"}.get(match[2])
        said |= {"pkttype": f"pkttype={kind}"} if kind else {}
    return said


def _message(rest: str, family: int) -> str:
    """The ICMP type that tcpdump has put into words."""
    text = re.sub(r"^ICMP6?,? ", "", rest)
    found = next((name for pattern, name in _MESSAGES[family] if re.match(pattern, text)), None)
    if found is None:
        raise PacketError(1, "this ICMP message is not known: write the packet with type=")
    return found
