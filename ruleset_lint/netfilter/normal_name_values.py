"""What names stand for where iptables-save 1.8.9 prints numbers or longer names. Knows names, no option.

Sources: libxt_icmp.h, libipt_REJECT.c, libip6t_REJECT.c, dscp_helper.c, tos_values.c, libxt_sctp.c of iptables 1.8.9.
"""

from __future__ import annotations

from ruleset_lint.netfilter.values import number

_ICMP = {
    "any": "any", "echo-reply": "0", "pong": "0", "destination-unreachable": "3", "network-unreachable": "3/0",
    "host-unreachable": "3/1", "protocol-unreachable": "3/2", "port-unreachable": "3/3", "fragmentation-needed": "3/4",
    "source-route-failed": "3/5", "network-unknown": "3/6", "host-unknown": "3/7", "network-prohibited": "3/9",
    "host-prohibited": "3/10", "TOS-network-unreachable": "3/11", "TOS-host-unreachable": "3/12",
    "communication-prohibited": "3/13", "host-precedence-violation": "3/14", "precedence-cutoff": "3/15",
    "source-quench": "4", "redirect": "5", "network-redirect": "5/0", "host-redirect": "5/1",
    "TOS-network-redirect": "5/2", "TOS-host-redirect": "5/3", "echo-request": "8", "ping": "8",
    "router-advertisement": "9", "router-solicitation": "10", "time-exceeded": "11", "ttl-exceeded": "11",
    "ttl-zero-during-transit": "11/0", "ttl-zero-during-reassembly": "11/1", "parameter-problem": "12",
    "ip-header-bad": "12/0", "required-option-missing": "12/1", "timestamp-request": "13", "timestamp-reply": "14",
    "address-mask-request": "17", "address-mask-reply": "18",
}  # fmt: skip
_ICMP6 = {
    "destination-unreachable": "1", "no-route": "1/0", "communication-prohibited": "1/1", "beyond-scope": "1/2",
    "address-unreachable": "1/3", "port-unreachable": "1/4", "failed-policy": "1/5", "reject-route": "1/6",
    "packet-too-big": "2", "time-exceeded": "3", "ttl-exceeded": "3", "ttl-zero-during-transit": "3/0",
    "ttl-zero-during-reassembly": "3/1", "parameter-problem": "4", "bad-header": "4/0", "unknown-header-type": "4/1",
    "unknown-option": "4/2", "echo-request": "128", "ping": "128", "echo-reply": "129", "pong": "129",
    "router-solicitation": "133", "router-advertisement": "134", "neighbour-solicitation": "135",
    "neighbor-solicitation": "135", "neighbour-advertisement": "136", "neighbor-advertisement": "136",
    "redirect": "137",
}  # fmt: skip
_REJECT = (
    ("icmp-net-unreachable", "net-unreach"), ("icmp-host-unreachable", "host-unreach"),
    ("icmp-proto-unreachable", "proto-unreach"), ("icmp-port-unreachable", "port-unreach"),
    ("icmp-net-prohibited", "net-prohib"), ("icmp-host-prohibited", "host-prohib"), ("tcp-reset", "tcp-rst"),
    ("icmp-admin-prohibited", "admin-prohib"),
)  # fmt: skip
_REJECT6 = (
    ("icmp6-no-route", "no-route"), ("icmp6-adm-prohibited", "adm-prohibited"),
    ("icmp6-addr-unreachable", "addr-unreach"), ("icmp6-port-unreachable", "port-unreach"), ("tcp-reset", "tcp-reset"),
    ("icmp6-policy-fail", "policy-fail"), ("icmp6-reject-route", "reject-route"),
)  # fmt: skip
LOG_LEVELS = {
    "emerg": 0, "panic": 0, "alert": 1, "crit": 2, "error": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7,
}  # fmt: skip
_DSCP = {
    "CS0": 0x00, "CS1": 0x08, "CS2": 0x10, "CS3": 0x18, "CS4": 0x20, "CS5": 0x28, "CS6": 0x30, "CS7": 0x38, "BE": 0x00,
    "AF11": 0x0A, "AF12": 0x0C, "AF13": 0x0E, "AF21": 0x12, "AF22": 0x14, "AF23": 0x16, "AF31": 0x1A, "AF32": 0x1C,
    "AF33": 0x1E, "AF41": 0x22, "AF42": 0x24, "AF43": 0x26, "EF": 0x2E,
}  # fmt: skip
_TOS = {
    "minimize-delay": 0x10, "maximize-throughput": 0x08, "maximize-reliability": 0x04, "minimize-cost": 0x02,
    "normal-service": 0x00,
}  # fmt: skip
CHUNKS = {
    "DATA": 0, "INIT": 1, "INIT_ACK": 2, "SACK": 3, "HEARTBEAT": 4, "HEARTBEAT_ACK": 5, "ABORT": 6, "SHUTDOWN": 7,
    "SHUTDOWN_ACK": 8, "ERROR": 9, "COOKIE_ECHO": 10, "COOKIE_ACK": 11, "ECN_ECNE": 12, "ECN_CWR": 13,
    "SHUTDOWN_COMPLETE": 14, "I_DATA": 64, "ASCONF_ACK": 128, "RE_CONFIG": 130, "PAD": 132, "FORWARD_TSN": 192,
    "ASCONF": 193, "I_FORWARD_TSN": 194,
}  # fmt: skip
_HEADERS = {
    "hop-by-hop": ("hop", "0"), "ipv6-opts": ("dst", "60"), "ipv6-route": ("route", "43"),
    "ipv6-frag": ("frag", "44"), "ah": ("auth", "51"), "esp": ("50",), "ipv6-nonxt": ("none", "59"),
    "protocol": ("prot", "255"),
}  # fmt: skip
_PACKETS = {"bcast": "broadcast", "mcast": "multicast", "host": "unicast"}


