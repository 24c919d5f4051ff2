"""The releases there are, and those that are meant where nothing tells one."""

from __future__ import annotations

from ruleset_lint.netfilter.release import Backend, Paths, Profile, TableDefaults
from ruleset_lint.netfilter.releases_amazon import AMAZON
from ruleset_lint.netfilter.releases_debian import DEBIAN, DEBIAN12, UBUNTU, UBUNTU2404
from ruleset_lint.netfilter.releases_redhat import EL8, EL9, REDHAT

__all__ = [
    "MODERN",
    "NAMES",
    "PROFILES",
    "Backend",
    "Paths",
    "Profile",
    "TableDefaults",
]

NAMES: tuple[str, ...] = tuple(known.name for known in (*REDHAT, *AMAZON, *DEBIAN, *UBUNTU))
"""The names of all profiles, by distribution."""

PROFILES: tuple[Profile, ...] = tuple(sorted((*REDHAT, *AMAZON, *DEBIAN, *UBUNTU), key=lambda known: known.kernel))
"""All profiles, the oldest kernel first."""

MODERN: tuple[Profile, ...] = (EL8, EL9, DEBIAN12, UBUNTU2404)
"""What is assumed where nothing tells the release.

A choice of those in use, one for each way in which their kernels differ: what rules ask of EL10, Debian 13, Ubuntu
22.04 and 26.04 and Amazon Linux 2023 is answered as by one of these.
"""
