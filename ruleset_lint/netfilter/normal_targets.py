"""How iptables-save 1.8.9 prints each target: its options in order, and how their values are written.

Source: the save functions of iptables' extensions, each measured with both backends on kernel 6.18. A target that is
not here prints its options in the order of the catalogue, as they are.
"""

from __future__ import annotations

import re

from ruleset_lint.netfilter.normal_name_values import dscp_class, log_level, reject_type, tos
from ruleset_lint.netfilter.normal_values import (
    address_text,
    class_id,
    decimal,
    hexadecimal,
    host_and_prefix,
    lower,
    lower_bits,
    network_text,
    numeric,
    ordered,
    plain_address,
    unless_zero,
    value_of,
)
from ruleset_lint.netfilter.option_names import TCP_OPTIONS
from ruleset_lint.netfilter.option_values import mask_length
from ruleset_lint.netfilter.saying import Field, Printer, Saying, field, print_field, print_fields
from ruleset_lint.netfilter.text_values import cut_off, quoted_up_to
from ruleset_lint.netfilter.values import Network, host_network, masked, number, port, resolved_port

_WHOLE = 0xFFFFFFFF
_MARKS = ("--set-xmark", "--set-mark", "--and-mark", "--or-mark", "--xor-mark")
_EVENTS = ("new", "related", "destroy", "reply", "assured", "protoinfo", "helper", "mark", "natseqinfo", "secmark")


def _connmark(saying: Saying) -> list[str]:
    words = _mark(saying)
    last = saying.find(*_MARKS, "--mask", "--ctmask")
    if words and last and last.option not in _MARKS:  # the mask of the mark
        words[1] = f"{words[1].partition('/')[0]}/0x{value_of(last.words[0]):x}"
    if not words:
        save = "--save-mark" if saying.has("--save-mark") else "--restore-mark"
        both = saying.text("--mask", str(_WHOLE))
        masks = (value_of(saying.text(option, both)) for option in ("--nfmask", "--ctmask"))
        words = [
            save,
            *(
                part
                for option, mask in zip(("--nfmask", "--ctmask"), masks, strict=True)
                for part in (option, f"0x{mask:x}")
            ),
        ]
    shift = saying.find("--left-shift-mark", "--right-shift-mark")
    bits = value_of(shift.words[0]) if shift else 0
    return [*words, shift.option, str(bits)] if shift and bits else words


def _mark(saying: Saying) -> list[str]:
    """`--set-xmark value/mask`, which stands for all ways to set a mark."""
    said = saying.find(*_MARKS)
    if said is None:
        return []
    given = masked(said.words[0], 4)
    value, mask = {
        "--set-xmark": (given.value, given.mask),
        "--set-mark": (given.value, given.value | given.mask),
        "--and-mark": (0, ~given.value & _WHOLE),
        "--or-mark": (given.value, given.value),
        "--xor-mark": (given.value, 0),
    }[said.option]
    return ["--set-xmark", f"0x{value:x}/0x{mask:x}"]


def _tos(saying: Saying) -> list[str]:
    said = saying.find("--and-tos", "--or-tos", "--xor-tos")
    if said is None:
        return print_field(saying, field("--set-tos", tos))
    given = value_of(said.words[0])
    value, mask = {"--and-tos": (0, ~given & 0xFF), "--or-tos": (given, given), "--xor-tos": (given, 0)}[said.option]
    return ["--set-tos", f"0x{value:02x}/0x{mask:02x}"]


def _ct(saying: Saying) -> list[str]:
    words = print_fields(
        saying,
        (
            field("--notrack"),
            field("--helper"),
            field("--timeout"),
            field("--ctevents", ordered(_EVENTS)),
            field("--expevents", ordered(("new",))),
        ),
    )
    said = saying.find("--zone", "--zone-orig", "--zone-reply")
    if said and (said.words[0].lower() == "mark" or value_of(said.words[0])):
        words += [said.option, "mark" if said.words[0].lower() == "mark" else str(value_of(said.words[0]))]
    return words


def _ecn(saying: Saying) -> list[str]:
    ece, cwr = saying.text("--ecn-tcp-ece"), saying.text("--ecn-tcp-cwr")
    ect = print_field(saying, field("--ecn-ip-ect", decimal))
    if saying.has("--ecn-tcp-remove") or (ece and cwr and not value_of(ece) and not value_of(cwr)):
        return ["--ecn-tcp-ece", "0", "--ecn-tcp-cwr", "0", *ect] if ect else ["--ecn-tcp-remove"]
    return [*print_fields(saying, tuple(field(f"--ecn-{which}", decimal) for which in ("tcp-ece", "tcp-cwr"))), *ect]


