"""Everything known of one machine. Knows not where it was read from."""

from __future__ import annotations

from typing import NamedTuple

from ruleset_lint.model.entries import ConntrackTable
from ruleset_lint.model.passed_over import PassedOver
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.running import Running
from ruleset_lint.model.settings import ModuleOptions, ModulesLoad, ServiceConfig, Sysctls
from ruleset_lint.netfilter.profiles import MODERN, Profile
from ruleset_lint.syntax.document import Document


class Host(NamedTuple):
    """The facts of one machine. None means not given: rules that need it are skipped. Empty means there is none.

    `complete` says that the tree is the whole machine, so that what is missing is missing. `documents` are all files
    read.
    """

    root: str = ""
    rulesets: tuple[Ruleset, ...] = ()
    services: tuple[ServiceConfig, ...] | None = None  # iptables-config, ip6tables-config
    sysctl: Sysctls | None = None
    modprobe: ModuleOptions | None = None
    modules_load: ModulesLoad | None = None
    conntrack: ConntrackTable | None = None
    loaded_modules: frozenset[str] | None = None  # of a live machine or a snapshot of /proc/modules
    running: Running | None = None  # of a live machine or a snapshot of /proc and /sys
    sets: frozenset[str] | None = None  # names of the sets that files define for ipset
    profiles: tuple[Profile, ...] = MODERN
    profile_reason: str = ""
    complete: bool = False
    documents: tuple[Document[object], ...] = ()
    passed_over: tuple[PassedOver, ...] = ()  # files of settings that take no effect at boot

    @property
    def v4(self) -> Ruleset | None:
        """The first whole ruleset for IPv4, or the first there is."""
        return self._family(4)

    @property
    def v6(self) -> Ruleset | None:
        """The first whole ruleset for IPv6, or the first there is."""
        return self._family(6)

    def _family(self, family: int) -> Ruleset | None:
        found = [ruleset for ruleset in self.rulesets if ruleset.family == family]
        return min(found, key=lambda ruleset: ruleset.fragment, default=None)
