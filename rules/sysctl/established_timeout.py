"""sysctl/established-timeout"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Edit, Finding, Fix, Place, Safety, Severity, at_rule, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import Setting
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import below_floor, key_of, number, variable_of

from . import _shared

_NAME = "tcp_timeout_established"
_LONG = 432000  # seconds, the default of every kernel
_TRANSLATING = {"SNAT", "MASQUERADE", "DNAT", "NETMAP"}
_FULL = 75  # percent of the maximum


class _Fill(NamedTuple):
    """How full the table is."""

    entries: int
    maximum: int


@rule(Severity.INFO)
def established_timeout(host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """Silent TCP connections are kept for five days, or forgotten too soon for nat

    ## What it does
    Looks at `nf_conntrack_tcp_timeout_established`. Five days or more are information where a sysctl gives the table a
    size, and a warning where the table is three quarters full (on a live machine, or by a dump of the table). Less than
    7440 seconds are a warning where rules translate addresses.

    ## Why is this bad?
    A peer that vanishes without a FIN leaves its entry for the whole time, and such entries are never dropped early to
    make room. On a busy host they fill the table. In front of nat a short time is worse: the connection is alive, its
    entry is gone, and what comes next is not translated. RFC 5382 wants 2 hours 4 minutes at least, so that keepalives
    of TCP come first.

    ## Example
    ```
    net.netfilter.nf_conntrack_max = 1048576
    net.netfilter.nf_conntrack_tcp_timeout_established = 432000
    ```

    ## Use instead
    ```
    net.netfilter.nf_conntrack_tcp_timeout_established = 7440
    ```

    ## Fix safety
    Unsafe: a connection that is silent for longer is forgotten, and its next packet is judged as a new one.
    The rewriter adds the key to a file that gives the table its size. Manual where no file does.

    ## Since
    All kernels; 432000 seconds is the default of each.

    ## Source
    nf_conntrack_proto_tcp.c of Linux 2.6.32 to 6.12 and ip_conntrack_proto_tcp.c of 2.6.18; early_drop of
    nf_conntrack_core.c passes over assured entries; RFC 5382 section 5.
    """
    profile = profiles[-1]
    setting = _shared.setting_of(_NAME, host, profile)
    value = number(setting.value or "") if setting else _LONG
    if value is None or (setting is None and _shared.is_meant(_NAME, host)) or not _is_tracked(host):
        return
    yield from _too_short(host, setting, value) if setting and value < _LONG else _too_long(host, setting, profile)


def _too_short(host: Host, setting: Setting, value: int) -> Iterator[Finding]:
    known = variable_of(setting.key)
    floor = below_floor(known, value) if known and value > 0 else None
    found = next(
        (
            at_rule(ruleset, one, "this rule translates")
            for ruleset in host.rulesets
            for one in ruleset.where(_translates)
        ),
        None,
    )
    if floor and found:
        yield Finding(
            _shared.place(setting),
            f"connections through nat are forgotten after {value} silent seconds, {floor.source} wants {floor.seconds}",
            related=(found,),
            fix=Fix(f"write {floor.seconds}", (Edit(setting.value_span, str(floor.seconds)),)),
            severity=Severity.WARNING,
        )


def _too_long(host: Host, setting: Setting | None, profile: Profile) -> Iterator[Finding]:
    fill = _fill(host, profile)
    sized = _shared.setting_of("max", host, profile)
    place = _place(setting or sized, host, filled=fill is not None)
    if place:
        days = f"{(number(setting.value or '') or _LONG) // 86400 if setting else 5} days"
        why = f", and the table is filling: {fill.entries} entries of {fill.maximum}" if fill else ""
        yield Finding(
            place,
            f"silent TCP connections are kept for {days}{'' if setting else ', the default'}{why}",
            fix=_fix(profile, sized=sized is not None),
            severity=Severity.WARNING if fill else None,
            by_absence=setting is None,
        )


def _place(setting: Setting | None, host: Host, *, filled: bool) -> Place | None:
    """Where it is to be said: at what sets it or the size of the table, at the dump or a rule where the table fills."""
    if setting or not filled:
        return _shared.place(setting) if setting else None
    return next((at_rule(ruleset, one) for ruleset in host.rulesets for one in ruleset.where(tracks)), None)


def _fix(profile: Profile, *, sized: bool) -> Fix:
    known = variable_of(f"net.netfilter.nf_conntrack_{_NAME}")
    line = f"{key_of(known, profile) if known else ''} = 7440"
    if sized:
        return Fix(f"`ruleset-lint rewrite` writes `{line}` to a sysctl file", emits="sysctl")
    return Fix(f"`{line}`, or more if silent connections are to live", safety=Safety.MANUAL)


def _fill(host: Host, profile: Profile) -> _Fill | None:
    """How full the table is, if it is; where entries are known, half of them are of established connections."""
    known = variable_of("net.netfilter.nf_conntrack_max")
    key = key_of(known, profile) if known else None
    if key is None:
        return None
    now, dump, sized = host.running, host.conntrack, _shared.setting_of("max", host, profile)
    maximum = now.value(key) if now else number(sized.value or "") if sized else None
    entries = (now.value(key.removesuffix("max") + "count") if now else None) or (dump.size if dump else 0)
    if not maximum or entries * 100 < maximum * _FULL:
        return None
    is_other = dump and dump.by_state["tcp", "ESTABLISHED"] * 2 < dump.size
    return None if is_other else _Fill(entries, maximum)


def _is_tracked(host: Host) -> bool:
    """Whether a rule turns connection tracking on, as far as rules are known."""
    return not host.rulesets or any(tracks(shape) for ruleset in host.rulesets for shape in ruleset.by_shape)


def _translates(shape: Shape) -> bool:
    return bool(shape.target and shape.target.name in _TRANSLATING)
