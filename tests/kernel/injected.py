"""Any packet at all before the rules of a namespace: it comes in by a tun device, or goes out by a raw socket.

Knows no ruleset. A device has the name that the packet says, so that `-i` and `-o` see what they ask for.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from ruleset_lint.packets.formula import (
    DESTINATION,
    DESTINATION_PORT,
    FLAGS,
    ICMP_CODE,
    ICMP_TYPE,
    IN,
    LENGTH,
    OUT,
    PROTOCOL,
    SOURCE,
    SOURCE_PORT,
    TOS,
    TTL,
    Packet,
)

from .namespaces import Namespace, inside, namespace, run
from .packets import checksum

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_FLAG_PLACES = (0, 1, 2, 3, 4, 5)  # FIN SYN RST PSH ACK URG, as in TCP_FLAGS
_SYSCTLS = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/accept_local": "1",
    "ipv4/conf/all/route_localnet": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv6/conf/all/accept_ra": "0",
}


@dataclass(eq=False, slots=True)
class Arena:
    """A namespace in which packets are let loose, and its devices by name."""

    place: Namespace
    devices: dict[str, int] = field(default_factory=dict)

    def send(self, hook: str, packet: Packet) -> None:
        """Let a packet come to a hook. Raises ValueError if it cannot be made, OSError if the kernel refuses it."""
        data = bytes_of(packet)
        self._route(hook, packet)
        if hook not in ("OUTPUT", "POSTROUTING"):
            os.write(self._device(packet.interfaces.get(IN) or "tun9"), data)
            return
        family = socket.AF_INET if packet.family == 4 else socket.AF_INET6
        with inside(self.place):
            sender = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with sender:
            sender.sendto(data, (_address(packet, source=False), 0))

    def _device(self, name: str) -> int:
        if name == "lo":
            raise ValueError("lo is no tun device")
        if name not in self.devices:
            with inside(self.place):
                device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
            self.devices[name] = device
            run(self.place, "ip", "link", "set", "dev", name, "addrgenmode", "none", "up")
        return self.devices[name]

    def _route(self, hook: str, packet: Packet) -> None:
        """To the host itself for the hooks of what comes to stay, else out by the packet's device."""
        target, family = _address(packet, source=False), f"-{packet.family}"
        leaves = packet.interfaces.get(OUT) or "tun8"
        if leaves != "lo":
            self._device(leaves)
            run(self.place, "ip", family, "route", "replace", "default", "dev", leaves)
        if hook in ("PREROUTING", "INPUT") or leaves == "lo":
            run(self.place, "ip", family, "route", "replace", "local", target, "dev", "lo", "table", "local")


@contextmanager
def arena() -> Iterator[Arena]:
    """A fresh one; all of it is gone afterwards."""
    with namespace("arena") as place:
        with inside(place):
            for key, value in _SYSCTLS.items():
                Path("/proc/sys/net", key).write_text(value)
        made = Arena(place)
        try:
            yield made
        finally:
            for device in made.devices.values():
                os.close(device)


def _address(packet: Packet, *, source: bool) -> str:
    of = (SOURCE if source else DESTINATION)[packet.family]
    return str(ip_address(packet.value(of).to_bytes(of.bits // 8)))


def bytes_of(packet: Packet) -> bytes:
    """The packet on the wire, with correct checksums. Raises ValueError for a length that has no room for it."""
    ends = [packet.value(of[packet.family]).to_bytes(4 if packet.family == 4 else 16) for of in (SOURCE, DESTINATION)]
    body = _body(packet)
    header = 20 if packet.family == 4 else 40
    room = packet.value(LENGTH) - header - len(body)
    if packet.value(LENGTH) and room < 0:
        raise ValueError("too short")
    body = _summed(packet, ends, body + bytes(max(room, 0)))
    hops, tos, protocol = packet.value(TTL) or 64, packet.value(TOS), packet.value(PROTOCOL)
    if packet.family == 6:
        return struct.pack("!IHBB", 6 << 28 | tos << 20, len(body), protocol, hops) + b"".join(ends) + body
    start = struct.pack("!BBHHHBBH", 0x45, tos, header + len(body), 1, 0, hops, protocol, 0) + b"".join(ends)
    return start[:10] + struct.pack("!H", checksum(start)) + start[12:] + body


def _body(packet: Packet) -> bytes:
    """The transport header, its checksum 0; some bytes for protocols that have none here."""
    ports = struct.pack("!HH", packet.value(SOURCE_PORT), packet.value(DESTINATION_PORT))
    match packet.value(PROTOCOL):
        case 6:
            flags = sum((packet.value(FLAGS) >> place & 1) << place for place in _FLAG_PLACES)
            acknowledged = 0x11223344 if flags & 16 else 0
            return ports + struct.pack("!IIBBHHH", 0x5EED, acknowledged, 5 << 4, flags, 65535, 0, 0)
        case 17 | 136:
            return ports + bytes(8)
        case 1 | 58:
            return bytes((packet.value(ICMP_TYPE), packet.value(ICMP_CODE))) + bytes(30)
        case _:
            return ports + bytes(28)


def _summed(packet: Packet, ends: list[bytes], body: bytes) -> bytes:
    protocol = packet.value(PROTOCOL)
    if protocol == 17:
        body = body[:4] + struct.pack("!HH", len(body), 0) + body[8:]
    place = {6: 16, 17: 6, 1: 2, 58: 2}.get(protocol)
    if place is None:
        return body
    pseudo = b"" if protocol == 1 else b"".join(ends) + struct.pack("!II", len(body), protocol)
    return body[:place] + struct.pack("!H", checksum(pseudo + body)) + body[place + 2 :]
