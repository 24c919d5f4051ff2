"""Profiles given as text: `kernel=5.14 iptables=1.8.8 backend=nft init=systemd`. Knows no machine."""

import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeVar

from ruleset_lint.netfilter.kernels import Version, kernel_of, series, series_text, version_of
from ruleset_lint.netfilter.release_evidence import iptables_version
from ruleset_lint.netfilter.releases import MODERN, PROFILES, Backend, Profile

Value = TypeVar("Value")

_KEYS = ("kernel", "iptables", "backend", "init")
_FIRST_NFT = (1, 8)
_FIRST_WAIT = (1, 6, 2)
_SHOWN = 60


class CustomProfileError(ValueError):
    """A text that is no profile; what it says is why."""


class _Said(NamedTuple):
    kernel: Version | None = None
    iptables: str | None = None
    backend: Backend | None = None
    init: Literal["sysv", "systemd"] | None = None


def is_custom(text: str) -> bool:
    """Whether a text is meant as a profile of one's own."""
    return "=" in text


def custom_profile(text: str) -> Profile:
    """The profile that a text describes; what it does not say is that of the nearest release.

    Words in any order: `kernel` (2.6.32, 5.14), `iptables` (1.8.8), `backend` (nft or legacy), `init` (systemd or
    sysv); kernel or iptables must be among them. The nearest release is the latest whose kernel is no newer, among
    those with the same kernel the latest whose iptables is no newer, and then one with that backend and init. Of a
    kernel that no release has counts what kernel.org's does. Raises CustomProfileError.
    """
    said = _said(text)
    nearest = _nearest(said)
    kernel = said.kernel or nearest.kernel
    made = nearest if series(kernel) == series(nearest.kernel) else nearest._replace(**kernel_of(kernel)._asdict())
    iptables = said.iptables or nearest.iptables[-1]
    backend = said.backend or nearest.backends[0]
    if backend == "nft" and (iptables_version(iptables) or ()) < _FIRST_NFT:
        raise CustomProfileError(f"iptables {iptables} in a profile has no backend nft, 1.8 was the first with one")
    init = said.init or nearest.init
    return made._replace(
        name=f"kernel={_dotted(kernel)} iptables={iptables} backend={backend} init={init}",
        title=f"Linux {_dotted(kernel)} with iptables {iptables}",
        kernel=kernel,
        iptables=(iptables,),
        backends=(backend,),
        init=init,
        restore_wait=made.restore_wait if made is nearest and iptables in made.iptables else _waits(iptables),
        packages=nearest.name,
    )


def _said(text: str) -> _Said:
    """The words by their keys. Raises CustomProfileError."""
    values: dict[str, str] = {}
    for word in text.split():
        key, sign, value = word.partition("=")
        if key not in _KEYS or not sign:
            raise CustomProfileError(f"{_shown(word)} in a profile, words are kernel=, iptables=, backend= and init=")
        if key in values:
            raise CustomProfileError(f"{key}= twice in a profile")
        values[key] = value
    if not values.keys() & {"kernel", "iptables"}:
        raise CustomProfileError("a profile of one's own wants kernel= or iptables=")
    return _Said(
        _value(values, "kernel", _kernel, "a version such as 5.14"),
        _value(values, "iptables", _iptables, "a version such as 1.8.8"),
        _value(values, "backend", _backend, "nft or legacy"),
        _value(values, "init", _init, "systemd or sysv"),
    )


def _value(values: dict[str, str], key: str, read: Callable[[str], Value | None], wanted: str) -> Value | None:
    if key not in values:
        return None
    value = read(values[key])
    if value is None:
        raise CustomProfileError(f"{_shown(values[key])} as {key} of a profile, {wanted} expected")
    return value


def _kernel(text: str) -> Version | None:
    plain = re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,5}){1,2}", text, re.ASCII)
    return version_of(text) if plain else None


def _iptables(text: str) -> str | None:
    return text if iptables_version(text) else None


def _backend(text: str) -> Backend | None:
    return "nft" if text == "nft" else "legacy" if text == "legacy" else None


def _init(text: str) -> Literal["sysv", "systemd"] | None:
    return "systemd" if text == "systemd" else "sysv" if text == "sysv" else None


def _nearest(said: _Said) -> Profile:
    found: Sequence[Profile] = PROFILES
    if said.kernel:
        found = _no_newer(found, lambda known: series(known.kernel), series(said.kernel))
    if said.iptables:
        wanted = iptables_version(said.iptables) or ()
        shipped = [known for known in found if said.iptables in known.iptables]
        found = shipped or _no_newer(found, lambda known: iptables_version(known.iptables[-1]) or (), wanted)
    if said.backend:
        found = [known for known in found if said.backend in known.backends] or found
        found = [known for known in found if said.backend == known.backends[0]] or found
    if said.init:
        found = [known for known in found if said.init == known.init] or found
    return next((known for known in reversed(found) if known in MODERN), found[-1])


def _no_newer(
    known: Sequence[Profile], of: Callable[[Profile], tuple[int, ...]], wanted: tuple[int, ...]
) -> list[Profile]:
    """Those with the latest version that is no newer than the one wanted; if all are newer, with the oldest."""
    versions = sorted({of(one) for one in known})
    best = next((version for version in reversed(versions) if version <= wanted), versions[0])
    return [one for one in known if of(one) == best]


def _waits(iptables: str) -> bool:
    """Whether this iptables-restore of netfilter.org knows --wait."""
    return (iptables_version(iptables) or ()) >= _FIRST_WAIT


def _dotted(kernel: Version) -> str:
    return ".".join(map(str, kernel)) if kernel[2] else series_text(kernel)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
