"""How the values of particular matches and targets read, as iptables 1.8.9 reads them. Knows no option by name.

A reader takes the text and the address family (4 or 6) and raises ValueError saying what was expected.
"""

from __future__ import annotations

import re

from ruleset_lint.netfilter.name_values import LONGEST_STRING
from ruleset_lint.netfilter.network_values import host_network, numeric_address
from ruleset_lint.netfilter.option_names import (
    DCCP_TYPES,
    DSCP_CLASSES,
    EVENTS,
    ICMP,
    ICMP6,
    REJECT,
    REJECT6,
    SCTP_CHUNKS,
    SCTP_FLAGS,
    STATUS,
    TCP_OPTIONS,
    TOS,
)
from ruleset_lint.netfilter.values import PROTOCOLS, OutOfRangeError, is_byte, number, number_up_to, protocol

_HEX_TOKEN = rb"(?:\| *((?:[0-9a-fA-F]{2} ?)+)\|(.?)|\\(.)|([^|\\])|\|\Z)"
# what sscanf takes for %x:%x
CLASS_ID = (
    r"\s*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]{1,16}):\s*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]{1,16})"
)
_MOST_INSTRUCTIONS = 64  # of bpf (XT_BPF_MAX_NUM_INSTR)


def icmp_type(value: str, family: int) -> str:
    """`echo-request`, an unambiguous beginning of it, `8`, `8/0`; no ranges."""
    names = ICMP if family == 4 else ICMP6
    kind = "ICMP" if family == 4 else "ICMPv6"
    found = [name for name in names if name.lower().startswith(value.lower())] if value else []
    if len(found) > 1 and value.lower() not in {name.lower() for name in found}:
        raise ValueError(f"{found[0]} or {found[1]}: {kind} type that begins like one only expected")
    if not found:
        kind_number, slash, code = value.partition("/")
        if not is_byte(kind_number) or (slash and not all(map(is_byte, code.split(":", 1)))):
            raise ValueError(f"{kind} type expected: a name, a number up to 255, or type/code")
    return value


def reject_type(value: str, family: int) -> str:
    """`icmp-port-unreachable`, its alias, or a beginning of either."""
    names = REJECT if family == 4 else REJECT6
    if not any(name.startswith(value.lower()) for name in names):
        raise ValueError("reject type expected, one of " + ", ".join(names))
    return value


def tos(value: str, family: int) -> str:
    """`0x10`, `0x10/0xff`, or a name (IPv4)."""
    low, slash, high = value.partition("/")
    if value.lower() in TOS or (is_byte(low) and (not slash or is_byte(high))):
        return value
    raise ValueError("number up to 255, with a mask or without, or one of " + ", ".join(TOS) + " expected")


def dscp_class(value: str, family: int) -> str:
    """A class of DiffServ: `EF`, `AF11`, `CS1`."""
    if not value.lower().startswith(DSCP_CLASSES):  # what follows is passed over
        raise ValueError("class BE, EF, AF11 to AF43 or CS0 to CS7 expected")
    return value


def probability(value: str, family: int) -> float:
    """0 to 1."""
    match = re.fullmatch(r"\s*\+?(0[xX][01]|(?=\.?[0-9])[0-9]{0,40}(?:\.[0-9]{0,40})?(?:[eE][+-]?[0-9]{1,3})?)", value)
    found = -1.0 if not match else float(match[1]) if match[1][1:2] not in ("x", "X") else float(int(match[1], 16))
    if not 0 <= found <= 1:
        raise ValueError("number from 0 to 1 expected")
    return found


def class_id(value: str, family: int) -> str:
    """`1:10` of CLASSIFY, hexadecimal."""
    if not re.match(CLASS_ID, value):
        raise ValueError("class major:minor expected, in hexadecimal")
    return value


def mac_address(value: str, family: int) -> str:
    """Six hexadecimal numbers with colons between."""
    if not re.fullmatch(r"[0-9a-fA-F]{0,2}(:[0-9a-fA-F]{0,2}){5}", value):
        raise ValueError("MAC address like 00:11:22:33:44:55 expected")
    return value


