"""Which profile a name means, and which of them the evidence of a machine admits. Reads no file itself."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ruleset_lint.netfilter.custom_profile import CustomProfileError, custom_profile, is_custom
from ruleset_lint.netfilter.kernels import Version, with_kernel
from ruleset_lint.netfilter.release_evidence import (
    ReleaseEvidence,
    from_iptables,
    from_kernel,
    from_os_release,
    from_redhat_release,
    own_kernel,
)
from ruleset_lint.netfilter.releases import MODERN, NAMES, PROFILES, Backend, Paths, Profile, TableDefaults

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

_LONGEST = 80
_EXAMPLE = "kernel=5.14 iptables=1.8.8"


class UnknownProfileError(KeyError):
    """A name that no profile has; the text lists those that exist."""

    def __str__(self) -> str:
        """The message as it is, where KeyError would quote it."""
        return str(self.args[0])


class Narrowed(NamedTuple):
    """Profiles that the evidence admits, and in a few words why."""

    profiles: tuple[Profile, ...]
    reason: str


def profile(name: str) -> Profile:
    """The profile of that name, as written in the configuration: "el7.7", "EL7.7", "kernel=5.14 iptables=1.8.8".

    What the words of a custom one do not say is that of the nearest release. Raises UnknownProfileError.
    """
    wanted = name.strip().lower()
    for candidate in PROFILES:
        if candidate.name == wanted:
            return candidate
    if not is_custom(wanted):
        shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
        raise UnknownProfileError(f"no profile {shown!r}, there are {', '.join(NAMES)}, and your own: {_EXAMPLE}")
    try:
        return custom_profile(wanted)
    except CustomProfileError as error:
        raise UnknownProfileError(str(error)) from None


def narrow(
    *,
    iptables_version: str | None = None,
    os_release: Mapping[str, str] | None = None,
    redhat_release: str | None = None,
    kernel_release: str | None = None,
    backend: Backend | None = None,
    rules_file: str | None = None,
) -> Narrowed:
    """The profiles that all evidence admits.

    `iptables_version` is what iptables-save wrote into its header ("1.4.21"), `backend` what the header tells beside it
    and `rules_file` where the file lay ("etc/sysconfig/iptables"): both choose among the releases with that version.
    `os_release` are the variables of os-release(5), `redhat_release` the text of /etc/redhat-release or system-release,
    `kernel_release` what `uname -r` says: a release that runs another kernel than its own is judged by that kernel.
    What a machine says of itself outweighs the header of a file, which may have been saved elsewhere. With no evidence,
    or where what the machine says contradicts itself, MODERN.
    """
    machine = [found for found in (from_os_release(os_release), from_redhat_release(redhat_release)) if found]
    header = from_iptables(iptables_version, backend, rules_file)
    tools = [found for found in (header, from_kernel(kernel_release)) if found]
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
    return _with_own_kernel(names, used, kernel_release)


def _with_own_kernel(names: frozenset[str], used: list[ReleaseEvidence], kernel_release: str | None) -> Narrowed:
    """The profiles of these names; where the machine runs a kernel of another version, with that kernel."""
    version: Version | None = own_kernel(kernel_release)
    known = tuple(known for known in PROFILES if known.name in names)
    if version is None:
        return Narrowed(known, _reasons(used))
    running = tuple(with_kernel(one, version) for one in known)
    reason = f"kernel {(kernel_release or '')[:_LONGEST]}"
    more = [] if running == known else [ReleaseEvidence(names, reason)]
    return Narrowed(running, _reasons([*used, *more]))


def _agreed(evidence: list[ReleaseEvidence]) -> frozenset[str]:
    """Names that all evidence admits; what was only guessed gives way to what is certain."""
    certain = [found for found in evidence if found.certain] or evidence
    return frozenset.intersection(*(found.names for found in certain)) if certain else frozenset()


def _reasons(evidence: Iterable[ReleaseEvidence]) -> str:
    return ", ".join(dict.fromkeys(found.reason for found in evidence))
