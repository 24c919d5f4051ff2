"""notrack/helper-port"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.lint import Confidence, Finding, Fix, Place, Safety, Severity, at_rule, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.modules import HELPERS, Helper, helper_for, helpers_of
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.services import Service
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions
from ruleset_lint.packets.roles import TCP, UDP, may_pass, opening
from ruleset_lint.packets.untracked import Untracking, untrackings

from . import _shared

_NUMBERS = {"tcp": TCP, "udp": UDP}
_AUTOMATIC = ("always", "sysctl-on")  # how kernels assign helpers: by themselves
_FEW = 100  # ports of a range that names a service
_DATA = ((1024, 65535),)


@rule(Severity.ERROR)
def helper_port(ruleset: Ruleset, host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """The control port of a connection tracking helper is untracked

    ## What it does
    Looks for untracked ports that a helper listens on, where the helper is used: a rule assigns it (`CT --helper`) or
    asks for it (`-m helper`), or a file loads its module and the kernel assigns helpers by itself. For FTP likely
    without such a sign too, where RELATED is accepted and nothing else would let data connections in. A SIP port that
    is untracked to keep the helper away from it is silent.

    ## Why is this bad?
    The helper reads the control connection through its entry. Without one it announces nothing, no data connection is
    RELATED, and each of them is dropped.

    ## Example
    ```
    -A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
    -A OUTPUT -p tcp -m tcp --sport 21 -j CT --notrack
    ```

    ## Use instead
    ```
    -A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
    ```

    ## Fix safety
    Manual: the service stays tracked, or its data ports are opened for everybody.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    net/netfilter/nf_conntrack_helper.c; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy) for FTP: NOTRACK
    before the helper's rule loses the data connections, OUTPUT `--sport 21` alone breaks the control connection.
    """
    found: dict[Service, list[Rule]] = {}
    ftp_expects = False
    for untracking in () if ruleset.fragment else untrackings(ruleset):
        ftp_expects = ftp_expects or _expects_data(ruleset, untracking)
        for service in _touched(untracking.conditions):
            found.setdefault(service, []).append(untracking.rule)
    for service, rules in found.items():
        helper = helper_for(service)
        used = _used(ruleset, host, profiles, helper) if helper else None
        if helper and (used or (helper.name == "ftp" and ftp_expects)):
            yield _finding(ruleset, list(dict.fromkeys(rules)), helper, service, used or ())


def _touched(conditions: Conditions) -> Iterator[Service]:
    """The control ports of helpers that are among those asked for, on whichever side."""
    by_source = conditions.destination_ports == ALL_PORTS
    ports = conditions.source_ports if by_source else conditions.destination_ports
    for helper in HELPERS:
        for service in helper.ports:
            near = any(low <= service.port <= high < low + _FEW for low, high in ports)
            if near and conditions.protocol == _NUMBERS[service.protocol]:
                yield service


def _used(ruleset: Ruleset, host: Host, profiles: tuple[Profile, ...], helper: Helper) -> tuple[Place, ...] | None:
    """Where it is said that the helper is used; None if nowhere."""
    rules = [made for made in ruleset.where(_names_helper) if _helper_of(made) == helper.name]
    if rules:
        return _shared.places(ruleset, rules, "needs the entry of the control connection")
    automatic = all(profile.helper_auto in _AUTOMATIC for profile in profiles)
    loaded = [place for name, place in _loaded(host) if helper in helpers_of(name)] if automatic else []
    return tuple(loaded) or None


def _names_helper(shape: Shape) -> bool:
    assigns = shape.target is not None and shape.target.name == "CT" and shape.target.use("--helper") is not None
    return assigns or shape.match("helper") is not None


def _helper_of(made: Rule) -> str:
    """The helper that a rule assigns or asks for; one on a port of its own has the number behind its name."""
    target = made.shape.target if made.target == "CT" else made.shape.match("helper")
    return (made.option(target, "--helper") or "").strip('"').partition("-")[0] if target else ""


def _loaded(host: Host) -> Iterator[tuple[str, Place]]:
    words = [word for service in host.services or () for word in service.words("MODULES")]
    for word in words:
        yield word.value or "", Place(word.document, word.span, "loads the helper")
    for setting in host.modules_load.modules if host.modules_load else ():
        yield setting.key, Place(setting.document, setting.span, "loads the helper")


def _expects_data(ruleset: Ruleset, untracking: Untracking) -> bool:
    """Whether FTP is untracked, and its data connections would pass as RELATED and only so."""
    if Service("tcp", 21) not in _touched(untracking.conditions):
        return False
    asked = untracking.conditions._replace(source_ports=ALL_PORTS, flags_set=frozenset(), flags_clear=frozenset())
    data = opening(asked._replace(destination_ports=_DATA))
    for hook in _shared.filter_hooks(untracking):
        if may_pass(ruleset, hook, data, "RELATED") and not may_pass(ruleset, hook, data, "NEW"):
            return untracking.hook == "PREROUTING" and not untracking.by_source_port
    return False


def _finding(
    ruleset: Ruleset, rules: Sequence[Rule], helper: Helper, service: Service, used: tuple[Place, ...]
) -> Finding:
    return Finding(
        at_rule(ruleset, rules[0], "untracked here"),
        f"{service} is the control port of the {helper.name} helper, and untracked: no data connection is RELATED",
        related=(*_shared.places(ruleset, rules[1:], "untracked here too"), *used),
        fix=Fix("leave the control port tracked", safety=Safety.MANUAL),
        confidence=Confidence.PROVEN if used else Confidence.LIKELY,
    )
