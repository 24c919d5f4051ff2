"""What one thing tells of a machine's release: the names of the profiles it admits. Reads no file."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from ruleset_lint.netfilter.kernels import Version, series, version_of
from ruleset_lint.netfilter.releases import PROFILES, Backend, Profile
from ruleset_lint.netfilter.releases_amazon import AMAZON2, AMAZON2_510, AMAZON2023
from ruleset_lint.netfilter.releases_debian import DEBIAN, DEBIAN12, DEBIAN13, UBUNTU, UBUNTU1804, UBUNTU2404
from ruleset_lint.netfilter.releases_redhat import EL7, EL9, EL10, EL77, REDHAT

_REDHAT_IDS = frozenset(
    ("rhel", "centos", "rocky", "almalinux", "ol", "scientific", "eurolinux", "cloudlinux", "virtuozzo", "miraclelinux")
)
_CODENAMES = {
    "buster": "debian10",
    "bullseye": "debian11",
    "bookworm": "debian12",
    "trixie": "debian13",
    "bionic": "ubuntu18.04",
    "focal": "ubuntu20.04",
    "jammy": "ubuntu22.04",
    "noble": "ubuntu24.04",
    "resolute": "ubuntu26.04",
}
_RELEASE = re.compile(r"release ([0-9]{1,4})(?:\.([0-9]{1,4}))?", re.ASCII)
_AMAZON = re.compile(r"Amazon Linux(?: AMI)?(?: release)? ([0-9]{1,4}(?:\.[0-9]{1,4})?)", re.ASCII)
_VERSION = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?", re.ASCII)
_EL_KERNEL = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}-([0-9]{1,6})[^ ]{0,80}?\.el([5-9]|10)(?![0-9])", re.ASCII)
_NO_EL_KERNEL = re.compile(r"elrepo|uek")
_AMAZON_KERNEL = re.compile(r"\.amzn(2023|2)\.", re.ASCII)
_UBUNTU_KERNEL = re.compile(r"-[0-9]{1,6}-(?:generic|lowlatency|aws|azure|gcp|kvm|oracle)", re.ASCII)
_DEBIAN_KERNEL = re.compile(r"(?:-[0-9]{1,6}|\+deb[0-9]{1,2})-(?:cloud-|rt-)?(?:amd64|arm64|686)", re.ASCII)
_LONGEST = 80
_FEDORA_OF_EL10 = 40


class ReleaseEvidence(NamedTuple):
    """Names of profiles, and in a few words what says so; not `certain` where a release is taken as another one."""

    names: frozenset[str]
    reason: str
    certain: bool = True


def iptables_version(text: str) -> tuple[int, ...] | None:
    """The numbers of a version of iptables ("1.8.10"); None for what is none."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", text, re.ASCII):
        return None
    return tuple(map(int, text.split(".")))


def from_iptables(
    version: str | None, backend: Backend | None = None, rules_file: str | None = None
) -> ReleaseEvidence | None:
    """Profiles that ship this iptables, with this backend and keeping rules there; if none does, its neighbours."""
    numbers = iptables_version(version or "")
    if numbers is None or version is None:
        return None
    shipped = sorted({each for known in PROFILES for text in known.iptables if (each := iptables_version(text))})
    older = [candidate for candidate in shipped if candidate <= numbers][-1:]
    newer = [] if numbers in older else [candidate for candidate in shipped if candidate > numbers][:1]
    near = [".".join(map(str, candidate)) for candidate in (*older, *newer)]
    found = [known for known in PROFILES if not set(near).isdisjoint(known.iptables)]
    found = [known for known in found if backend is None or backend in known.backends] or found
    found = [known for known in found if rules_file in known.paths.rules] or found
    nearest = "" if version in near else f", taken as {' or '.join(near)}"
    return ReleaseEvidence(_names(*found), f"iptables {version}{nearest}")


def from_redhat_release(text: str | None) -> ReleaseEvidence | None:
    """What redhat-release, centos-release or system-release says."""
    text = (text or "")[:_LONGEST]
    amazon = _AMAZON.match(text)
    if amazon:
        return _amazon(amazon[1], "Amazon Linux")
    found = _RELEASE.search(text)
    if not found:
        return None
    if text.startswith("Fedora"):
        return _fedora("fedora", found[1])
    minor = int(found[2]) if found[2] else None
    return _enterprise_linux(text[: text.index("release")].strip(), int(found[1]), minor)


def from_os_release(variables: Mapping[str, str] | None) -> ReleaseEvidence | None:
    """What the variables of os-release(5) say."""
    if not variables or not variables.get("ID"):
        return None
    distribution = variables["ID"][:_LONGEST]
    version = variables.get("VERSION_ID", "")[:_LONGEST]
    found = _VERSION.match(version)
    if distribution in _REDHAT_IDS and found:
        return _enterprise_linux(distribution, int(found[1]), int(found[2]) if found[2] else None)
    if distribution == "amzn":
        return _amazon(version, distribution)
    likes = {distribution, *variables.get("ID_LIKE", "").split()}
    if likes & {"ubuntu", "debian"}:
        return _debian(variables, distribution, version, likes)
    return _fedora(distribution, version) if likes & {"fedora", "rhel"} else None


