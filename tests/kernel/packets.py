"""Single packets as bytes, IPv4 and IPv6, with correct checksums. Knows nothing of sockets."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import NamedTuple

FLAGS = "FSRPAU"
PROTOCOLS = {"tcp": 6, "udp": 17}
ERRORS = {  # name: (type and code in ICMP, type and code in ICMPv6)
    "unreachable": ((3, 1), (1, 0)),
    "too-big": ((3, 4), (2, 0)),
    "time-exceeded": ((11, 0), (3, 0)),
    "parameter-problem": ((12, 0), (4, 0)),
}
ADVERTISEMENTS = {"router-advertisement": 134, "neighbour-solicitation": 135, "neighbour-advertisement": 136}


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class End(NamedTuple):
    """An address and a port."""

    address: str
    port: int


def segment(source: End, target: End, protocol: str, flags: str, token: bytes, *, bare: bool = False) -> bytes:
    """A whole packet. `token`, 4 bytes, is TCP's sequence number or the datagram's content; `flags` as in "SA".

    A SYN has a maximum segment size of 1460, unless it is to be bare of options.
    """
    if protocol == "udp":
        header, offset = struct.pack("!HHHH", source.port, target.port, 12, 0) + token, 6
    else:
        bits = sum(1 << FLAGS.index(flag) for flag in flags)
        options = b"\x02\x04\x05\xb4" if "S" in flags and not bare else b""
        acknowledged = b"\x11\x22\x33\x44" if "A" in flags else bytes(4)
        words = (5 + len(options) // 4) << 4
        header = (
            struct.pack("!HH4s4sBBHHH", source.port, target.port, token, acknowledged, words, bits, 65535, 0, 0)
            + options
        )
        offset = 16
    return _packet(source.address, target.address, PROTOCOLS[protocol], header, offset)


def icmp_error(source: str, destination: str, kind: str, quoted: bytes) -> bytes:
    """An ICMP error about a packet; a size that stands for "too big" is 1280."""
    version = ip_address(source).version
    error, code = ERRORS[kind][version == 6]
    rest = struct.pack("!I", 1280 if kind == "too-big" else 0)
    return _icmp(source, destination, bytes((error, code)), rest + quoted)


def icmp_echo(source: str, destination: str, identifier: int, token: bytes) -> bytes:
    """An echo request that carries `token`."""
    kind = 8 if ip_address(source).version == 4 else 128
    return _icmp(source, destination, bytes((kind, 0)), struct.pack("!HH", identifier, 1) + token)


def icmp_advertisement(source: str, destination: str, kind: str, token: bytes) -> bytes:
    """A message of router or neighbour discovery (IPv6 only); the token is where it does least harm."""
    number = ADVERTISEMENTS[kind]
    body = struct.pack("!BBHII", 64, 0, 0, 0, 0) if number == 134 else bytes(4) + ip_address(destination).packed
    return _icmp(source, destination, bytes((number, 0)), body + token + bytes(4))


def _icmp(source: str, destination: str, kind: bytes, rest: bytes) -> bytes:
    protocol = 1 if ip_address(source).version == 4 else 58
    return _packet(source, destination, protocol, kind + bytes(2) + rest, 2)


def _packet(source: str, destination: str, protocol: int, body: bytes, checksum_offset: int) -> bytes:
    sender, receiver = ip_address(source), ip_address(destination)
    pseudo = sender.packed + receiver.packed + struct.pack("!II", len(body), protocol)
    summed = checksum(body if protocol == 1 else pseudo + body)
    payload = body[:checksum_offset] + struct.pack("!H", summed) + body[checksum_offset + 2 :]
    if sender.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, 255) + sender.packed + receiver.packed + payload
    start = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 255, protocol, 0) + sender.packed + receiver.packed
    return start[:10] + struct.pack("!H", checksum(start)) + start[12:] + payload
