"""How addresses and ports of NAT targets read, as iptables 1.8.9 reads them (libxt_NAT.c). Knows no option by name."""

from __future__ import annotations

import ipaddress
import re

from ruleset_lint.netfilter.services import port_of
from ruleset_lint.netfilter.system import ipv6_address
from ruleset_lint.netfilter.values import number_up_to

_NUMBER = r"[ \t\n\v\f\r]*\+?(?:0[xX][0-9a-fA-F]{1,32}|0[0-7]{0,32}|[1-9][0-9]{0,32})"


def nat_ports(value: str, family: int) -> str:
    """`80`, `80-90`, `http` of NAT targets, `80-90/100` of those that shift ports: what begins with a number is one."""
    first = re.match(_NUMBER, value)
    if not first:
        if port_of(value) is None:
            raise ValueError("port expected: a number up to 65535 or the name of a service")
        return value
    low, (dash, high) = first[0], (value[first.end() :][:1], value[first.end() + 1 :])
    high, slash, base = high.partition("/")
    if not _is_port(low) or dash not in ("", "-") or (dash and not _is_port(high)) or (slash and not _is_base(base)):
        raise ValueError("port or range of ports expected, like 1024-65535")
    if dash and number_up_to(low, 0xFFFF) > number_up_to(high, 0xFFFF):
        raise ValueError("range whose first port is the lower one expected")
    return value


def redirect_ports(value: str, family: int) -> str:
    """Ports of REDIRECT, which shifts none."""
    if "/" in nat_ports(value, family):
        raise ValueError("port or range of ports expected, without a base")
    return value


def _is_base(text: str) -> bool:
    return number_up_to(text, 0xFFFF) >= 1 or bool(port_of(text))


def nat_address(value: str, family: int) -> str:
    """`192.0.2.1`, `192.0.2.1-192.0.2.9:80-90`, `[2001:db8::1]:80` of SNAT and DNAT."""
    hosts, ports = _split_ports(value, family)
    if ports is not None:
        nat_ports(ports, family)
    low, dash, high = hosts.partition("-")
    for host in (low, high) if dash else (low,) if low or ports is None else ():
        check_address(host, family)
    return value


def _split_ports(value: str, family: int) -> tuple[str, str | None]:
    if family == 4:
        hosts, colon, ports = value.partition(":")
        return hosts, ports if colon else None
    if match := re.fullmatch(r"\[([^\]]*)\]([^:]*)(?::(.*))?", value, re.DOTALL):
        return match[1], match[3]
    hosts, _, ports = value.partition(":")
    return (hosts, ports) if value.count(":") == 1 else (value, None)


def check_address(value: str, family: int) -> None:
    """Raise ValueError unless the text is one plain address."""
    try:
        if family == 6:
            ipv6_address(value)
        else:
            ipaddress.IPv4Address(value)
    except (OSError, UnicodeEncodeError, ValueError):
        raise ValueError(f"IPv{family} address expected") from None


def _is_port(text: str) -> bool:
    return number_up_to(text, 0xFFFF) >= 0