def _hmark(saying: Saying) -> list[str]:
    full = 32 if saying.family == 4 else 128
    every = saying.text("--hmark-tuple").lower().split(",")
    wanted = (
        ("--hmark-src-prefix", "src", f"{full}", _length),
        ("--hmark-dst-prefix", "dst", f"{full}", _length),
        ("--hmark-sport-mask", "sport", "0xffff", hexadecimal(4)),
        ("--hmark-dport-mask", "dport", "0xffff", hexadecimal(4)),
        ("--hmark-spi-mask", "spi", "0xffffffff", hexadecimal(8)),
        ("--hmark-sport", "", "", hexadecimal(4)),
        ("--hmark-dport", "", "", hexadecimal(4)),
        ("--hmark-spi", "", "", hexadecimal(8)),
        ("--hmark-proto-mask", "proto", "0xffff", hexadecimal(2)),
        ("--hmark-rnd", "", "", hexadecimal(8)),
        ("--hmark-mod", "", "", decimal),
        ("--hmark-offset", "", "", decimal),
    )
    words: list[str] = []
    for option, part, usual, writer in wanted:
        given = usual if part and part in every else saying.text(option)  # the tuple counts, it comes last
        words += [option, str(writer(given, saying.family))] if given else []
    return words + (["--hmark-tuple", "ct"] if "ct" in every else [])


def _length(value: str, family: int) -> str:
    found = mask_length(value, family)
    return str(found if found >= 0 else 32 if family == 4 else 128)


def _nat(saying: Saying) -> list[str]:
    words: list[str] = []
    for option in ("--to-destination", "--to-source", "--to-ports"):
        if saying.has(option):
            shown = _nat_range(saying.text(option), saying.family, option == "--to-ports")
            words += [option, shown if saying.name == "DNAT" else re.sub("/.*", "/0", shown)]  # others shift no ports
    return words + [option for option in ("--random", "--random-fully", "--persistent") if saying.has(option)]


def _nat_range(value: str, family: int, only_ports: bool) -> str:
    if only_ports:
        return _nat_ports(value)
    hosts, colon, given = value.partition(":") if family == 4 else _split6(value)
    text = ""
    if hosts:
        low, _, high = hosts.partition("-")
        first, last = plain_address(low, family), plain_address(high or low, family)
        text = first if first == last else f"{first}-{last}"
    brackets = family == 6 and colon and text
    return (f"[{text}]" if brackets else text) + (f":{_nat_ports(given)}" if colon else "")


def _split6(value: str) -> tuple[str, str, str]:
    if value.startswith("["):
        hosts, _, rest = value[1:].partition("]")
        _, colon, given = rest.partition(":")
        return hosts, colon, given
    return value.partition(":") if value.count(":") == 1 else (value, "", "")


def _nat_ports(value: str) -> str:
    low, dash, high = value.partition("-")
    if not dash or number(low) is None:  # the name of a service may have dashes
        return str(port(value, 4))
    high, slash, base = high.partition("/")
    first, last = port(low, 4), port(high, 4)
    text = str(first) if first == last else f"{first}-{last}"
    return text + (f"/{port(base, 4)}" if slash else "")


def _netmap(saying: Saying) -> list[str]:
    (network,) = host_network(saying.text("--to"), saying.family)
    text = network_text(network, saying.family)
    if not _is_length(text):
        (alone,) = host_network(saying.text("--to").partition("/")[0], saying.family)
        full = (1 << (32 if saying.family == 4 else 128)) - 1
        text = network_text(Network(alone.address, full), saying.family)
    return ["--to", text]


def _is_length(text: str) -> bool:
    """Whether what follows the slash is a length."""
    return text.rpartition("/")[2].isdigit()


def _nflog(saying: Saying) -> list[str]:
    nft = saying.backend == "nft"
    words = print_fields(
        saying,
        (
            field("--nflog-prefix", quoted_up_to(127 if nft else 63)),
            field("--nflog-group", unless_zero),
            field("--nflog-size", decimal),
        ),
    )
    if not nft and not saying.has("--nflog-size"):
        words += print_field(saying, field("--nflog-range", unless_zero))
    return words + print_field(saying, field("--nflog-threshold", unless_zero))


