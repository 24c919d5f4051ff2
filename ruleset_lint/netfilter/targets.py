"""The catalogue of targets: one entry each.

Source: iptables-extensions(8) of iptables 1.8.9, and the kernel modules named.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

from ruleset_lint.netfilter.extension import IPV4, IPV6, Extension, Option, Tracking, Verdict, flag, takes
from ruleset_lint.netfilter.name_values import file_name, log_level, prefix, set_name
from ruleset_lint.netfilter.nat_values import nat_address, nat_ports, redirect_ports
from ruleset_lint.netfilter.option_values import (
    address,
    clamped_size,
    class_id,
    dscp_class,
    events,
    expected_events,
    gateway,
    hash_tuple,
    long_mask,
    queue_range,
    reject_type,
    tcp_options,
    tos,
    translated_prefix,
    zone,
)
from ruleset_lint.netfilter.values import host_network, integer, masked, one_of, resolved_port, text

_U8 = integer(0, 0xFF)
_STEP = integer(1, 0xFF)
_SHIFT = integer(0, 31)
_U16 = integer(0, 0xFFFF)
_U32 = integer(0, 0xFFFFFFFF)
_RAW = frozenset({"raw"})
_MANGLE = frozenset({"mangle"})
_MANGLE_SECURITY = frozenset({"mangle", "security"})
_NAT = frozenset({"nat"})
_SOURCE_NAT = frozenset({"POSTROUTING", "INPUT"})
_DESTINATION_NAT = frozenset({"PREROUTING", "OUTPUT"})

_ENTRIES = (
    Extension("ACCEPT", verdict=Verdict.ACCEPT),
    Extension("DROP", verdict=Verdict.DROP),
    Extension("RETURN", verdict=Verdict.RETURN),
    Extension("QUEUE", verdict=Verdict.ELSEWHERE),
    Extension(
        "AUDIT",
        (takes("--type", one_of("accept", "drop", "reject", any_case=True)),),
        requires=("--type",),
        module="xt_AUDIT",
    ),
    Extension(
        "CHECKSUM", (flag("--checksum-fill"),), tables=_MANGLE, requires=("--checksum-fill",), module="xt_CHECKSUM"
    ),
    Extension(
        "CLASSIFY",
        (takes("--set-class", class_id),),
        hooks=frozenset({"FORWARD", "OUTPUT", "POSTROUTING"}),
        requires=("--set-class",),
        module="xt_CLASSIFY",
    ),
    Extension(
        "CLUSTERIP",
        (
            flag("--new"),
            takes("--hashmode", text),
            takes("--clustermac", text),
            takes("--total-nodes", _U16),
            takes("--local-node", _U16),
            takes("--hash-init", _U32),
        ),
        families=IPV4,
        module="ipt_CLUSTERIP",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "CONNMARK",
        (
            takes("--set-xmark", masked),
            takes("--set-mark", masked),
            takes("--and-mark", _U32),
            takes("--or-mark", _U32),
            takes("--xor-mark", _U32),
            flag("--save-mark"),
            flag("--restore-mark"),
            takes("--nfmask", _U32),
            takes("--ctmask", _U32),
            takes("--mask", _U32),
            takes("--left-shift-mark", _SHIFT),
            takes("--right-shift-mark", _SHIFT),
        ),
        requires=(
            "--set-xmark",
            "--set-mark",
            "--and-mark",
            "--or-mark",
            "--xor-mark",
            "--save-mark",
            "--restore-mark",
        ),
        module="xt_connmark",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "CONNSECMARK",
        (flag("--save"), flag("--restore")),
        tables=_MANGLE_SECURITY,
        requires=("--save", "--restore"),
        module="xt_CONNSECMARK",
        tracking=Tracking.ALWAYS,
    ),
    Extension(
        "CT",
        (
            flag("--notrack"),
            takes("--helper", text),
            takes("--timeout", text),
            takes("--ctevents", events),
            takes("--expevents", expected_events),
            takes("--zone", zone),
            takes("--zone-orig", zone),
            takes("--zone-reply", zone),
        ),
        tables=_RAW,
        module="xt_CT",
        tracking=Tracking.UNLESS_NOTRACK,
    ),
    Extension(
        "DNAT",
        (takes("--to-destination", nat_address), flag("--random"), flag("--persistent")),
        tables=_NAT,
        hooks=_DESTINATION_NAT,
        requires=("--to-destination",),
        module="xt_nat",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.TRANSLATE,
    ),
    Extension(
        "DNPT",
        (takes("--src-pfx", translated_prefix), takes("--dst-pfx", translated_prefix)),
        families=IPV6,
        tables=_MANGLE,
        hooks=frozenset({"PREROUTING", "OUTPUT"}),
        module="ip6t_NPT",
    ),
    Extension(
        "DSCP",
        (takes("--set-dscp", integer(0, 63)), takes("--set-dscp-class", dscp_class)),
        tables=_MANGLE,
        requires=("--set-dscp", "--set-dscp-class"),
        module="xt_DSCP",
    ),
    Extension(
        "ECN",
        (
            flag("--ecn-tcp-remove"),
            takes("--ecn-tcp-cwr", integer(0, 1)),
            takes("--ecn-tcp-ece", integer(0, 1)),
            takes("--ecn-ip-ect", integer(0, 3)),
        ),
        families=IPV4,
        requires=("--ecn-tcp-remove", "--ecn-tcp-cwr", "--ecn-tcp-ece", "--ecn-ip-ect"),
        tables=_MANGLE,
        module="ipt_ECN",
    ),
    Extension(
        "HL",
        (takes("--hl-set", _U8), takes("--hl-dec", _STEP), takes("--hl-inc", _STEP)),
        families=IPV6,
        tables=_MANGLE,
        requires=("--hl-set", "--hl-dec", "--hl-inc"),
        module="xt_HL",
    ),
    Extension(
        "HMARK",
        (
            takes("--hmark-tuple", hash_tuple),
            takes("--hmark-mod", integer(1, 0xFFFFFFFF)),
            takes("--hmark-offset", _U32),
            takes("--hmark-src-prefix", long_mask),
            takes("--hmark-dst-prefix", long_mask),
            takes("--hmark-sport-mask", _U16),
            takes("--hmark-dport-mask", _U16),
            takes("--hmark-spi-mask", _U32),
            takes("--hmark-sport", _U16),
            takes("--hmark-dport", _U16),
            takes("--hmark-spi", _U32),
            takes("--hmark-proto-mask", _U16),
            takes("--hmark-rnd", _U32),
        ),
        requires=("--hmark-mod",),
        module="xt_HMARK",
    ),
    Extension(
        "IDLETIMER",
        (takes("--timeout", integer(1, 2147482)), takes("--label", file_name), flag("--alarm")),
        module="xt_IDLETIMER",
    ),
    Extension(
        "LED",
        (takes("--led-trigger-id", text), takes("--led-delay", text), flag("--led-always-blink")),
        module="xt_LED",
    ),
    Extension(
        "LOG",
        (
            takes("--log-level", log_level),
            takes("--log-prefix", prefix),
            flag("--log-tcp-sequence"),
            flag("--log-tcp-options"),
            flag("--log-ip-options"),
            flag("--log-uid"),
            flag("--log-macdecode"),
        ),
        module="xt_LOG",
    ),
    Extension(
        "MARK",
        (
            takes("--set-xmark", masked),
            takes("--set-mark", masked),
            takes("--and-mark", _U32),
            takes("--or-mark", _U32),
            takes("--xor-mark", _U32),
        ),
        requires=("--set-xmark", "--set-mark", "--and-mark", "--or-mark", "--xor-mark"),
        module="xt_mark",
    ),
    Extension(
        "MASQUERADE",
        (takes("--to-ports", nat_ports), flag("--random"), flag("--random-fully")),
        tables=_NAT,
        hooks=frozenset({"POSTROUTING"}),
        module="xt_MASQUERADE",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.TRANSLATE,
    ),
    Extension(
        "NETMAP",
        (takes("--to", host_network),),
        tables=_NAT,
        requires=("--to",),
        module="xt_NETMAP",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.TRANSLATE,
    ),
    Extension(
        "NFLOG",
        (
            takes("--nflog-group", _U16),
            takes("--nflog-prefix", prefix),
            takes("--nflog-range", _U32),
            takes("--nflog-size", _U32),
            takes("--nflog-threshold", _U16),
        ),
        module="xt_NFLOG",
    ),
    Extension(
        "NFQUEUE",
        (
            takes("--queue-num", _U16),
            takes("--queue-balance", queue_range),
            flag("--queue-bypass"),
            flag("--queue-cpu-fanout"),
        ),
        module="xt_NFQUEUE",
        verdict=Verdict.ELSEWHERE,
    ),
    Extension("NOTRACK", tables=_RAW, module="xt_CT"),
    Extension(
        "RATEEST",
        (takes("--rateest-name", text), takes("--rateest-interval", text), takes("--rateest-ewmalog", text)),
        module="xt_RATEEST",
    ),
    Extension(
        "REDIRECT",
        (takes("--to-ports", redirect_ports), flag("--random")),
        tables=_NAT,
        hooks=_DESTINATION_NAT,
        module="xt_REDIRECT",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.TRANSLATE,
    ),
    Extension(
        "REJECT",
        (takes("--reject-with", reject_type),),
        tables=frozenset({"filter"}),
        hooks=frozenset({"INPUT", "FORWARD", "OUTPUT"}),
        module="ipt_REJECT",
        verdict=Verdict.REJECT,
    ),
    Extension(
        "SECMARK",
        (takes("--selctx", text),),
        tables=_MANGLE_SECURITY,
        requires=("--selctx",),
        module="xt_SECMARK",
    ),
    Extension(
        "SET",
        (
            Option("--add-set", (set_name, text)),
            Option("--del-set", (set_name, text)),
            Option("--map-set", (set_name, text)),
            takes("--timeout", _U32),
            flag("--exist"),
            flag("--map-mark"),
            flag("--map-prio"),
            flag("--map-queue"),
        ),
        requires=("--add-set", "--del-set", "--map-set"),
        module="xt_set",
    ),
    Extension(
        "SNPT",
        (takes("--src-pfx", translated_prefix), takes("--dst-pfx", translated_prefix)),
        families=IPV6,
        tables=_MANGLE,
        hooks=frozenset({"INPUT", "POSTROUTING"}),
        module="ip6t_NPT",
    ),
    Extension(
        "SNAT",
        (takes("--to-source", nat_address), flag("--random"), flag("--random-fully"), flag("--persistent")),
        tables=_NAT,
        hooks=_SOURCE_NAT,
        requires=("--to-source",),
        module="xt_nat",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.TRANSLATE,
    ),
    Extension(
        "SYNPROXY",
        (takes("--mss", _U32), takes("--wscale", _U32), flag("--sack-perm"), flag("--timestamp"), flag("--ecn")),
        protocols=frozenset({"tcp"}),
        hooks=frozenset({"INPUT", "FORWARD"}),
        module="ipt_SYNPROXY",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.ELSEWHERE,
    ),
    Extension(
        "TCPMSS",
        (takes("--set-mss", clamped_size), flag("--clamp-mss-to-pmtu")),
        protocols=frozenset({"tcp"}),
        requires=("--set-mss", "--clamp-mss-to-pmtu"),
        module="xt_TCPMSS",
    ),
    Extension(
        "TCPOPTSTRIP",
        (takes("--strip-options", tcp_options),),
        protocols=frozenset({"tcp"}),
        tables=_MANGLE,
        module="xt_TCPOPTSTRIP",
    ),
    Extension("TEE", (takes("--gateway", gateway), takes("--oif", text)), requires=("--gateway",), module="xt_TEE"),
    Extension(
        "TOS",
        (takes("--set-tos", tos), takes("--and-tos", _U8), takes("--or-tos", _U8), takes("--xor-tos", _U8)),
        tables=_MANGLE,
        requires=("--set-tos", "--and-tos", "--or-tos", "--xor-tos"),
        module="xt_DSCP",
    ),
    Extension(
        "TPROXY",
        (takes("--on-port", resolved_port), takes("--on-ip", address), takes("--tproxy-mark", masked)),
        protocols=frozenset({"tcp", "udp"}),
        tables=_MANGLE,
        hooks=frozenset({"PREROUTING"}),
        requires=("--on-port",),
        module="xt_TPROXY",
        verdict=Verdict.ELSEWHERE,
    ),
    Extension("TRACE", module="xt_TRACE"),
    Extension(
        "TTL",
        (takes("--ttl-set", _U8), takes("--ttl-dec", _STEP), takes("--ttl-inc", _STEP)),
        families=IPV4,
        tables=_MANGLE,
        requires=("--ttl-set", "--ttl-dec", "--ttl-inc"),
        module="xt_HL",
    ),
    Extension(
        "ULOG",
        (
            takes("--ulog-nlgroup", integer(1, 32)),
            takes("--ulog-prefix", text),
            takes("--ulog-cprange", _U32),
            takes("--ulog-qthreshold", _U32),
        ),
        families=IPV4,
        module="ipt_ULOG",
    ),
)

TARGETS: dict[str, Extension] = {entry.name: entry for entry in _ENTRIES}


def target_entry(name: str, family: int) -> Extension | None:
    """The entry of a target in a family, None if it is not known there."""
    entry = TARGETS.get(name)
    return entry if entry and family in entry.families else None


# xtables-addons (iptables-extensions of its own), and OpenWrt (kmod-ipt-fullconenat, kmod-ipt-offload)
_OF_OTHERS = frozenset({"CHAOS", "DELUDE", "ECHO", "FLOWOFFLOAD", "FULLCONENAT", "SYSRQ", "TARPIT"})


def targets_of_others(names: Iterable[str]) -> frozenset[str]:
    """Those names that are of targets that iptables does not have, and that may stand without options."""
    return _OF_OTHERS.intersection(names)


@lru_cache(maxsize=1024)
def misspelt_target(name: str) -> str | None:
    """The target that a name which none has is most like; None if it may be a target of others."""
    return next(iter(get_close_matches(name[:40], TARGETS, 1, 0.85)), None)
