"""What NAT makes of a packet's addresses and ports, as far as the target says it plainly. Knows no rule.

Sources: xt_nat.c, nf_nat_redirect.c, xt_NETMAP.c, nf_nat_core.c (`nf_nat_setup_info` sets SNAT and DNAT only if the
tuple changes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from ruleset_lint.netfilter.values import ADDRESS_TYPES, network
from ruleset_lint.packets.effect import Translate
from ruleset_lint.packets.formula import (
    DESTINATION,
    DESTINATION_PORT,
    DESTINATION_TYPE,
    DNAT,
    PROTOCOL,
    SNAT,
    SOURCE,
    SOURCE_PORT,
    SOURCE_TYPE,
    Field,
    Packet,
)
from ruleset_lint.packets.packet_fields import WITH_PORTS
from ruleset_lint.packets.supposing import address_type

_TO = re.compile(r"--to-(?:source|destination) (\S+)")
_PORTS = re.compile(r"--to-ports? (\S+)")


@dataclass(frozen=True, slots=True)
class Translated:
    """Fields that are known to have a new value, those that are guessed to, and those that nobody knows any more."""

    known: dict[Field, int]
    guessed: dict[Field, int]
    unknown: frozenset[Field]


def translate(effect: Translate, packet: Packet, hook: str) -> Translated:
    """What becomes of a packet that a rule with a NAT target takes at a hook."""
    side, port = _sides(effect.source, packet.family)
    found = dict(zip((side, port), _new(effect, packet, hook), strict=True))
    if packet.value(PROTOCOL) not in WITH_PORTS:
        del found[port]
    known = {of: value for of, value in found.items() if value is not None}
    guessed: dict[Field, int] = {}
    bit = SNAT if effect.source else DNAT
    if any(packet.value(of) != value for of, value in known.items()):
        known[bit] = 1
    elif len(known) < len(found):
        guessed[bit] = 1
    address = found[side]
    if address != packet.value(side):
        kind = SOURCE_TYPE if effect.source else DESTINATION_TYPE
        certain, name = _type(effect, address, packet.family)
        (known if certain else guessed)[kind] = ADDRESS_TYPES.index(name)
    return Translated(known, guessed, frozenset(of for of, value in found.items() if value is None))


def _sides(source: bool, family: int) -> tuple[Field, Field]:
    return (SOURCE[family], SOURCE_PORT) if source else (DESTINATION[family], DESTINATION_PORT)


def _new(effect: Translate, packet: Packet, hook: str) -> tuple[int | None, int | None]:
    """The address and the port that it gets; None if the target leaves them open."""
    target = effect.text.partition(" ")[0]
    address, port = _sides(effect.source, packet.family)
    if target == "NETMAP":
        return _mapped(effect.text, packet, address), packet.value(port)
    if target in ("REDIRECT", "MASQUERADE"):
        match = _PORTS.search(effect.text)
        loopback = {4: 0x7F000001, 6: 1}[packet.family] if (target, hook) == ("REDIRECT", "OUTPUT") else None
        return loopback, _port(match[1], effect.text) if match else _kept(effect, packet.value(port))
    match = _TO.search(effect.text)
    return _given(match[1], effect, packet) if match else (None, None)


def _given(text: str, effect: Translate, packet: Packet) -> tuple[int | None, int | None]:
    """`192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `:80`; ranges leave it open unless they have one end."""
    address, port = _sides(effect.source, packet.family)
    host, ports = text, ""
    if packet.family == 4 or text.startswith((":", "[")):
        host, _, ports = text.rpartition(":") if ":" in text.rpartition("]")[2] else (text, "", "")
    found = _address(host.strip("[]")) if host else packet.value(address)
    return found, _port(ports, effect.text) if ports else _kept(effect, packet.value(port))


def _address(text: str) -> int | None:
    low, dash, high = text.partition("-")
    try:
        first, last = ip_address(low), ip_address(high if dash else low)
    except ValueError:
        return None
    return int(first) if first == last else None


def _port(text: str, target: str) -> int | None:
    low, dash, high = text.partition("-")
    single = low.isdecimal() and (not dash or high == low) and "--random" not in target
    return int(low) if single and int(low) < 1 << 16 else None


def _kept(effect: Translate, port: int) -> int | None:
    """A port that the target does not name: the destination's stays, the source's only while nobody else has it."""
    return None if effect.source else port


def _mapped(text: str, packet: Packet, of: Field) -> int | None:
    match = re.search(r"--to (\S+)", text)
    if not match:
        return None
    try:
        ((base, mask, name),) = network(match[1], packet.family)
    except ValueError:
        return None
    return None if name else packet.value(of) & ~mask | base


def _type(effect: Translate, address: int | None, family: int) -> tuple[bool, str]:
    """Whether the type of the new address is certain, and which it is."""
    if effect.source:
        return effect.text.startswith("MASQUERADE"), "LOCAL" if effect.text.startswith("MASQUERADE") else "UNICAST"
    if effect.text.startswith("REDIRECT"):
        return True, "LOCAL"
    fixed = None if address is None else address_type(address, family)
    return fixed is not None, fixed or "UNICAST"
