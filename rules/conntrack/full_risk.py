"""conntrack/full-risk"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Configuration, Finding, Fix, Place, Severity, at_line, at_rule, rule
from ruleset_lint.model.entries import ConntrackTable
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.settings import Setting
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.services import BUSY
from ruleset_lint.netfilter.sysctls import default, key_of, number, variable_of
from ruleset_lint.netfilter.table_size import GIB, default_size, given_size
from ruleset_lint.packets.asked import asked_on, ways
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, sketches
from ruleset_lint.packets.roles import TCP, opening
from ruleset_lint.packets.sketch import Answer
from ruleset_lint.packets.untracked import fate

from . import _accepts

_MUCH_RAM = 64 * GIB  # where RAM is not known: the table that the kernel makes at best
_SMALL = 262_144  # entries; no kernel makes more by itself
_LONG = 86_400  # seconds: who opens a connection every third second fills such a table within the time
_MOST_ASKED = 64
_LOOPBACK = 127
_GUESTS = ("virbr", "docker", "lxc", "br-", "cni", "podman", "vnet", "wg", "tun", "tap", "lo", "tailscale")


class _Table(NamedTuple):
    """The table of a kernel: entries, seconds that an idle connection is kept, and the settings that say so."""

    maximum: int
    seconds: int
    settings: tuple[Setting, ...]


@rule(Severity.INFO, yields_to=("notrack/missing",))
def full_risk(host: Host, profiles: tuple[Profile, ...], configuration: Configuration) -> Iterator[Finding]:
    """Connections from anywhere are tracked, and the table is small for them

    ## What it does
    Fires where INPUT accepts new TCP connections from everywhere that no raw rule untracks, while the table takes no
    more entries than a kernel makes by itself (262,144 at best) and idle connections are kept for a day or longer. A
    warning where a dump of the table shows it half full.

    ## Why is this bad?
    Whoever completes a handshake and falls silent holds an entry for all that time. A few hosts fill the table slowly,
    and then no new connection comes in, to any service: assured entries are never evicted.

    ## Example
    ```
    -A INPUT -p tcp -m tcp --dport 25 -m conntrack --ctstate NEW -j ACCEPT
    ```

    ## Use instead
    ```
    # etc/modules-load.d/nf_conntrack.conf
    nf_conntrack
    # etc/modprobe.d/nf_conntrack.conf
    options nf_conntrack hashsize=524288
    # etc/sysctl.d/90-conntrack.conf
    net.netfilter.nf_conntrack_max = 1048576
    net.netfilter.nf_conntrack_tcp_timeout_established = 7440
    ```

    ## Fix safety
    The rewriter sizes the table; connections that are silent for longer than the time-out are forgotten.

    ## Since
    All kernels.

    ## Source
    nf_conntrack_core.c (nf_conntrack_init_start, early_drop), nf_conntrack_proto_tcp.c (5 days); measured on kernel
    6.18: with a table full of assured entries 0 of 50 new connections came in.
    """
    tables = [table for profile in profiles if (table := _table(host, profile, configuration.ram))]
    if not tables or len(tables) < len(profiles):
        return
    table = max(tables)
    full = host.conntrack if host.conntrack and host.conntrack.size * 2 >= table.maximum else None
    for ruleset in host.rulesets:  # the families share the table: one finding
        accepts = _open(ruleset, configuration) if any(map(tracks, ruleset.by_shape)) and not ruleset.fragment else []
        if accepts:
            yield _finding(ruleset, accepts, table, full)
            return


def _finding(ruleset: Ruleset, accepts: Sequence[Rule], table: _Table, full: ConntrackTable | None) -> Finding:
    first, *others = (at_rule(ruleset, made, "accepted from anywhere, and tracked") for made in accepts)
    kept = f"idle ones are kept for {_time(table.seconds)}"
    if full:
        shown = at_line(full.document, full.document.lines[0], f"{full.size:,} entries")
        place, message = shown, f"{full.size:,} of {table.maximum:,} entries are taken, and {kept}"
        related = (first, *others)
    else:
        place, related = first, tuple(others)
        message = f"connections from anywhere fill the table: it takes {table.maximum:,} of them at most, and {kept}"
    return Finding(
        place,
        message,
        related=(*related, *(Place(one.document, one.span, "set here") for one in table.settings)),
        fix=Fix("`ruleset-lint rewrite` sizes the table and the time-outs for the machine", emits="sysctl"),
        severity=Severity.WARNING if full else None,
        confidence=Confidence.PROVEN if full else Confidence.LIKELY,
    )


def _time(seconds: int) -> str:
    return f"{seconds / 86_400:.3g} days" if seconds > _LONG else f"{seconds / 3_600:.3g} hours"


def _table(host: Host, profile: Profile, ram: int | None) -> _Table | None:
    """The table as far as files and kernel make it; None if it is large, or forgets soon."""
    maximum_from, seconds_from = _setting("max", host, profile), _setting("tcp_timeout_established", host, profile)
    maximum = _value(maximum_from) or _maximum(host, profile, ram)
    variable = variable_of("net.netfilter.nf_conntrack_tcp_timeout_established")
    usual = default(variable, profile) if variable else None
    seconds = _value(seconds_from) or (usual if isinstance(usual, int) else 0)
    if maximum > _SMALL or seconds < _LONG:
        return None
    return _Table(maximum, seconds, tuple(one for one in (maximum_from, seconds_from) if one))


def _maximum(host: Host, profile: Profile, ram: int | None) -> int:
    """What the kernel makes of the hashsize that is given, or of the RAM."""
    module = "ip_conntrack" if profile.names == "ip_conntrack" else "nf_conntrack"
    hashsize = _value(host.modprobe.option(module, "hashsize") if host.modprobe else None)
    return (given_size(hashsize, profile) if hashsize else default_size(ram or _MUCH_RAM, profile)).maximum


def _setting(name: str, host: Host, profile: Profile) -> Setting | None:
    variable = variable_of(f"net.netfilter.nf_conntrack_{name}")
    key = key_of(variable, profile) if variable else None
    return host.sysctl.effective(key) if host.sysctl and key else None


def _value(setting: Setting | None) -> int | None:
    """A number that counts; 0 takes the limit away, and is none of the kernel's own."""
    found = number(setting.value or "") if setting else None
    return _SMALL + 1 if found == 0 else found if found and found > 0 else None


