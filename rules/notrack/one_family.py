"""notrack/one-family"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Finding, Fix, Severity, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.packets.asked import asked_by
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, Interfaces, sketches
from ruleset_lint.packets.roles import accepting, opening
from ruleset_lint.packets.sketch import Answer
from ruleset_lint.packets.untracked import Untracking, fate, untrackings

from . import _shared

_FEW = 100  # ports of a range that names a service


class _Half(NamedTuple):
    untracking: Untracking
    packets: Conditions
    accept: Rule  # of the other family


@rule(Severity.WARNING)
def one_family(v4: Ruleset, v6: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A service is untracked in one family and tracked in the other, which accepts it too

    ## What it does
    Compares the services of this host that are untracked and accepted for IPv4 with those for IPv6, and the reverse.
    Silent where the other ruleset accepts nothing on that port, or tracks nothing at all.

    ## Why is this bad?
    Both families share one table and one limit. What is kept out of it in one comes in by the other, and a full table
    is full for both.

    ## Example
    ```
    # iptables
    *raw
    -A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -j CT --notrack
    -A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j CT --notrack
    COMMIT
    *filter
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
    COMMIT
    # ip6tables
    *filter
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
    COMMIT
    ```

    ## Use instead
    ```
    # ip6tables
    *raw
    -A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -j CT --notrack
    -A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j CT --notrack
    COMMIT
    *filter
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
    COMMIT
    ```

    ## Fix safety
    The rewriter writes both families, or says why it does not.

    ## Since
    Every kernel with the raw table (2.6.6). EL5 does not track IPv6.

    ## Source
    nf_conntrack_core.c: one hash table and one count for all families of a namespace.
    """
    tracked = all(profile.v6_tracking for profile in profiles)
    for ruleset, other in ((v4, v6), (v6, v4)) if tracked else ():
        if ruleset.fragment or other.fragment or not any(map(tracks, other.by_shape)):
            continue
        halves = [half for untracking in untrackings(ruleset) for half in _halves(ruleset, other, untracking)]
        if halves:
            yield _finding(ruleset, other, sorted(halves, key=lambda half: half.accept.number))


def _halves(ruleset: Ruleset, other: Ruleset, untracking: Untracking) -> Iterator[_Half]:
    if untracking.conditions.destination_is_local is False:
        return
    for part in _shared.services(ruleset, untracking):
        low, high = part.destination_ports[0]
        if high - low < _FEW and accepting(ruleset, "INPUT", opening(part), "UNTRACKED"):
            accept = _tracked_accept(other, part)
            if accept:
                yield _Half(untracking, part, accept)


def _tracked_accept(other: Ruleset, part: Conditions) -> Rule | None:
    """The rule of the other family that accepts the same service, where nothing untracks a part of it."""
    plain = Conditions(
        other.family, part.protocol, destination_ports=part.destination_ports, arrives=Interfaces(excluded="lo")
    )
    requests = opening(plain)
    if any(fate(other, "PREROUTING", sketch).untracked is not Answer.NO for sketch in sketches(requests)):
        return None
    return next((made for made in accepting(other, "INPUT", requests, "NEW") if _names_ports(made)), None)


def _names_ports(made: Rule) -> bool:
    asked = asked_by(made)
    return asked is not None and asked.destination_ports != ALL_PORTS


def _finding(ruleset: Ruleset, other: Ruleset, found: list[_Half]) -> Finding:
    names = list(dict.fromkeys(_shared.service_name(half.packets) for half in found))
    accepts = list(dict.fromkeys(half.accept for half in found))
    rules = dict.fromkeys(half.untracking.rule for half in found)
    options = " ".join(f"--service {name}" for name in names if name.rpartition("/")[2].isdigit())
    return Finding(
        at_rule(other, accepts[0], "accepted here, and tracked"),
        f"untracked for IPv{ruleset.family}, and tracked for IPv{other.family}: {', '.join(names)}",
        related=(
            *_shared.places(other, accepts[1:], "accepted here, and tracked"),
            *_shared.places(ruleset, rules, f"untracked here for IPv{ruleset.family}"),
        ),
        fix=Fix(f"`ruleset-lint rewrite --goal notrack {options}`", emits="raw") if options else None,
        confidence=Confidence.PROVEN if all(half.packets.exact for half in found) else Confidence.LIKELY,
    )
