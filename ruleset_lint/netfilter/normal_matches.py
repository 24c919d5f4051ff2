"""How iptables-save 1.8.9 prints each match: its options in order, and how their values are written.

Source: the save functions of iptables' extensions, each measured with both backends on kernel 6.18. A match that is not
here prints its options in the order of the catalogue, as they are.
"""

from __future__ import annotations

from ruleset_lint.netfilter import normal_rates, normal_special
from ruleset_lint.netfilter.normal_name_values import (
    chunk_types,
    dscp_class,
    header_list,
    icmp_type,
    owner,
    packet_type,
    tos,
)
from ruleset_lint.netfilter.normal_program_values import bytecode, u32
from ruleset_lint.netfilter.normal_values import (
    address_list,
    address_range,
    address_type_list,
    begun,
    decimal,
    hexadecimal,
    host_and_mask,
    host_and_prefix,
    lower,
    mac,
    mark,
    mobility,
    named_mark,
    option_list,
    ordered,
    port_list,
    port_number,
    ports,
    protocol_number,
    span,
    upper,
)
from ruleset_lint.netfilter.saying import Field, Printer, Saying, field, negation, print_field, print_fields
from ruleset_lint.netfilter.text_values import cut_off, quoted_up_to
from ruleset_lint.netfilter.values import resolved_port

_U32 = 0xFFFFFFFF
_STATES = begun(("INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"))
_STATUS = begun(("EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED"), "NONE")
_SIDES = ("origsrc", "origdst", "replsrc", "repldst")
_DCCP = ("REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK", "CLOSEREQ", "CLOSE", "RESET", "SYNC", "SYNCACK", "INVALID")
_ALL_PORTS = tuple(field(option, ports(whole=True)) for option in ("--sport", "--dport"))
_RESOLVED_PORTS = tuple(field(option, ports(resolved_port, whole=True)) for option in ("--sport", "--dport"))


def _ah(saying: Saying) -> list[str]:
    """A length of 0 is printed where it is negated only."""
    length = saying.find("--ahlen")
    shown = bool(length and (length.negated or length.words[0] != "0"))
    fields = (field("--ahspi", span(_U32)), *((field("--ahlen", decimal),) if shown else ()), field("--ahres"))
    return print_fields(saying, fields)


def _srh(saying: Saying) -> list[str]:
    """The kernel keeps one length, one number of segments and one last entry: the last of each that was said."""
    words = print_field(saying, field("--srh-next-hdr", decimal))
    for name in ("--srh-hdr-len", "--srh-segs-left", "--srh-last-entry"):
        options = tuple(f"{name}-{how}" for how in ("eq", "gt", "lt"))
        last = saying.find(*options)
        for said in filter(None, map(saying.find, options)):
            words += [*negation(said), said.option, decimal(last.words[0] if last else "", saying.family)]
    words += print_field(saying, field("--srh-tag", decimal))
    return words + print_fields(
        saying, [field(f"--srh-{which}", host_and_prefix) for which in ("psid", "nsid", "lsid")]
    )


def _ipcomp(saying: Saying) -> list[str]:
    """The SPI, even where nobody said it: the kernel then keeps that of 0."""
    spi = print_field(saying, field("--ipcompspi", span(_U32))) if saying.has("--ipcompspi") else ["--ipcompspi", "0"]
    return [*spi, *print_field(saying, field("--compres"))]


def _compared(name: str) -> tuple[Field, ...]:
    return tuple(field(f"{name}-{how}", decimal) for how in ("eq", "gt", "lt"))


