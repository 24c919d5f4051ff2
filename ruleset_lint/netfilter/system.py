"""What only the C library can tell: IPv6 addresses, unusual IPv4 ones, services of this machine. Knows no option.

Its module is imported when one of them is first asked for, for most rulesets have none.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType


def ipv4_address(text: str) -> int:
    """The address that inet_aton(3) reads. Raises OSError, ValueError for other than ASCII."""
    return int.from_bytes(_socket().inet_aton(text))


def ipv6_address(text: str) -> int:
    """The address that inet_pton(3) reads. Raises OSError, ValueError for other than ASCII."""
    return int.from_bytes(_socket().inet_pton(_socket().AF_INET6, text))


def ipv6_text(address: int) -> str:
    """An address as inet_ntop(3) writes it."""
    text: str = _socket().inet_ntop(_socket().AF_INET6, address.to_bytes(16))
    return text


def port_of_service(name: str, protocol: str) -> int | None:
    """The port that services(5) of this machine has for a name, if any."""
    try:
        port: int = _socket().getservbyname(name, protocol)
    except OSError:
        return None
    return port


@cache
def _socket() -> ModuleType:
    return import_module("socket")
