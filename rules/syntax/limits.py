"""syntax/limits"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.lint import Finding, Judgement, Severity, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.mending import mended
from ruleset_lint.model.reading import why_not
from ruleset_lint.model.refusal import Kind
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.values import number, port_span

from . import _shared

_LONG = "[0-9]{5,19}"
_BEYOND = "(?<![0-9])(?:[0-9]{6}|[7-9][0-9]{4}|6(?:[6-9][0-9]{3}|5(?:[6-9][0-9]{2}|5(?:[4-9][0-9]|3[6-9]))))"


@rule(Severity.ERROR)
def limits(ruleset: Ruleset, profiles: tuple[Profile, ...], host: Host) -> Iterator[Finding]:
    """A name, a number or a list is beyond what iptables or the kernel takes

    ## What it does
    Looks for chain names over 28 bytes, interface names over 15, more than 15 ports in a multiport list, ports over
    65535, rates over 10000 a second, bursts that overflow, hit counts over what the kernel remembers, and all other
    values that would read if they were shorter or smaller.

    ## Why is this bad?
    iptables-restore refuses the line, or the kernel the rule, and the table is not loaded. A hit count that one
    kernel takes is refused by an older one. Ports over 65535 of udp, dccp and conntrack are loaded as another port:
    70000 is 4464.

    ## Example
    ```
    -A INPUT -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 -j ACCEPT
    -A INPUT -p tcp --dport 16 -j ACCEPT
    ```

    ## Fix safety
    No fix: what to leave out is the author's to say.

    ## Since
    Hit counts: up to ip_pkt_list_tot (20) before kernel 3.19, 255 up to 6.10, 65535 from 6.11 on. The rest: all
    releases.

    ## Source
    The extensions of iptables 1.8.9, include/uapi/linux/netfilter/x_tables.h, recent_mt_check in xt_recent.c,
    limit_mt_check in xt_limit.c; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    for cause in _shared.causes(ruleset, profiles, Kind.LIMIT):
        option = f" after {cause.first.option}" if cause.first.option else ""
        yield _shared.told(
            ruleset, cause, f"{_shared.shown(cause.word)}{option} is beyond the limit: {cause.first.reason}"
        )
    yield from _ports(ruleset)
    yield from _hit_counts(ruleset, profiles, host)


def _ports(ruleset: Ruleset) -> Iterator[Finding]:
    """Ports over 65535 that load all the same."""
    causes: dict[str, list[tuple[Rule, int]]] = {}
    for use, rules in _shared.uses_of(ruleset, lambda use: use.option.reads[:1] == (port_span,)):
        for found in rules if re.search(_BEYOND, _shared.texts(ruleset, use, rules)) else ():
            value = found.text(use.operands[0])
            beyond = any(int(text) > 0xFFFF for text in re.findall(_LONG, value))
            if beyond and not why_not(port_span, value, found.family):
                causes.setdefault(value, []).append((found, use.item + 1))
    for value, places in causes.items():
        first, *more = places
        ((low, high),) = port_span(value, first[0].family)
        loaded = str(low) if low == high else f"{low}:{high}"
        yield Finding(
            _shared.at(ruleset, first[0].line.number, first[1]),
            f"port {_shared.shown(value)} is loaded as {loaded}: 16 bits of a number are kept here"
            + _shared.and_others(len(more)),
            _shared.related(ruleset, _shared.numbers(more), "here too"),
            severity=Severity.WARNING,
        )


def _hit_counts(ruleset: Ruleset, profiles: tuple[Profile, ...], host: Host) -> Iterator[Finding]:
    """Hit counts that the kernel of the release does not remember, though that of another does."""
    causes: dict[int, list[Rule]] = {}
    for found in mended(ruleset).ruleset.where(lambda shape: shape.match("recent") is not None):
        count = number(found.option(found.shape.match("recent"), "--hitcount") or "") or 0
        if 20 < count <= 65535:
            causes.setdefault(count, []).append(found)
    for count, rules in causes.items():
        judgement = _judged(profiles, host, count)
        part = rules[0].shape.match("recent")
        use = part.use("--hitcount") if part else None
        if judgement and use:
            least = min(_most(profile, host) for profile in judgement.holds)
            yield Finding(
                _shared.at(ruleset, rules[0].line.number, use.item + 1),
                f"--hitcount {count}: the kernel remembers at most {least} packets {judgement.where}".rstrip()
                + _shared.and_others(len(rules) - 1),
                _shared.related(ruleset, (one.line.number for one in rules[1:]), "here too"),
                help=("options xt_recent ip_pkt_list_tot=… raises it on kernels before 3.19",),
                confidence=judgement.confidence,
            )


def _judged(profiles: tuple[Profile, ...], host: Host, count: int) -> Judgement | None:
    return judge(profiles, lambda profile: count > _most(profile, host))


def _most(profile: Profile, host: Host) -> int:
    if profile.kernel >= (6, 11, 0):
        return 65535
    if profile.kernel >= (3, 19, 0):
        return 255
    setting = host.modprobe.option("xt_recent", "ip_pkt_list_tot") if host.modprobe else None
    return (number(setting.value or "") if setting else None) or 20
