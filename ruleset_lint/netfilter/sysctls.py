"""The sysctl keys of connection tracking: names, defaults, limits, and which kernel has which. Reads no file."""

import re
from typing import Literal, NamedTuple

from ruleset_lint.netfilter.modules import generation, registered_by
from ruleset_lint.netfilter.releases import Profile

Unit = Literal["seconds", "entries", "buckets", "boolean", "protocol", "number", "bytes"]
State = Literal["live", "read-only", "renamed", "absent", "unknown", "foreign"]
Default = int | Literal["varies"] | None
"""A default; "varies" where it depends on RAM or is not stated; None where the kernel has no such key."""

_INT_MAX = 2**31 - 1
_VARIES: Literal["varies"] = "varies"


class Variable(NamedTuple):
    """A variable of connection tracking, by the name its keys end in ("tcp_timeout_established").

    `defaults` are those of the kernels of EL5, EL6, EL7, EL8 and later ones.
    """

    name: str
    unit: Unit
    defaults: tuple[Default, Default, Default, Default, Default]
    lowest: int = 0
    highest: int = _INT_MAX


class Floor(NamedTuple):
    """The least number of seconds that a standard asks for."""

    seconds: int
    source: str


def _seconds(name: str, *defaults: Default) -> Variable:
    five = defaults * 5 if len(defaults) == 1 else defaults
    el5, el6, el7, el8, later = five
    return Variable(name, "seconds", (el5, el6, el7, el8, later))


def _since_el6(name: str, value: int) -> Variable:
    return _seconds(name, None, value, value, value, value)


# Defaults: ip_conntrack_proto_*.c (2.6.18), nf_conntrack_proto_*.c and nf_conntrack_standalone.c (2.6.32, 3.10, 4.18,
# 6.1, 6.12); the last column measured on 6.18
VARIABLES: tuple[Variable, ...] = (
    Variable("max", "entries", (_VARIES,) * 5),
    Variable("buckets", "buckets", (_VARIES,) * 5, lowest=1),
    Variable("count", "entries", (0,) * 5),
    Variable("expect_max", "entries", (None, _VARIES, _VARIES, _VARIES, _VARIES), lowest=1),
    Variable("checksum", "boolean", (1,) * 5, highest=1),
    Variable("log_invalid", "protocol", (0,) * 5, highest=255),
    Variable("acct", "boolean", (None, 0, 0, 0, 0), highest=1),
    Variable("events", "number", (None, 1, 1, 1, 2), highest=2),
    _seconds("events_retry_timeout", None, 15, 15, None, None),
    Variable("timestamp", "boolean", (None, None, 0, 0, 0), highest=1),
    Variable("helper", "boolean", (None, None, 1, 0, 0), highest=1),
    Variable("tcp_loose", "boolean", (1,) * 5, highest=1),
    Variable("tcp_be_liberal", "boolean", (0,) * 5, highest=1),
    Variable("tcp_max_retrans", "number", (3,) * 5, highest=255),
    Variable("tcp_ignore_invalid_rst", "boolean", (None, None, None, None, 0), highest=1),
    _seconds("tcp_timeout_syn_sent", 120),
    _seconds("tcp_timeout_syn_recv", 60),
    _seconds("tcp_timeout_established", 432000),
    _seconds("tcp_timeout_fin_wait", 120),
    _seconds("tcp_timeout_close_wait", 60),
    _seconds("tcp_timeout_last_ack", 30),
    _seconds("tcp_timeout_time_wait", 120),
    _seconds("tcp_timeout_close", 10),
    _seconds("tcp_timeout_max_retrans", 300),
    _since_el6("tcp_timeout_unacknowledged", 300),
    _seconds("udp_timeout", 30),
    _seconds("udp_timeout_stream", 180, 180, 180, 120, 120),
    _seconds("udplite_timeout", None, 30, 30, 30, None),
    _seconds("udplite_timeout_stream", None, 180, 180, 180, None),
    _seconds("icmp_timeout", 30),
    _since_el6("icmpv6_timeout", 30),
    _seconds("generic_timeout", 600),
    _seconds("gre_timeout", None, None, None, 30, 30),
    _seconds("gre_timeout_stream", None, None, None, 180, 180),
    _since_el6("frag6_timeout", 60),
    Variable("frag6_low_thresh", "bytes", (None, _VARIES, _VARIES, _VARIES, 3145728)),
    Variable("frag6_high_thresh", "bytes", (None, _VARIES, _VARIES, _VARIES, 4194304)),
    _seconds("sctp_timeout_closed", 10),
    _seconds("sctp_timeout_cookie_wait", 3),
    _seconds("sctp_timeout_cookie_echoed", 3),
    _seconds("sctp_timeout_established", 432000, 432000, 432000, 432000, 210),
    # 300 milliseconds before 6.1, of which the file shows 0 seconds
    _seconds("sctp_timeout_shutdown_sent", 0, 0, 0, 0, 3),
    _seconds("sctp_timeout_shutdown_recd", 0, 0, 0, 0, 3),
    _seconds("sctp_timeout_shutdown_ack_sent", 3),
    _since_el6("sctp_timeout_heartbeat_sent", 30),
    _seconds("sctp_timeout_heartbeat_acked", None, 210, 210, 210, None),
    _since_el6("dccp_timeout_request", 240),
    _since_el6("dccp_timeout_respond", 480),
    _since_el6("dccp_timeout_partopen", 480),
    _since_el6("dccp_timeout_open", 43200),
    _since_el6("dccp_timeout_closereq", 64),
    _since_el6("dccp_timeout_closing", 64),
    _since_el6("dccp_timeout_timewait", 240),
    Variable("dccp_loose", "boolean", (None, 1, 1, 1, 1), highest=1),
)

