"""The facts a rule may ask for by the names of its parameters. Knows no rule."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from ruleset_lint.lint.configuration import Configuration
from ruleset_lint.model.host import Host

Source = Callable[[Host, Configuration], Sequence[object]]


def _given(value: object) -> Sequence[object]:
    return () if value is None else (value,)


SUPPRESSIONS = "suppressions"
"""The fact that is known only when other rules have spoken: a rule that asks for it asks for nothing else."""

# For each fact all its values: a rule runs once for each, and is skipped where there is none.
FACTS: Mapping[str, Source] = {
    "ruleset": lambda host, _configuration: host.rulesets,
    "v4": lambda host, _configuration: _given(host.v4),
    "v6": lambda host, _configuration: _given(host.v6),
    "service": lambda host, _configuration: host.services or (),
    "sysctl": lambda host, _configuration: _given(host.sysctl),
    "modprobe": lambda host, _configuration: _given(host.modprobe),
    "modules_load": lambda host, _configuration: _given(host.modules_load),
    "conntrack": lambda host, _configuration: _given(host.conntrack),
    "running": lambda host, _configuration: _given(host.running),
    "host": lambda host, _configuration: (host,),
    "profiles": lambda host, _configuration: (host.profiles,),
    "configuration": lambda _host, configuration: (configuration,),
}

# What a fact is called in a report.
TITLES: Mapping[str, str] = {
    "ruleset": "ruleset",
    "v4": "iptables ruleset",
    "v6": "ip6tables ruleset",
    "service": "service configuration",
    "sysctl": "sysctl settings",
    "modprobe": "module options",
    "modules_load": "modules loaded at boot",
    "conntrack": "conntrack table",
}


def missing(names: Sequence[str], host: Host, configuration: Configuration) -> tuple[str, ...]:
    """Those of the facts that are not given."""
    return tuple(name for name in names if name != SUPPRESSIONS and not FACTS[name](host, configuration))


def combinations(names: Sequence[str], host: Host, configuration: Configuration) -> Iterator[dict[str, object]]:
    """All ways to give the facts their values."""
    values = [FACTS[name](host, configuration) for name in names]
    for chosen in itertools.product(*values):
        yield dict(zip(names, chosen, strict=True))
