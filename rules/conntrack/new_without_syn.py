"""conntrack/new-without-syn"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from operator import attrgetter

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, at_rule, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.validity import span_of
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import key_of, number, variable_of
from ruleset_lint.packets.roles import TCP
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.packets.walk import walk

from . import _accepts, _shared

_HOOKS = ("INPUT", "FORWARD")
_KEY = "net.netfilter.nf_conntrack_tcp_loose"
_MOST_WALKED = 10_000  # rules of a ruleset that is walked to see which of them are behind a guard
_MOST_MENDED = 100
_FLAGS = ("--syn", "--tcp-flags")


@rule(Severity.INFO)
def new_without_syn(ruleset: Ruleset, host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """NEW is accepted without `--syn`: packets from the middle of a connection open entries

    ## What it does
    Looks in INPUT and FORWARD for accepts of NEW TCP packets that a packet with ACK and without SYN comes to. Silent
    behind a rule that drops NEW packets without SYN (in more than 10,000 rules: if there is one at all), and where
    `tcp_loose` is 0.

    ## Why is this bad?
    Often it is not: connections survive a reboot of the firewall. But every stray ACK takes an entry for five minutes,
    and port scans by ACK get through.

    ## Example
    ```
    -A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -p tcp -m tcp --dport 22 --syn -m conntrack --ctstate NEW -j ACCEPT
    ```

    ## Fix safety
    Unsafe: connections whose entry is lost are no longer picked up.

    ## Since
    Every kernel with connection tracking: `tcp_loose` is on by default.

    ## Source
    tcp_new in net/netfilter/nf_conntrack_proto_tcp.c (nf_ct_tcp_loose); measured on kernel 6.18 with iptables 1.8.9:
    a single ACK is NEW.
    """
    loose = judge(profiles, lambda profile: _is_loose(host, profile))
    lax = _lax(ruleset) if loose and not ruleset.fragment else []
    if loose and lax:
        times = f", {len(lax):,} times" if len(lax) > 1 else ""
        yield Finding(
            at_rule(ruleset, lax[0]),
            f"NEW is accepted without --syn: a stray ACK opens an entry{times}",
            related=_shared.places(ruleset, lax[1:], "here too"),
            help=("nf_conntrack_tcp_loose = 0 would do it for all rules",),
            fix=_fix(ruleset, lax),
            confidence=loose.confidence,
            by_absence=True,
        )


def _lax(ruleset: Ruleset) -> list[Rule]:
    """The accepts of NEW packets that have no SYN, in the file's order."""
    guarded = any(map(_may_guard, ruleset.by_shape))
    if guarded and len(ruleset.live_rules) > _MOST_WALKED:
        return []
    shapes = [shape for shape in ruleset.by_shape if _accepts_tcp(shape) and _may_accept_new(ruleset, shape)]
    each = (_accepts.reached_of(ruleset, _new_alone(ruleset, shape), *_HOOKS) for shape in shapes)
    found = list(chain.from_iterable(each))
    if found and guarded:
        come_to = _reached(ruleset)
        found = [made for made in found if made.number in come_to]
    return sorted(found, key=attrgetter("number"))


def _may_accept_new(ruleset: Ruleset, shape: Shape) -> bool:
    lists = (ruleset.each(shape, operand) for operand in _accepts.operands(shape, *_shared.STATE_OPTIONS))
    return any("NEW" in text.upper() for each in lists for text in each)


def _may_guard(shape: Shape) -> bool:
    """Whether rules of the shape may drop NEW packets without SYN before they come to the accepts."""
    verdict = shape.target.entry.verdict if shape.target and shape.target.entry else Verdict.CONTINUE
    flags = any(part.use(name) for part in shape.matches for name in _FLAGS)
    return flags and (shape.jump is not None or verdict is not Verdict.ACCEPT)


def _is_loose(host: Host, profile: Profile) -> bool:
    """Whether connections are picked up in the middle on this kernel, as far as the settings say."""
    variable = variable_of(_KEY)
    key = key_of(variable, profile) if variable else None
    setting = host.sysctl.effective(key) if host.sysctl and key else None
    return setting is None or number(setting.value or "") != 0


def _accepts_tcp(shape: Shape) -> bool:
    accepts = shape.target is not None and shape.target.name == "ACCEPT" and shape.parameter("-p") is not None
    flags = any(part.use(name) for part in shape.matches for name in _FLAGS)
    return accepts and not flags and _shared.is_state_test(shape)


def _reached(ruleset: Ruleset) -> frozenset[int]:
    """The lines of rules that may accept a NEW packet from outside with ACK and without SYN."""
    stray = Sketch(
        family=ruleset.family,
        protocol=TCP,
        not_in="lo",
        state="NEW",
        flags_set=frozenset({"ACK"}),
        flags_clear=frozenset({"SYN", "RST", "FIN"}),
    )
    outcomes = (walk(ruleset, "filter", hook, stray) for hook in _HOOKS)
    return frozenset(made.rule.number for found in outcomes for made in found.decisions if made.rule)


def _new_alone(ruleset: Ruleset, shape: Shape) -> Sequence[Rule]:
    """The rules of a shape that accept NEW TCP packets and not ESTABLISHED ones; each text is read once."""
    found: Sequence[Rule] = ruleset.by_shape[shape]
    for names, holds in ((("-p",), _is_tcp), (_shared.STATE_OPTIONS, _accepts_new_alone)):
        operand, *_ = _accepts.operands(shape, *names)
        each = ruleset.each(shape, operand)
        wanted = {text for text, made in each.items() if holds(made)}
        found = found if len(wanted) == len(each) else [made for made in found if made.text(operand) in wanted]
    return found


def _is_tcp(made: Rule) -> bool:
    protocol = made.protocol
    return protocol is not None and protocol.value == TCP and not protocol.negated


def _accepts_new_alone(made: Rule) -> bool:
    states = _shared.matched_states(made)
    return bool(states and "NEW" in states and "ESTABLISHED" not in states)


def _fix(ruleset: Ruleset, lax: Sequence[Rule]) -> Fix:
    if len(lax) > _MOST_MENDED:
        return Fix("set nf_conntrack_tcp_loose = 0, or drop NEW packets without SYN first", safety=Safety.MANUAL)
    return Fix("accept SYNs alone: add `--syn`", tuple(_edit(ruleset, made) for made in lax), Safety.UNSAFE)


def _edit(ruleset: Ruleset, made: Rule) -> Edit:
    """The option before the target; restore loads the tcp match for it."""
    target = made.shape.target
    start = span_of(ruleset.document, made.line, target.item - 1 if target else None).start
    return Edit(Span(start, start), "--syn ")