def from_kernel(release: str | None) -> ReleaseEvidence | None:
    """What `uname -r` says: most distributions' kernels name theirs, and 3.10.0-1062 is that of EL7.7.

    Ubuntu's may be the kernel of a release or, as an offer, of the one before.
    """
    text = (release or "")[:_LONGEST]
    version = version_of(text)
    if version is None:
        return None
    names = _of_el_kernel(text) or _of_amazon_kernel(text, version) or _of_debian_kernel(text, version)
    return ReleaseEvidence(names, f"kernel {text}") if names else None


def own_kernel(release: str | None) -> Version | None:
    """The version of a kernel that is built from kernel.org's; None if it is Enterprise Linux's own, or not known."""
    text = (release or "")[:_LONGEST]
    return None if _EL_KERNEL.match(text) and not _NO_EL_KERNEL.search(text) else version_of(text)


def _of_el_kernel(text: str) -> frozenset[str]:
    found = _EL_KERNEL.match(text)
    if not found:
        return frozenset()
    major = int(found[2])
    if major != 7:
        return frozenset({f"el{major}"})
    return _names(EL7, EL77) if int(found[1]) < 1062 and not _NO_EL_KERNEL.search(text) else _names(EL77)


def _of_amazon_kernel(text: str, version: Version) -> frozenset[str]:
    found = _AMAZON_KERNEL.search(text)
    if not found:
        return frozenset()
    if found[1] == "2023":
        return _names(AMAZON2023)
    return _names(AMAZON2 if version < (4, 19, 0) else AMAZON2_510)


def _of_debian_kernel(text: str, version: Version) -> frozenset[str]:
    if _DEBIAN_KERNEL.search(text):
        return _names(*(known for known in DEBIAN if series(known.kernel) == series(version)))
    if not _UBUNTU_KERNEL.search(text):
        return frozenset()
    later = [number for number, known in enumerate(UBUNTU) if series(known.kernel) >= series(version)]
    last = later[0] if later else len(UBUNTU) - 1
    own = series(UBUNTU[last].kernel) == series(version)
    return _names(*UBUNTU[max(last - 1, 0) : last + 1 if own or not later else last])


def _enterprise_linux(distribution: str, major: int, minor: int | None) -> ReleaseEvidence:
    reason = f"{distribution} {major}" if minor is None else f"{distribution} {major}.{minor}"
    if major == 7:
        minors = (EL7, EL77) if minor is None else (EL7,) if minor < 7 else (EL77,)
        return ReleaseEvidence(_names(*minors), reason)
    near = next((known for known in REDHAT if known.name == f"el{min(max(major, 5), 10)}"), EL10)
    return ReleaseEvidence(_names(near), reason) if 5 <= major <= 10 else _taken_as(near, reason)


def _amazon(version: str, distribution: str) -> ReleaseEvidence:
    """Amazon Linux by its own version; the first one, 2018.03, has kernel 4.14 too, and 2022 came out as 2023."""
    reason = f"{distribution} {version}".strip()
    found = _VERSION.match(version)
    year = int(found[1]) if found else 0
    if year == 2:
        return ReleaseEvidence(_names(AMAZON2, AMAZON2_510), reason)
    if year == 2023:
        return ReleaseEvidence(_names(AMAZON2023), reason)
    return _taken_as(AMAZON2 if 2000 < year < 2020 else AMAZON2023, reason)


def _fedora(distribution: str, version: str) -> ReleaseEvidence:
    """Others of the family: EL9 came from Fedora 34, EL10 from 40."""
    found = _VERSION.match(version)
    new = distribution == "fedora" and found and int(found[1]) >= _FEDORA_OF_EL10
    return _taken_as(EL10 if new else EL9, f"{distribution} {version}".strip())


def _debian(variables: Mapping[str, str], distribution: str, version: str, likes: set[str]) -> ReleaseEvidence:
    """A release of Debian or Ubuntu by its number; others by the codename of the one they are made from."""
    reason = f"{distribution} {version}".strip()
    exact = next((known for known in (*DEBIAN, *UBUNTU) if known.name == f"{distribution}{version}"), None)
    if exact:
        return ReleaseEvidence(_names(exact), reason)
    keys = ("UBUNTU_CODENAME", "DEBIAN_CODENAME", "VERSION_CODENAME")
    base = next((_CODENAMES[variables[key]] for key in keys if variables.get(key) in _CODENAMES), None)
    near = next((known for known in PROFILES if known.name == base), None)
    if near and distribution in {"debian", "ubuntu"}:
        return ReleaseEvidence(_names(near), reason)
    return _taken_as(near or _near_debian(distribution, version, likes), reason)


def _near_debian(distribution: str, version: str, likes: set[str]) -> Profile:
    """Between two releases of Ubuntu the nearer one; Debian without a version comes after the newest one."""
    found = _VERSION.match(version)
    if distribution == "ubuntu" and found:
        month = int(found[1]) * 12 + int(found[2] or 4)
        return min(reversed(UBUNTU), key=lambda known: abs(_month(known) - month))
    if distribution == "debian":
        return UBUNTU1804 if found and int(found[1]) < 10 else DEBIAN13
    return UBUNTU2404 if "ubuntu" in likes else DEBIAN12


def _month(known: Profile) -> int:
    year, month = known.name.removeprefix("ubuntu").split(".")
    return int(year) * 12 + int(month)


def _taken_as(near: Profile, reason: str) -> ReleaseEvidence:
    return ReleaseEvidence(_names(near), f"{reason}, taken as {near.title}", certain=False)


def _names(*known: Profile) -> frozenset[str]:
    return frozenset(one.name for one in known)