def _open(ruleset: Ruleset, configuration: Configuration) -> list[Rule]:
    """The accepts of tracked connections from everywhere, one that is busy first."""
    shapes = filter(_may_be_public, ruleset.by_shape)
    found = [made for shape in shapes for made in _different(ruleset, shape)]
    busy = {service.port for service in BUSY | frozenset(configuration.own_services) if service.protocol == "tcp"}
    found.sort(key=lambda made: (not _names(made, busy), made.number))
    return [made for made in _accepts.reached(ruleset, found, "INPUT") if _is_public(ruleset, made)][:_MOST_ASKED]


def _may_be_public(shape: Shape) -> bool:
    named = _accepts.operands(shape, "--dport", "--dports") or (shape.parameter("-p") is None and shape.matches)
    return _accepts.is_accept(shape) and bool(named) and shape.parameter("-s") is None


def _different(ruleset: Ruleset, shape: Shape) -> Iterable[Rule]:
    """The first of the rules of a shape; very many that name no source are alike."""
    return islice(ruleset.by_shape[shape], _MOST_ASKED)


def _is_public(ruleset: Ruleset, made: Rule) -> bool:
    """Whether packets from everywhere come to a rule, and no raw rule untracks a part of them."""
    found = (asked_on(way) for way in ways(ruleset.tables["filter"], "INPUT", made) or ())
    return any(asked and _is_from_anywhere(ruleset, asked) for asked in found)


def _is_from_anywhere(ruleset: Ruleset, asked: Conditions) -> bool:
    if not asked.exact or asked.source or "NEW" not in asked.states or asked.protocol not in (TCP, None):
        return False
    if any(network.address >> 24 == _LOOPBACK for network in asked.destination if ruleset.family == 4):
        return False
    # without a port, an interface is one that is trusted
    pattern = asked.arrives.pattern or ""
    if pattern.startswith(_GUESTS) or (asked.destination_ports == ALL_PORTS and pattern):
        return False
    packets = opening(asked._replace(protocol=TCP))
    return all(fate(ruleset, "PREROUTING", sketch).untracked is Answer.NO for sketch in sketches(packets))


def _names(made: Rule, ports: set[int]) -> bool:
    test = made.destination_ports
    if test is None or test.negated:
        return False
    return any(low <= one <= high < low + 100 for low, high in test.value for one in ports)