MATCH_FIELDS: dict[str, tuple[Field, ...]] = {
    "addrtype": (
        field("--src-type", address_type_list),
        field("--dst-type", address_type_list),
        field("--limit-iface-in"),
        field("--limit-iface-out"),
    ),
    "bpf": (field("--bytecode", bytecode), field("--object-pinned")),
    "cgroup": (field("--path", quoted_up_to(511)), field("--cgroup", decimal)),
    "comment": (field("--comment", quoted_up_to(255)),),
    "connmark": (field("--mark", mark),),
    "conntrack": (
        field("--ctstate", _STATES),
        field("--ctproto", protocol_number),
        *(field(f"--ct{which}", host_and_mask) for which in _SIDES),
        *(field(f"--ct{which}port", ports(resolved_port, whole=True)) for which in _SIDES),
        field("--ctstatus", _STATUS),
        field("--ctexpire", span(_U32, whole=True)),
        field("--ctdir", upper),
    ),
    "cpu": (field("--cpu", decimal),),
    "dccp": (*_RESOLVED_PORTS, field("--dccp-types", ordered(_DCCP)), field("--dccp-option", decimal)),
    "devgroup": (field("--src-group", named_mark("default")), field("--dst-group", named_mark("default"))),
    "dscp": (field("--dscp", hexadecimal(2)), field("--dscp-class", dscp_class, shown="--dscp")),
    "dst": (field("--dst-len", decimal), field("--dst-opts", option_list)),
    "ecn": (field("--ecn-tcp-ece"), field("--ecn-tcp-cwr"), field("--ecn-ip-ect", decimal)),
    "esp": (field("--espspi", span(_U32)),),
    "frag": (
        field("--fragid", span(_U32)),
        field("--fraglen", decimal),
        *(field(f"--frag{which}") for which in ("res", "first", "more", "last")),
    ),
    "hbh": (field("--hbh-len", decimal), field("--hbh-opts", option_list)),
    "helper": (field("--helper", quoted_up_to(29)),),
    "hl": _compared("--hl"),
    "icmp": (field("--icmp-type", icmp_type),),
    "icmp6": (field("--icmpv6-type", icmp_type),),
    "iprange": (field("--src-range", address_range), field("--dst-range", address_range)),
    "ipv6header": (field("--header", header_list), field("--soft")),
    "ipvs": (
        field("--ipvs"),
        field("--vproto", protocol_number),
        field("--vaddr", host_and_mask),
        field("--vport", port_number),
        field("--vdir", upper),
        field("--vmethod", upper),
        field("--vportctl", port_number),
    ),
    "length": (field("--length", span(0xFFFF, whole=True)),),
    "mac": (field("--mac-source", mac),),
    "mark": (field("--mark", mark),),
    "mh": (field("--mh-type", mobility),),
    "multiport": tuple(field(option, port_list) for option in ("--sports", "--dports", "--ports")),
    "osf": (field("--genre", cut_off(31)), field("--ttl", decimal), field("--log", decimal)),
    "owner": (
        field("--socket-exists"),
        field("--uid-owner", owner),
        field("--gid-owner", owner),
        field("--suppl-groups"),
    ),
    "physdev": tuple(field(f"--physdev-{which}") for which in ("is-in", "in", "is-out", "out", "is-bridged")),
    "pkttype": (field("--pkt-type", packet_type),),
    "quota": (field("--quota", decimal),),
    "realm": (field("--realm", named_mark("cosmos")),),
    "rpfilter": tuple(field(option) for option in ("--loose", "--validmark", "--accept-local", "--invert")),
    "rt": (
        field("--rt-type", decimal),
        field("--rt-segsleft", span(_U32)),
        field("--rt-len", decimal),
        field("--rt-0-res"),
        field("--rt-0-addrs", address_list),
        field("--rt-0-not-strict"),
    ),
    "sctp": (*_ALL_PORTS, field("--chunk-types", lower, chunk_types)),
    "socket": tuple(field(option) for option in ("--transparent", "--nowildcard", "--restore-skmark")),
    "state": (field("--state", _STATES),),
    "tcpmss": (field("--mss", span(0xFFFF, whole=True)),),
    "tos": (field("--tos", tos),),
    "ttl": _compared("--ttl"),
    "u32": (field("--u32", u32),),
    "udp": (field("--sport", ports(resolved_port)), field("--dport", ports(resolved_port))),
}

MATCH_PRINTERS: dict[str, Printer] = {
    "ah": _ah,
    "cluster": normal_special.cluster,
    "connbytes": normal_special.connbytes,
    "connlabel": normal_special.connlabel,
    "connlimit": normal_special.connlimit,
    "hashlimit": normal_rates.hashlimit,
    "ipcomp": _ipcomp,
    "limit": normal_rates.limit,
    "nfacct": normal_special.nfacct,
    "policy": normal_special.policy,
    "recent": normal_special.recent,
    "set": normal_special.set_match,
    "srh": _srh,
    "statistic": normal_rates.statistic,
    "string": normal_special.string,
    "tcp": normal_special.tcp,
    "time": normal_rates.time,
}
