"""conntrack/related-without-helper"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

from ruleset_lint.lint import Confidence, Finding, Fix, Judgement, Safety, Severity, at_rule, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.modules import HELPERS, Helper, helpers_of
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import number
from ruleset_lint.packets.conditions import Conditions, Interfaces
from ruleset_lint.packets.roles import TCP, UDP, opening

from . import _accepts, _shared

_MANUAL = ("sysctl-off", "removed")  # how such kernels assign helpers: not by themselves
_OUTSIDE = {
    "INPUT": Conditions(arrives=Interfaces(excluded="lo")),
    "FORWARD": Conditions(),
    "OUTPUT": Conditions(leaves=Interfaces(excluded="lo")),
}
_FTP = next(helper for helper in HELPERS if helper.name == "ftp")
_CONTROL = re.compile(r"(?m)(?:21(?<![^,\n]21)|ftp(?<![^,\n]ftp))(?=,|$)")  # looks back, for it finds a 2 faster
_RELATED_ALONE = re.compile(r"(?im)^RELATED$")
_MOST_NAMED = 20  # rules for port 21 of one shape
_DATA = ((1024, 65535),)


@rule(Severity.WARNING)
def related_without_helper(ruleset: Ruleset, host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """RELATED is meant to let data channels in, and no rule assigns the helper that would announce them

    ## What it does
    Fires on kernels that assign no helper by themselves, where no rule says `-j CT --helper`, and a rule asks for a
    helper's connections (`-m helper`), or accepts RELATED TCP or UDP alone, or FTP is accepted on port 21 and nothing
    but RELATED would let its data connections pass. Silent where a file loads the helper's module:
    modules/helper-without-assignment speaks of that.

    ## Why is this bad?
    Without a helper nobody reads the control connection, and no TCP or UDP packet is ever RELATED: data channels hang.

    ## Example
    ```
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
    ```

    ## Use instead
    ```
    *raw
    -A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
    COMMIT
    *filter
    :INPUT DROP [0:0]
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
    COMMIT
    ```

    ## Fix safety
    Manual: a helper opens ports that a peer asks for. It must be loaded too, by modules-load.d.

    ## Since
    Linux 4.7 turned automatic assignment off by default (commit 3bb398d925ec), Linux 6.0 removed it (commit
    b118509076b3). Silent on EL5 to EL7, where loading the helper is enough.

    ## Source
    nf_conntrack_helper.c of Linux 3.10, 4.18 and 6.12; measured on kernel 6.18 with iptables 1.8.9: passive FTP fails
    without the rule and works with it.
    """
    judgement = judge(profiles, lambda profile: profile.helper_auto in _MANUAL)
    if judgement is None or ruleset.fragment or _is_assigned(host, ruleset):
        return
    asking = list(ruleset.where(lambda shape: shape.match("helper") is not None))
    narrow = asking or [made for made in ruleset.where(partial(_may_be_narrow, ruleset)) if _is_narrow(made)]
    ftp = [] if narrow else list(_ftp(ruleset))
    if ftp and not _is_loaded(host, _FTP):
        yield _finding(ruleset, ftp, "FTP is accepted, and its data connections only as RELATED", judgement)
    elif asking:
        yield _finding(ruleset, asking, "asks for a helper's connections", judgement)
    elif narrow:
        yield _finding(ruleset, narrow, "RELATED TCP or UDP is accepted", judgement)


def _finding(ruleset: Ruleset, rules: Sequence[Rule], what: str, judgement: Judgement) -> Finding:
    where = f" {judgement.where}" if judgement.where else ""
    asks = rules[0].shape.match("helper") is not None
    line = "-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp"
    return Finding(
        at_rule(ruleset, rules[0]),
        f"{what}, and no rule assigns a helper{where}",
        related=_shared.places(ruleset, rules[1:], "here too"),
        help=("without a helper no TCP or UDP packet is RELATED",),
        fix=Fix(f"assign the helper in raw, as `{line}` does", safety=Safety.MANUAL),
        confidence=judgement.confidence if asks else Confidence.LIKELY,
        by_absence=True,
    )


def _is_assigned(host: Host, ruleset: Ruleset) -> bool:
    """Whether a rule of the family assigns a helper, or the kernel is told to assign them by itself."""
    if any(shape.target and shape.target.name == "CT" and shape.target.use("--helper") for shape in ruleset.by_shape):
        return True
    setting = host.sysctl.effective("net.netfilter.nf_conntrack_helper") if host.sysctl else None
    option = host.modprobe.option("nf_conntrack", "nf_conntrack_helper") if host.modprobe else None
    by_option = option is not None and option.value in (None, "1", "y", "Y")
    return by_option or (setting is not None and number(setting.value or "") not in (0, None))


def _is_loaded(host: Host, helper: Helper) -> bool:
    """Whether a file loads the helper's module."""
    words = [word.value or "" for service in host.services or () for word in service.words("MODULES")]
    words += [setting.key for setting in host.modules_load.modules] if host.modules_load else []
    return any(helper in helpers_of(word) for word in words)


def _may_be_narrow(ruleset: Ruleset, shape: Shape) -> bool:
    accepts = _accepts.is_accept(shape) and shape.parameter("-p") is not None
    lists = _accepts.operands(shape, *_shared.STATE_OPTIONS) if accepts else []
    return any(_RELATED_ALONE.search(ruleset.texts(shape, operand)) for operand in lists)


def _is_narrow(made: Rule) -> bool:
    """Whether a rule accepts RELATED TCP or UDP and nothing of another state: ICMP errors are not meant."""
    protocol = made.protocol
    named = protocol is not None and protocol.value in (TCP, UDP) and not protocol.negated
    plain = made.table == "filter" and made.tcp_flags is None  # REJECT answers with RST, which is RELATED too
    return named and plain and _shared.matched_states(made) == frozenset({"RELATED"})


def _ftp(ruleset: Ruleset) -> Iterator[Rule]:
    """Accepts of FTP, where new connections to high ports are dropped and RELATED ones are not."""
    named = [made for shape, rules in ruleset.by_shape.items() for made in _to_control_port(ruleset, shape, rules)]
    for hook, outside in _OUTSIDE.items():
        control = list(_accepts.reached(ruleset, named, hook))
        data = opening(outside._replace(family=ruleset.family, protocol=TCP, destination_ports=_DATA))
        if control and not _accepts.may_take(ruleset, hook, data, "NEW"):
            yield from control if _accepts.may_take(ruleset, hook, data, "RELATED") else ()


def _to_control_port(ruleset: Ruleset, shape: Shape, rules: Sequence[Rule]) -> Iterator[Rule]:
    """Those rules of a shape that accept new connections to port 21, by number or name."""
    for operand in _accepts.operands(shape, "--dport", "--dports") if _accepts.is_accept(shape) else []:
        texts = ruleset.texts(shape, operand)
        if isinstance(operand, str):
            yield from (made for made in rules if _CONTROL.search(texts) and _names_port(made))
            continue
        found = islice(_CONTROL.finditer(texts), _MOST_NAMED)
        places = dict.fromkeys(texts.count("\n", 0, match.end()) for match in found)
        yield from (rules[place] for place in places if _names_port(rules[place]))


def _names_port(made: Rule) -> bool:
    ports, protocol, states = made.destination_ports, made.protocol, _shared.matched_states(made)
    if protocol is None or protocol.value != TCP or ports is None or (states is not None and "NEW" not in states):
        return False
    return not ports.negated and any(low == 21 == high for low, high in ports.value)
