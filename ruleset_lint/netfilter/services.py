"""Well-known services: their names and ports, and which of them may not leave connection tracking. Knows no rules."""

import functools
import itertools
import re
from typing import NamedTuple

from ruleset_lint.netfilter.system import port_of_service

# names that iptables rules use, as IANA registers them, so that they mean the same on every machine
_TCP = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "mail": 25, "whois": 43, "tacacs": 49, "domain": 53,
    "gopher": 70, "finger": 79, "http": 80, "www": 80, "kerberos": 88, "pop3": 110, "pop-3": 110, "sunrpc": 111,
    "portmapper": 111, "auth": 113, "ident": 113, "nntp": 119, "epmap": 135, "loc-srv": 135, "netbios-ssn": 139,
    "imap2": 143, "imap": 143, "snmp": 161, "bgp": 179, "irc": 194, "ldap": 389, "https": 443, "microsoft-ds": 445,
    "kpasswd": 464, "submissions": 465, "ssmtp": 465, "smtps": 465, "urd": 465, "exec": 512, "login": 513, "shell": 514,
    "printer": 515, "rtsp": 554, "submission": 587, "ipp": 631, "ldaps": 636, "domain-s": 853, "rsync": 873,
    "ftps-data": 989, "ftps": 990, "telnets": 992, "imaps": 993, "pop3s": 995, "socks": 1080, "openvpn": 1194,
    "ms-sql-s": 1433, "pptp": 1723, "nfs": 2049, "squid": 3128, "mysql": 3306, "ms-wbt-server": 3389, "svn": 3690,
    "epmd": 4369, "sip": 5060, "sip-tls": 5061, "xmpp-client": 5222, "xmpp-server": 5269, "postgresql": 5432,
    "amqp": 5672, "x11": 6000, "redis": 6379, "sane-port": 6566, "ircd": 6667, "http-alt": 8080, "webcache": 8080,
    "bacula-fd": 9102, "git": 9418, "zabbix-agent": 10050, "zabbix-trapper": 10051, "webmin": 10000, "amanda": 10080,
}  # fmt: skip
_UDP = {
    "domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69, "http": 80, "kerberos": 88, "sunrpc": 111, "portmapper": 111,
    "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138, "snmp": 161, "snmp-trap": 162, "snmptrap": 162, "xdmcp": 177,
    "https": 443, "kpasswd": 464, "isakmp": 500, "syslog": 514, "route": 520, "router": 520, "dhcpv6-client": 546,
    "dhcpv6-server": 547, "ipp": 631, "domain-s": 853, "openvpn": 1194, "ms-sql-m": 1434, "l2f": 1701, "l2tp": 1701,
    "radius": 1812, "radius-acct": 1813, "ssdp": 1900, "nfs": 2049, "ipsec-nat-t": 4500, "sip": 5060, "mdns": 5353,
    "amanda": 10080,
}  # fmt: skip
_NAMES = {"tcp": _TCP, "udp": _UDP}


class ServiceError(ValueError):
    """A text that names no service; its text says what is wrong."""


class Service(NamedTuple):
    """A transport protocol and the port on which a server is asked. As text "tcp/80"."""

    protocol: str
    port: int

    def __str__(self) -> str:
        """The spelling used on the command line and in the configuration."""
        return f"{self.protocol}/{self.port}"


def _services(protocol: str, *ports: int) -> frozenset[Service]:
    return frozenset(Service(protocol, port) for port in ports)


ADMINISTRATION = Service("tcp", 22)
"""The service by which the machine is administered, unless the configuration says otherwise."""

BUSY = _services("tcp", 53, 80, 443, 8080, 8443) | _services("udp", 53, 443, 514)
"""Services with so many short connections that they fill a table. Not udp/123, whose server asks from its own port."""

SENDS_FROM_OWN_PORT = _services(
    "udp", 67, 68, 123, 137, 138, 319, 320, 500, 520, 521, 546, 547, 655, 694, 1194, 1701, 1985, 4500, 5060, 5353, 5404,
    5405, 51820,
)  # fmt: skip
"""Services whose program opens flows from the port it serves: untracked, the answers to them look like requests."""

REPORTED_TO = frozenset({162, 514, 2055, 4739, 6343, 8125, 9995, 9996, 12201, 25826})
"""UDP ports of those who are told and never answer: traps, syslog, NetFlow, IPFIX, sFlow, statsd, GELF, collectd."""

ONE_WAY = REPORTED_TO | {2152, 4754, 4789, 6081, 8472}
"""UDP ports whose receiver never answers from that port: those, and tunnels (GTP-U, GRE, VXLAN, GENEVE)."""

BROADCAST_OR_MULTICAST = _services("udp", 67, 137, 138, 319, 320, 520, 521, 547, 1900, 1985, 3702, 5353, 5355)
"""Services asked by broadcast or multicast: the request is not to a local address."""

HELPER_DATA = _services("tcp", 20)
"""Ports from which a server opens data channels that a helper has announced: active FTP."""


def port_of(text: str, protocol: str | None = None) -> int | None:
    """The port that a rule means by a number or a name; None if there is none of that name.

    Without a protocol a name is looked up for tcp, then for udp. Common names are the same everywhere, others are those
    of this machine (services(5)).
    """
    if re.fullmatch(r"[0-9]{1,10}", text):
        return int(text) if int(text) < 65536 else None
    protocols = (protocol,) if protocol else ("tcp", "udp")
    common = (_NAMES.get(candidate, {}).get(text) for candidate in protocols)
    local = (_port_of_this_machine(text, candidate) for candidate in protocols)
    return next((port for port in itertools.chain(common, local) if port is not None), None)


@functools.cache
def _port_of_this_machine(name: str, protocol: str) -> int | None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}", name) or not re.fullmatch(r"[a-z]{1,10}", protocol):
        return None
    return port_of_service(name, protocol)


def service_name(service: Service) -> str | None:
    """The common name of a service, for messages; None if it has none."""
    names = _NAMES.get(service.protocol, {})
    return next((name for name, port in names.items() if port == service.port), None)


def parse_service(text: str) -> Service:
    """The service that "tcp/80" or "udp/domain" names. Raises ServiceError."""
    found = re.fullmatch(r"(tcp|udp)/([A-Za-z0-9][A-Za-z0-9_.+-]{0,39})", text.strip(), re.IGNORECASE)
    if not found:
        raise ServiceError(f"{text[:60]!r} names no service, write tcp/80 or udp/53")
    protocol = found[1].lower()
    port = port_of(found[2], protocol)
    if not port:
        raise ServiceError(
            f"{text[:60]!r}: no {protocol} port {found[2]!r}, ports are 1 to 65535 or a name of services(5)"
        )
    return Service(protocol, port)