def conntrack_status(value: str, family: int) -> str:
    """`CONFIRMED,ASSURED`, or beginnings of such."""
    for part in value.upper().split(","):
        if not part or not any(name.startswith(part) for name in STATUS):
            raise ValueError("list of " + ", ".join(STATUS) + " expected")
    return value


def direction(value: str, family: int) -> str:
    """`ORIGINAL` or `REPLY`, in any case."""
    if value.upper() not in ("ORIGINAL", "REPLY"):
        raise ValueError("ORIGINAL or REPLY expected")
    return value


def long_mask(value: str, family: int) -> str:
    """A mask as address, or a prefix length; one that is too long for the family is taken as full."""
    found = number_up_to(value, 0xFFFFFFFF)
    if found < 0:
        numeric_address(value, family)
    elif family == 6 and found > 128:
        raise OutOfRangeError("prefix length up to 128 or a mask expected")
    return value


def bytecode(value: str, family: int) -> str:
    """`4,48 0 0 9,21 0 1 6,…` of bpf: how many instructions, and each with its four numbers."""
    count, *instructions = value.removesuffix(",").split(",")
    if (
        not re.fullmatch(r"\s*\+?[0-9]{1,5}", count)
        or not 1 <= int(count) <= _MOST_INSTRUCTIONS
        or any(not re.match(r"(?:\s*[+-]?[0-9]{1,18}(?![0-9])){4}", part) for part in instructions)
    ):
        raise ValueError("number of instructions and instructions of four numbers expected")
    if int(count) != len(instructions):
        raise ValueError("as many instructions as the first number says expected")
    return value


def events(value: str, family: int) -> str:
    """Conntrack events of CT."""
    if not set(value.split(",")) <= EVENTS:
        raise ValueError("list of " + ", ".join(sorted(EVENTS)) + " expected")
    return value


def expected_events(value: str, family: int) -> str:
    """Events of expectations: there is one."""
    if set(value.split(",")) != {"new"}:
        raise ValueError("new expected")
    return value


def zone(value: str, family: int) -> str:
    """A conntrack zone, or `mark`."""
    if value.lower() != "mark" and number_up_to(value, 0xFFFF) < 0:
        raise ValueError("zone expected: a number up to 65535, or mark")
    return value


def chunk_types(value: str, family: int) -> str:
    """Chunk types of SCTP, with flags: `DATA:Be,INIT`; or ALL, or NONE."""
    if value.upper() in ("ALL", "NONE"):
        return value
    parts = [part.partition(":") for part in value.upper().split(",") if part]
    if any(name not in SCTP_CHUNKS for name, _, _ in parts):
        raise ValueError("list of SCTP chunk types expected")
    for name, _, flags in parts:
        if not set(flags) <= set(SCTP_FLAGS.get(name, "")):
            raise ValueError(f"flags of {name} expected: {SCTP_FLAGS.get(name) or 'it has none'}")
    return value


def dccp_types(value: str, family: int) -> str:
    """Packet types of DCCP."""
    if any(part.upper() not in DCCP_TYPES for part in value.split(",") if part):
        raise ValueError("list of DCCP packet types expected")
    return value


def tcp_options(value: str, family: int) -> str:
    """TCP options to strip: names or numbers from 2."""
    parts = value.split(",")
    kinds = [TCP_OPTIONS.get(part, number_up_to(part, 255)) for part in parts]
    if min(kinds) < 2 or len(kinds) > len(set(kinds)):
        raise ValueError("list of TCP options expected: names or numbers from 2 to 255, each once")
    return value


def queue_range(value: str, family: int) -> str:
    """`0:3` of NFQUEUE."""
    low, colon, high = value.partition(":")
    first, last = (number_up_to(low, 0xFFFF) if low else 0), (number_up_to(high, 0xFFFF) if high else 0xFFFF)
    if not colon or not 0 <= first < last or last - first == 0xFFFF:
        raise ValueError("range of queues expected, like 0:3")
    return value