_NEWEST = (999, 0, 0)
# Where kernel.org's kernels have other defaults than the column that they share with Enterprise Linux, by the version
# that the default ended with; a version between those that were read varies. Read in 4.14.67, 4.15, 4.19.108, 5.4.214,
# 5.10.13, 5.15.100, 6.1.192 and 6.12.117. a44b7651489f (SCTP) came into series that were out: 5.15.100 has it
_MAINLINE: dict[str, tuple[tuple[tuple[int, int, int], Default], ...]] = {
    "events": (((2, 6, 20), None), ((5, 16, 0), 1), ((6, 1, 0), _VARIES)),
    "events_retry_timeout": (((2, 6, 20), None), ((4, 14, 0), _VARIES), (_NEWEST, None)),
    "tcp_ignore_invalid_rst": (((5, 11, 0), None), ((5, 15, 0), _VARIES)),
    "udp_timeout_stream": (((4, 20, 0), 180), ((5, 4, 0), _VARIES)),
    "udplite_timeout": (((2, 6, 20), None), ((4, 14, 0), _VARIES), (_NEWEST, None)),
    "udplite_timeout_stream": (((2, 6, 20), None), ((4, 14, 0), _VARIES), (_NEWEST, None)),
    "gre_timeout": (((4, 20, 0), None), ((5, 4, 0), _VARIES)),
    "gre_timeout_stream": (((4, 20, 0), None), ((5, 4, 0), _VARIES)),
    "sctp_timeout_established": (((6, 1, 0), _VARIES),),
    "sctp_timeout_shutdown_sent": (((6, 1, 0), _VARIES),),
    "sctp_timeout_shutdown_recd": (((6, 1, 0), _VARIES),),
    "sctp_timeout_heartbeat_acked": (((2, 6, 20), None), ((6, 1, 0), _VARIES)),
}
_WITHOUT_DCCP = (6, 18, 0)

_BY_NAME = {variable.name: variable for variable in VARIABLES}

FLOORS: dict[str, Floor] = {
    "tcp_timeout_established": Floor(7440, "RFC 5382"),
    "udp_timeout_stream": Floor(120, "RFC 4787"),
    "icmp_timeout": Floor(60, "RFC 5508"),
    "dccp_timeout_open": Floor(7440, "RFC 5597"),
}
"""What a NAT must wait at least before it forgets a silent flow, by the name of the variable."""

_KEY = re.compile(r"net\.(ipv4\.netfilter\.ip|ipv4\.ip|netfilter\.nf|nf)_conntrack_([a-z0-9_]{1,60})")
_NUMBER = re.compile(r"(-?)(?:0[xX]([0-9a-fA-F]{1,16})|(0[0-7]{0,22})|([1-9][0-9]{0,18}))")
_LONG_FORMS = ("ipv4.netfilter.ip", "netfilter.nf")


def dotted(key: str) -> str:
    """A key in its dotted form: of `/` and `.` the one that comes first separates (sysctl.d(5))."""
    slash, dot = key.find("/"), key.find(".")
    if slash == -1 or -1 < dot < slash:
        return key
    return key.translate(str.maketrans("/.", "./"))


def variable_of(key: str) -> Variable | None:
    """The conntrack variable that a key means, in the spelling of any kernel; None for any other key."""
    found = _KEY.fullmatch(dotted(key))
    return _BY_NAME.get(found[2]) if found else None


def is_conntrack(key: str) -> bool:
    """Whether the key is one of connection tracking, known or not."""
    return _KEY.fullmatch(dotted(key)) is not None


def is_bridge(key: str) -> bool:
    """Whether the key is one of bridge netfilter, which vanishes and comes back with its module too."""
    return dotted(key).startswith("net.bridge.bridge-nf-")


def default(variable: Variable, profile: Profile) -> Default:
    """The variable's default on this kernel: None if it has no such variable, "varies" if that depends on RAM."""
    if variable.name == "helper" and profile.helper_auto == "removed":
        return None
    if profile.mainline:
        return _mainline_default(variable, profile)
    if variable.name == "sctp_timeout_heartbeat_acked" and (5, 1, 0) <= profile.kernel < (6, 1, 0):
        return 210
    return variable.defaults[generation(profile)]