def icmp_type(value: str, family: int) -> str:
    """An ICMP type by number, with its code if not all codes are meant; of a range of codes save prints the first."""
    names = _ICMP if family == 4 else _ICMP6
    found = [number for name, number in names.items() if name.lower().startswith(value.lower())]
    if found:
        return found[0]
    kind, slash, code = value.partition("/")
    first, colon, last = code.partition(":")
    type_number, low = number(kind), number(first) if slash else 0
    high = number(last) if colon else (low if slash else 255)
    if type_number is None or low is None or high is None:
        raise ValueError("ICMP type expected")
    if type_number == 255 and family == 4:
        return "any"
    return str(type_number) if (low, high) == (0, 255) else f"{type_number}/{low}"


def reject_type(value: str, family: int) -> str:
    """The first type whose name or alias begins so."""
    for names in _REJECT if family == 4 else _REJECT6:
        if any(name.startswith(value.lower()) for name in names):
            return names[0]
    raise ValueError("reject type expected")


def log_level(value: str, family: int) -> str | None:
    """A log level by number; the usual one, warning, is left out."""
    level = LOG_LEVELS.get(value, number(value))
    return None if level == LOG_LEVELS["warning"] else str(level)


def dscp_class(value: str, family: int) -> str:
    """A class of DiffServ as a number."""
    found = next((code for name, code in _DSCP.items() if value.upper().startswith(name)), None)
    if found is None:
        raise ValueError("class expected")
    return f"0x{found:02x}"


def tos(value: str, family: int) -> str:
    """A type of service with its mask: six bits for names, eight for numbers."""
    if value.lower() in _TOS:
        return f"0x{_TOS[value.lower()]:02x}/0x3f"
    low, slash, high = value.partition("/")
    bits, mask = number(low), number(high) if slash else 0xFF
    if bits is None or mask is None:
        raise ValueError("type of service expected")
    return f"0x{bits:02x}/0x{mask:02x}"


def chunk_types(value: str, family: int) -> str:
    """Chunk types of SCTP in the order of their numbers, the flags of each from the first bit to the last."""
    found: dict[str, str] = {}
    for part in value.split(","):
        name, _, flags = part.partition(":")
        if name.upper() in ("ALL", "NONE"):
            return name.upper()
        found[name.upper()] = found.get(name.upper(), "") + (flags if name.upper() != "I_DATA" else "")
    return ",".join(name + _chunk_flags(found[name]) for name in CHUNKS if name in found) or "NONE"


def _chunk_flags(flags: str) -> str:
    """Each once, a capital (the flag is set) before a small letter (it is not)."""
    kept = {flag.upper(): flag for flag in sorted(flags, reverse=True)}
    return ":" + "".join(kept[flag] for flag in "IUBET" if flag in kept) if kept else ""


def header_list(value: str, family: int) -> str:
    """Extension headers of IPv6 by their long names."""
    found = set(value.split(","))
    return ",".join(name for name, others in _HEADERS.items() if found & {name, *others})


def packet_type(value: str, family: int) -> str:
    """A packet type by its first name."""
    return _PACKETS.get(value.lower(), value.lower())


def owner(value: str, family: int) -> str:
    """A user or group by number, or a range of them. Raises ValueError for a name other than root."""
    if value == "root":
        return "0"
    low, dash, high = value.replace(":", "-", 1).partition("-")
    ends = number(low), number(high) if dash else number(low)
    if None in ends:
        raise ValueError("a user is looked up by the machine that loads it")
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"