def hex_string(value: str, family: int) -> str:
    """`|0d0a|` among text."""
    if len(hex_bytes(value)) + value.endswith("|") > LONGEST_STRING:
        raise OutOfRangeError(f"text of at most {LONGEST_STRING} bytes expected")
    return value


def hex_bytes(value: str) -> bytes:
    """The bytes that a `--hex-string` stands for (parse_hex_string). Raises ValueError.

    A backslash outside of bars makes the byte behind it plain, so does a bar that closes; one that is last is nothing.
    """
    data = value.encode("utf-8", "surrogateescape")
    if not data or not re.fullmatch(rb"(?:%b)*" % _HEX_TOKEN, data, re.DOTALL):
        raise ValueError("text with pairs of hexadecimal digits between pairs of bars expected")
    tokens = re.finditer(_HEX_TOKEN, data, re.DOTALL)
    return b"".join(
        bytes.fromhex((token[1] or b"").decode()) + (token[2] or token[3] or token[4] or b"") for token in tokens
    )


def address(value: str, family: int) -> str:
    """One address as getaddrinfo reads it (XTTYPE_HOST), no mask: 10.1 is 10.0.0.1."""
    numeric_address(value, family)
    return value


def gateway(value: str, family: int) -> str:
    """An address to which packets can go: not that of all zeros (xt_TEE.c)."""
    if not numeric_address(value, family):
        raise ValueError("address other than that of all zeros expected")
    return value


def translated_prefix(value: str, family: int) -> str:
    """A prefix of at most 64 bits without host bits (ip6t_NPT.c)."""
    ((found, mask, name),) = host_network(value, family)
    alone = host_network(value.partition("/")[0], family)[0].address
    if name or "/" not in value or mask & ((1 << 64) - 1) or alone != found:
        raise ValueError("IPv6 prefix of at most 64 bits without host bits expected")
    return value


def clamped_size(value: str, family: int) -> int:
    """A segment size that leaves room for the IP header."""
    found, most = number(value), 0xFFFF - (20 if family == 4 else 40)
    if found is None or found > most:
        raise OutOfRangeError(f"number up to {most} expected")
    return found


def mask(value: str, family: int) -> str:
    """A mask as address; as getaddrinfo reads it, 24 is 0.0.0.24."""
    numeric_address(value, family)
    return value


def prefix_length(value: str, family: int) -> int:
    """A prefix length of the family, or a mask that is one."""
    length, bits = mask_length(value, family), 32 if family == 4 else 128
    if length < 0:
        raise OutOfRangeError(f"prefix length up to {bits} or a mask expected")
    return length


def mask_length(value: str, family: int) -> int:
    """How long a prefix length or a mask is (XTTYPE_PLENMASK), -1 for a mask that is none. Raises ValueError."""
    bits = 32 if family == 4 else 128
    length = number_up_to(value, bits)
    if length >= 0:
        return length
    found = numeric_address(value, family)
    length = found.bit_count()
    return length if found == (1 << bits) - (1 << (bits - length)) else -1


def ipsec_protocol(value: str, family: int) -> int:
    """A protocol of IPsec."""
    found = protocol(value, family)
    if found not in (PROTOCOLS["ah"], PROTOCOLS["esp"], PROTOCOLS["ipcomp"]):
        raise ValueError("ah, esp or ipcomp expected")
    return found


def group(value: str, family: int) -> str:
    """A number with a mask or without, or a name that iproute2 knows (devgroup, realm)."""
    low, slash, high = value.partition("/")
    found = number(low)
    if found is None and (slash or not re.search("[^-+ 0-9]", value)):
        raise ValueError("32-bit number with a mask or without, or a name expected")
    if (found is not None and found > 0xFFFFFFFF) or (slash and number_up_to(high, 0xFFFFFFFF) < 0):
        raise OutOfRangeError("32-bit number with a mask or without, or a name expected")
    return value


def hash_tuple(value: str, family: int) -> str:
    """What HMARK hashes: `src,dst,sport`."""
    if not set(value.split(",")) <= {"src", "dst", "sport", "dport", "spi", "ct"}:
        raise ValueError("list of src, dst, sport, dport, spi, ct expected")
    return value
