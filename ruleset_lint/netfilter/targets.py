"""The catalogue of targets: one entry each. Source: iptables-extensions(8) of iptables 1.8.9, and the kernel modules named."""

from __future__ import annotations

from ruleset_lint.netfilter.extension import IPV4, Extension, Option, Tracking, Verdict, flag, takes
from ruleset_lint.netfilter.values import integer, masked, networks, text

_U8 = integer(0, 0xFF)
_U16 = integer(0, 0xFFFF)
_U32 = integer(0, 0xFFFFFFFF)
_RAW = frozenset({"raw"})
_MANGLE = frozenset({"mangle"})
_NAT = frozenset({"nat"})
_SOURCE_NAT = frozenset({"POSTROUTING", "INPUT"})
_DESTINATION_NAT = frozenset({"PREROUTING", "OUTPUT"})

_ENTRIES = (
    Extension("ACCEPT", verdict=Verdict.ACCEPT),
    Extension("DROP", verdict=Verdict.DROP),
    Extension("RETURN", verdict=Verdict.RETURN),
    Extension("QUEUE", verdict=Verdict.ELSEWHERE),
    Extension("AUDIT", (takes("--type", text),), module="xt_AUDIT"),
    Extension("CHECKSUM", (flag("--checksum-fill"),), tables=_MANGLE, module="xt_CHECKSUM"),
    Extension("CLASSIFY", (takes("--set-class", text),), module="xt_CLASSIFY"),
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
            takes("--left-shift-mark", _U32),
            takes("--right-shift-mark", _U32),
        ),
        module="xt_connmark",
        tracking=Tracking.ALWAYS,
    ),
    Extension("CONNSECMARK", (flag("--save"), flag("--restore")), module="xt_CONNSECMARK", tracking=Tracking.ALWAYS),
    Extension(
        "CT",
        (
            flag("--notrack"),
            takes("--helper", text),
            takes("--timeout", text),
            takes("--ctevents", text),
            takes("--expevents", text),
            takes("--zone", text),
            takes("--zone-orig", text),
            takes("--zone-reply", text),
        ),
        tables=_RAW,
        module="xt_CT",
        tracking=Tracking.UNLESS_NOTRACK,
    ),
    Extension(
        "DNAT",
        (takes("--to-destination", text, repeatable=True), flag("--random"), flag("--persistent")),
        tables=_NAT,
        hooks=_DESTINATION_NAT,
        requires=("--to-destination",),
        module="xt_nat",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.TRANSLATE,
    ),
    Extension(
        "DSCP", (takes("--set-dscp", integer(0, 63)), takes("--set-dscp-class", text)), tables=_MANGLE, module="xt_DSCP"
    ),
    Extension(
        "ECN",
        (
            flag("--ecn-tcp-remove"),
            takes("--ecn-tcp-cwr", _U8),
            takes("--ecn-tcp-ece", _U8),
            takes("--ecn-ip-ect", _U8),
        ),
        families=IPV4,
        tables=_MANGLE,
        module="ipt_ECN",
    ),
    Extension(
        "HL", (takes("--hl-set", _U8), takes("--hl-dec", _U8), takes("--hl-inc", _U8)), tables=_MANGLE, module="xt_HL"
    ),
    Extension(
        "HMARK",
        (
            takes("--hmark-tuple", text),
            takes("--hmark-mod", _U32),
            takes("--hmark-offset", _U32),
            takes("--hmark-src-prefix", integer(0, 128)),
            takes("--hmark-dst-prefix", integer(0, 128)),
            takes("--hmark-sport-mask", _U16),
            takes("--hmark-dport-mask", _U16),
            takes("--hmark-spi-mask", _U32),
            takes("--hmark-proto-mask", text),
            takes("--hmark-rnd", _U32),
        ),
        module="xt_HMARK",
    ),
    Extension("IDLETIMER", (takes("--timeout", _U32), takes("--label", text), flag("--alarm")), module="xt_IDLETIMER"),
    Extension(
        "LED",
        (takes("--led-trigger-id", text), takes("--led-delay", text), flag("--led-always-blink")),
        module="xt_LED",
    ),
    Extension(
        "LOG",
        (
            takes("--log-level", text),
            takes("--log-prefix", text),
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
        module="xt_mark",
    ),
    Extension(
        "MASQUERADE",
        (takes("--to-ports", text), flag("--random"), flag("--random-fully")),
        tables=_NAT,
        hooks=frozenset({"POSTROUTING"}),
        module="xt_MASQUERADE",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.TRANSLATE,
    ),
    Extension(
        "NETMAP",
        (takes("--to", networks),),
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
            takes("--nflog-prefix", text),
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
            takes("--queue-balance", text),
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
        (takes("--to-ports", text), flag("--random")),
        tables=_NAT,
        hooks=_DESTINATION_NAT,
        module="xt_REDIRECT",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.TRANSLATE,
    ),
    Extension(
        "REJECT",
        (takes("--reject-with", text),),
        hooks=frozenset({"INPUT", "FORWARD", "OUTPUT"}),
        module="ipt_REJECT",
        verdict=Verdict.REJECT,
    ),
    Extension("SECMARK", (takes("--selctx", text),), module="xt_SECMARK"),
    Extension(
        "SET",
        (
            Option("--add-set", (text, text)),
            Option("--del-set", (text, text)),
            Option("--map-set", (text, text)),
            takes("--timeout", _U32),
            flag("--exist"),
            flag("--map-mark"),
            flag("--map-prio"),
            flag("--map-queue"),
        ),
        module="xt_set",
    ),
    Extension(
        "SNAT",
        (takes("--to-source", text, repeatable=True), flag("--random"), flag("--random-fully"), flag("--persistent")),
        tables=_NAT,
        hooks=_SOURCE_NAT,
        requires=("--to-source",),
        module="xt_nat",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.TRANSLATE,
    ),
    Extension(
        "SYNPROXY",
        (takes("--mss", _U16), takes("--wscale", _U8), flag("--sack-perm"), flag("--timestamp"), flag("--ecn")),
        protocols=frozenset({"tcp"}),
        hooks=frozenset({"INPUT", "FORWARD"}),
        module="ipt_SYNPROXY",
        tracking=Tracking.ALWAYS,
        verdict=Verdict.ELSEWHERE,
    ),
    Extension(
        "TCPMSS",
        (takes("--set-mss", _U16), flag("--clamp-mss-to-pmtu")),
        protocols=frozenset({"tcp"}),
        module="xt_TCPMSS",
    ),
    Extension(
        "TCPOPTSTRIP",
        (takes("--strip-options", text),),
        protocols=frozenset({"tcp"}),
        tables=_MANGLE,
        module="xt_TCPOPTSTRIP",
    ),
    Extension("TEE", (takes("--gateway", text), takes("--oif", text)), module="xt_TEE"),
    Extension(
        "TOS",
        (takes("--set-tos", text), takes("--and-tos", text), takes("--or-tos", text), takes("--xor-tos", text)),
        tables=_MANGLE,
        module="xt_DSCP",
    ),
    Extension(
        "TPROXY",
        (takes("--on-port", _U16), takes("--on-ip", text), takes("--tproxy-mark", masked)),
        protocols=frozenset({"tcp", "udp"}),
        tables=_MANGLE,
        hooks=frozenset({"PREROUTING"}),
        module="xt_TPROXY",
        verdict=Verdict.ELSEWHERE,
    ),
    Extension("TRACE", tables=_RAW, module="xt_TRACE"),
    Extension(
        "TTL",
        (takes("--ttl-set", _U8), takes("--ttl-dec", _U8), takes("--ttl-inc", _U8)),
        families=IPV4,
        tables=_MANGLE,
        module="xt_HL",
    ),
    Extension(
        "ULOG",
        (
            takes("--ulog-nlgroup", _U32),
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
