"""Which profiles there are, and which of them the evidence of a machine admits. Reads no file itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ruleset_lint.netfilter.releases import MODERN, PROFILES, Paths, Profile, TableDefaults

__all__ = [
    "MODERN",
    "PROFILES",
    "Narrowed",
    "Paths",
    "Profile",
    "TableDefaults",
    "UnknownProfileError",
    "narrow",
    "profile",
]

_REDHAT_IDS = frozenset(
    ("rhel", "centos", "rocky", "almalinux", "ol", "scientific", "eurolinux", "cloudlinux", "virtuozzo", "miraclelinux")
)
_RELEASE = re.compile(r"release ([0-9]{1,4})(?:\.([0-9]{1,4}))?")
_VERSION = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?")
_LONGEST = 80


class UnknownProfileError(KeyError):
    """A name that no profile has; the text lists those that exist."""

    def __str__(self) -> str:
        """The message as it is, where KeyError would quote it."""
        return str(self.args[0])


class Narrowed(NamedTuple):
    """Profiles that the evidence admits, and in a few words why."""

    profiles: tuple[Profile, ...]
    reason: str


class _Evidence(NamedTuple):
    names: frozenset[str]
    reason: str
    certain: bool = True


def profile(name: str) -> Profile:
    """The profile of that name, as written in the configuration ("el7.7", "EL7.7"). Raises UnknownProfileError."""
    for candidate in PROFILES:
        if candidate.name == name.lower():
            return candidate
    raise UnknownProfileError(f"no profile {name!r}, there are {', '.join(known.name for known in PROFILES)}")


def narrow(
    *,
    iptables_version: str | None = None,
    os_release: Mapping[str, str] | None = None,
    redhat_release: str | None = None,
    kernel_release: str | None = None,
) -> Narrowed:
    """The profiles that all evidence admits.

    `iptables_version` is what iptables-save wrote into its header ("1.4.21"), `os_release` the variables of
    os-release(5), `redhat_release` the text of /etc/redhat-release, `kernel_release` what `uname -r` says. What a
    machine says of itself outweighs the header of a file, which may have been saved elsewhere. With no evidence, or
    where what the machine says contradicts itself, MODERN.
    """
    machine = [found for found in (_from_os_release(os_release), _from_redhat(redhat_release)) if found]
    tools = [found for found in (_from_iptables(iptables_version), _from_kernel(kernel_release)) if found]
    names = _agreed(machine)
    if machine and not names:
        return Narrowed(MODERN, f"{_reasons(machine)} contradict each other")
    used = list(machine)
    for found in tools:
        common = names & found.names if names else found.names
        if common:
            names = common
            used.append(found)
        elif not machine:
            return Narrowed(MODERN, f"{_reasons([*used, found])} contradict each other")
    if not names:
        return Narrowed(MODERN, "nothing tells the release")
    return Narrowed(tuple(known for known in PROFILES if known.name in names), _reasons(used))


def _agreed(evidence: list[_Evidence]) -> frozenset[str]:
    """Names that all evidence admits; what was only guessed gives way to what is certain."""
    certain = [found for found in evidence if found.certain] or evidence
    return frozenset.intersection(*(found.names for found in certain)) if certain else frozenset()


def _reasons(evidence: Iterable[_Evidence]) -> str:
    return ", ".join(dict.fromkeys(found.reason for found in evidence))


def _from_iptables(version: str | None) -> _Evidence | None:
    """Profiles that ship this iptables; for a version that none ships, the nearest older and the nearest newer one."""
    numbers = _numbers(version)
    if numbers is None or version is None:
        return None
    shipped = sorted({tuple(map(int, text.split("."))) for known in PROFILES for text in known.iptables})
    older = [candidate for candidate in shipped if candidate <= numbers][-1:]
    newer = [] if numbers in older else [candidate for candidate in shipped if candidate > numbers][:1]
    near = [".".join(map(str, candidate)) for candidate in (*older, *newer)]
    names = frozenset(known.name for known in PROFILES if not set(near).isdisjoint(known.iptables))
    nearest = "" if version in near else f", taken as {' or '.join(near)}"
    return _Evidence(names, f"iptables {version}{nearest}")


def _numbers(version: str | None) -> tuple[int, ...] | None:
    if version is None or not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", version):
        return None
    return tuple(map(int, version.split(".")))


def _from_redhat(text: str | None) -> _Evidence | None:
    text = (text or "")[:_LONGEST]
    found = _RELEASE.search(text)
    if not found:
        return None
    if text.startswith(("Amazon", "Fedora")):
        return _other_redhat(text.split()[0].lower(), found[1])
    minor = int(found[2]) if found[2] else None
    return _enterprise_linux(text[: text.index("release")].strip(), int(found[1]), minor)


def _from_os_release(variables: Mapping[str, str] | None) -> _Evidence | None:
    if not variables or not variables.get("ID"):
        return None
    distribution = variables["ID"][:_LONGEST]
    version = variables.get("VERSION_ID", "")[:_LONGEST]
    found = _VERSION.match(version)
    if distribution in _REDHAT_IDS and found:
        return _enterprise_linux(distribution, int(found[1]), int(found[2]) if found[2] else None)
    likes = {distribution, *variables.get("ID_LIKE", "").split()}
    for family in ("ubuntu", "debian"):
        if family in likes:
            return _debian(distribution, version, family)
    if likes & {"amzn", "fedora", "rhel"}:
        return _other_redhat(distribution, version)
    return None


def _enterprise_linux(distribution: str, major: int, minor: int | None) -> _Evidence:
    reason = f"{distribution} {major}" if minor is None else f"{distribution} {major}.{minor}"
    if major == 7:
        names = {"el7", "el7.7"} if minor is None else {"el7" if minor < 7 else "el7.7"}
        return _Evidence(frozenset(names), reason)
    nearest = f"el{min(max(major, 5), 9)}"
    if not 5 <= major <= 9:
        return _Evidence(frozenset({nearest}), f"{reason}, taken as {profile(nearest).title}", certain=False)
    return _Evidence(frozenset({nearest}), reason)


def _other_redhat(distribution: str, version: str) -> _Evidence:
    """Amazon Linux 2 has the service of EL7 and a kernel near that of EL8; later releases follow EL9."""
    old_amazon = distribution in {"amzn", "amazon"} and version in {"2", "2018.03"}
    nearest = "el8" if old_amazon else "el9"
    reason = f"{distribution} {version}".strip()
    return _Evidence(frozenset({nearest}), f"{reason}, taken as {profile(nearest).title}", certain=False)


def _debian(distribution: str, version: str, family: str) -> _Evidence:
    reason = f"{distribution} {version}".strip()
    nearest = "ubuntu24.04" if family == "ubuntu" else "debian12"
    if f"{distribution}{version}" == nearest:
        return _Evidence(frozenset({nearest}), reason)
    return _Evidence(frozenset({nearest}), f"{reason}, taken as {profile(nearest).title}", certain=False)


def _from_kernel(release: str | None) -> _Evidence | None:
    """Enterprise Linux kernels name their release; 3.10.0-1062 is that of 7.7."""
    found = re.match(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}-([0-9]{1,6})[^ ]{0,80}?\.el([5-9])", release or "")
    if not found:
        return None
    major = int(found[2])
    old_kernel = major == 7 and int(found[1]) < 1062
    names = {"el7", "el7.7"} if old_kernel else {"el7.7"} if major == 7 else {f"el{major}"}
    return _Evidence(frozenset(names), f"kernel {found[0]}")