def _mainline_default(variable: Variable, profile: Profile) -> Default:
    if variable.name.startswith("dccp_") and profile.kernel >= _WITHOUT_DCCP:
        return None
    for before, value in _MAINLINE.get(variable.name, ()):
        if profile.kernel < before:
            return value
    return variable.defaults[generation(profile)]


def key_of(variable: Variable, profile: Profile) -> str | None:
    """The key to write for this variable on this kernel; None if it has none."""
    if default(variable, profile) is None:
        return None
    form = "ipv4.netfilter.ip" if profile.names == "ip_conntrack" else "netfilter.nf"
    return f"net.{form}_conntrack_{variable.name}"


def exists(key: str, profile: Profile) -> bool:
    """Whether this kernel has a file for the key, once the module that registers it is loaded.

    The old names of EL5 do not live on in EL6 and EL7, whose kernels are built without NF_CONNTRACK_PROC_COMPAT.
    """
    found = _KEY.fullmatch(dotted(key))
    variable = _BY_NAME.get(found[2]) if found else None
    if found is None or variable is None or default(variable, profile) is None:
        return False
    if found[1].endswith("ip") != (profile.names == "ip_conntrack"):
        return False
    return found[1] in _LONG_FORMS or variable.name == "max"


def canonical(key: str, profile: Profile) -> str | None:
    """The identity of the variable behind a key that this kernel has: two keys with one identity are one variable.

    `net.nf_conntrack_max` and `net.netfilter.nf_conntrack_max` are (nf_conntrack_standalone.c), and so are the two
    of EL5 (ip_conntrack_standalone.c).
    """
    variable = variable_of(key)
    return key_of(variable, profile) if variable and exists(key, profile) else None


def renamed(key: str, profile: Profile) -> str | None:
    """The key that this kernel has for the variable, where it does not have the key as it is written."""
    variable = variable_of(key)
    return key_of(variable, profile) if variable and not exists(key, profile) else None


def read_only(key: str, profile: Profile) -> bool:
    """Whether this kernel has the key, and nobody can write it: the count, and buckets before 4.7."""
    variable = variable_of(key)
    if variable is None or not exists(key, profile):
        return False
    return variable.name == "count" or (variable.name == "buckets" and not profile.buckets_writable)


def state(key: str, profile: Profile) -> State:
    """What becomes of a line that sets this key on this kernel.

    "foreign" is no key of connection tracking, "unknown" one that no kernel has, "absent" one that others have.
    """
    if not is_conntrack(key):
        return "foreign"
    if variable_of(key) is None:
        return "unknown"
    if exists(key, profile):
        return "read-only" if read_only(key, profile) else "live"
    return "renamed" if renamed(key, profile) else "absent"


def owner(key: str, profile: Profile) -> tuple[str, ...]:
    """The modules of which any one makes the key appear on this kernel; none if it has no such key."""
    variable = variable_of(key)
    return registered_by(variable.name, profile) if variable and exists(key, profile) else ()


def number(text: str) -> int | None:
    """The number that the kernel reads in a value: decimal, 0x for hexadecimal, 0 for octal; None for anything else.

    Measured on 6.18: 010 is 8, 0x1000 is 4096, 7440s is refused.
    """
    found = _NUMBER.fullmatch(text.strip(" \t\n"))
    if not found:
        return None
    sign, hexadecimal, octal, decimal = found.groups()
    base = 16 if hexadecimal else 8 if octal else 10
    return int(sign + (hexadecimal or octal or decimal), base)


def highest(variable: Variable, profile: Profile) -> int:
    """The highest value that the kernel of this profile takes.

    Seconds are counted in ticks of an int (proc_dointvec_jiffies; 1000 ticks a second on EL, 250 on Debian and Ubuntu:
    measured on 6.18 with 250; 100 at least on any other). What fits a byte is held to its range since 5.13
    (proc_dou8vec_minmax).
    """
    if variable.unit == "seconds":
        other = 250 if profile.family == "debian" else 100
        return _INT_MAX // (other if profile.mainline else 1000)
    held = variable.unit == "protocol" or profile.kernel >= (5, 13, 0)
    return variable.highest if held else _INT_MAX


def problem(variable: Variable, value: int, profile: Profile) -> str | None:
    """What is wrong with a value, in words; None if it means what it says.

    A negative time-out is taken by the kernel (measured on 6.18) and means nothing.
    """
    if value < variable.lowest:
        return f"{value} is below {variable.lowest}"
    if value > highest(variable, profile):
        return f"{value} is above {highest(variable, profile)}"
    return None


def below_floor(variable: Variable, value: int) -> Floor | None:
    """The standard that a time-out of so many seconds falls short of."""
    floor = FLOORS.get(variable.name)
    return floor if floor and value < floor.seconds else None