def _nfqueue(saying: Saying) -> list[str]:
    words = ["--queue-num", str(value_of(saying.text("--queue-num", "0")))]
    if saying.has("--queue-balance"):
        low, _, high = saying.text("--queue-balance").partition(":")
        words = ["--queue-balance", f"{value_of(low or '0')}:{value_of(high or '65535')}"]
    return words + [option for option in ("--queue-bypass", "--queue-cpu-fanout") if saying.has(option)]


def _reject(saying: Saying) -> list[str]:
    usual = "icmp-port-unreachable" if saying.family == 4 else "icmp6-port-unreachable"
    return ["--reject-with", reject_type(saying.text("--reject-with", usual), saying.family)]


def _tcpmss(saying: Saying) -> list[str]:
    said = saying.find("--set-mss", "--clamp-mss-to-pmtu")
    return print_field(saying, field(said.option, decimal)) if said else []


def _tcpoptstrip(saying: Saying) -> list[str]:
    found = {TCP_OPTIONS.get(part, number(part)) for part in saying.text("--strip-options").split(",") if part}
    numbers = sorted(kind for kind in found if kind is not None)
    return ["--strip-options", ",".join(map(str, numbers))] if numbers else []


def _tproxy(saying: Saying) -> list[str]:
    address = saying.text("--on-ip")
    shown = numeric(address or address_text(0, saying.family), saying.family)
    found = masked(saying.text("--tproxy-mark", "0/0"), saying.family)
    port_text = str(resolved_port(saying.text("--on-port"), saying.family))
    return ["--on-port", port_text, "--on-ip", shown, "--tproxy-mark", f"0x{found.value:x}/0x{found.mask:x}"]


TARGET_FIELDS: dict[str, tuple[Field, ...]] = {
    "AUDIT": (field("--type", lower),),
    "CLASSIFY": (field("--set-class", class_id),),
    "CLUSTERIP": tuple(
        field(option)
        for option in ("--new", "--hashmode", "--clustermac", "--total-nodes", "--local-node", "--hash-init")
    ),
    "DNPT": (field("--src-pfx", host_and_prefix), field("--dst-pfx", host_and_prefix)),
    "DSCP": (field("--set-dscp", hexadecimal(2)), field("--set-dscp-class", dscp_class, shown="--set-dscp")),
    "HL": tuple(field(f"--hl-{how}", decimal) for how in ("set", "dec", "inc")),
    "IDLETIMER": (field("--timeout", decimal), field("--label", cut_off(27)), field("--alarm")),
    "LOG": (
        field("--log-prefix", quoted_up_to(29)),
        field("--log-level", log_level),
        *(field(f"--log-{what}") for what in ("tcp-sequence", "tcp-options", "ip-options", "uid", "macdecode")),
    ),
    "SET": (
        *(field(option) for option in ("--add-set", "--exist")),
        field("--timeout", decimal),
        *(field(option) for option in ("--del-set", "--map-set", "--map-mark", "--map-prio", "--map-queue")),
    ),
    "SNPT": (field("--src-pfx", host_and_prefix), field("--dst-pfx", host_and_prefix)),
    "SYNPROXY": (
        field("--sack-perm"),
        field("--timestamp"),
        field("--wscale", lower_bits(8)),
        field("--mss", lower_bits(16)),
        field("--ecn"),
    ),
    "TEE": (field("--gateway", numeric), field("--oif", cut_off(15))),
    "TTL": tuple(field(f"--ttl-{how}", decimal) for how in ("set", "dec", "inc")),
    "ULOG": (
        field("--ulog-prefix", quoted_up_to(31)),
        field("--ulog-nlgroup", decimal),
        field("--ulog-cprange", unless_zero),
        field("--ulog-qthreshold", decimal),
    ),
}

TARGET_PRINTERS: dict[str, Printer] = {
    "CONNMARK": _connmark,
    "CT": _ct,
    "DNAT": _nat,
    "ECN": _ecn,
    "HMARK": _hmark,
    "MARK": _mark,
    "MASQUERADE": _nat,
    "NETMAP": _netmap,
    "NFLOG": _nflog,
    "NFQUEUE": _nfqueue,
    "REDIRECT": _nat,
    "REJECT": _reject,
    "SNAT": _nat,
    "TCPOPTSTRIP": _tcpoptstrip,
    "TCPMSS": _tcpmss,
    "TOS": _tos,
    "TPROXY": _tproxy,
}
