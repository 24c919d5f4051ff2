"""What size and patience to give a conntrack table, and by which setting. Writes no file."""

from __future__ import annotations

from dataclasses import dataclass

from ruleset_lint.netfilter.modules import registered_by
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import FLOORS, VARIABLES, key_of
from ruleset_lint.netfilter.table_size import (
    ChainGrade,
    Size,
    chain_grade,
    default_size,
    given_size,
    round_buckets,
    size_of,
)

__all__ = ["Advice", "Carriers", "Size", "SizeError", "advise", "default_size", "given_size", "size_of"]

ESTABLISHED = FLOORS["tcp_timeout_established"].seconds
"""Seconds after which a silent TCP connection is forgotten, unless told otherwise: the least that RFC 5382 allows."""

_LARGEST = 1 << 27  # entries: 32 GiB and more; beyond that a number was mistyped
_LARGEST_UNASKED = 1 << 20
_SHARE = 32  # a table sized by RAM takes at most the 32nd part of it


class SizeError(ValueError):
    """A wish that no table fulfils; its text says why."""


@dataclass(frozen=True, slots=True)
class Carriers:
    """Where a profile takes the values from: at boot from modprobe and sysctl, at once from files of /proc and /sys.

    `modprobe_line` does nothing where conntrack is built into the kernel; there `command_line` does. `modules` must be
    loaded before the sysctls are applied. `live_files` are to be written in their order.
    """

    modprobe_line: str
    command_line: str
    sysctls: tuple[tuple[str, int], ...]
    live_files: tuple[tuple[str, int], ...]
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommended table and time-out, how this kernel copes with it, and what to keep in mind."""

    size: Size
    established: int
    grade: ChainGrade
    carriers: Carriers
    warnings: tuple[str, ...]


def advise(
    profile: Profile,
    *,
    ram: int | None = None,
    connections: int | None = None,
    established: int = ESTABLISHED,
    extended: bool = False,
) -> Advice:
    """The table for so many connections at once, or the one that so many bytes of RAM allow; connections count more.

    `extended`: each entry carries accounting or a helper. Raises SizeError for wishes that are no size.
    """
    _expect("connections", connections, _LARGEST)
    _expect("bytes of RAM", ram, 1 << 50)
    _expect("seconds", established, (2**31 - 1) // 1000)
    if ram is None and connections is None:
        raise SizeError("neither RAM nor a number of connections is given")
    wanted = _for_ram(ram, profile, extended=extended) if connections is None else connections + connections // 4
    if ram is not None:
        wanted = max(wanted, default_size(ram, profile).maximum)
    size = _sized(wanted, profile, extended=extended)
    grade = chain_grade(size.mean_chain, profile)
    return Advice(size, established, grade, _carriers(size, established, profile), _warnings(size, ram, established))


def _expect(what: str, number: int | None, largest: int) -> None:
    if number is not None and not 1 <= number <= largest:
        raise SizeError(f"{number} {what}, 1 to {largest} expected")


def _for_ram(ram: int | None, profile: Profile, *, extended: bool) -> int:
    """Entries, a power of two, whose memory is a small share of the RAM."""
    one = size_of(_per_bucket(profile), _per_bucket(profile), profile, extended=extended)
    affordable = (ram or 0) // _SHARE * _per_bucket(profile) // max(one.total_bytes, 1)
    return min(1 << max(affordable.bit_length() - 1, 0), _LARGEST_UNASKED)


def _per_bucket(profile: Profile) -> int:
    """Entries a bucket: a mean chain of 2, as kernels make it since 5.15, or of 4 where a long one only costs time."""
    return 1 if profile.insert_limit else 2


def _sized(wanted: int, profile: Profile, *, extended: bool) -> Size:
    buckets = round_buckets(-(-wanted // _per_bucket(profile)), profile)
    return size_of(buckets, buckets * _per_bucket(profile), profile, extended=extended)


def _carriers(size: Size, established: int, profile: Profile) -> Carriers:
    module = "ip_conntrack" if profile.names == "ip_conntrack" else "nf_conntrack"
    values = {"max": size.maximum, "tcp_timeout_established": established}
    keys = [(key_of(variable, profile), values[variable.name]) for variable in VARIABLES if variable.name in values]
    sysctls = tuple((key, value) for key, value in keys if key)
    hashsize = (f"/sys/module/{module}/parameters/hashsize", size.buckets)
    return Carriers(
        modprobe_line=f"options {module} hashsize={size.buckets}",
        command_line=f"{module}.hashsize={size.buckets}",
        sysctls=sysctls,
        live_files=(hashsize, *(("/proc/sys/" + key.replace(".", "/"), value) for key, value in sysctls)),
        modules=registered_by("tcp_timeout_established", profile)[:1],
    )


def _warnings(size: Size, ram: int | None, established: int) -> tuple[str, ...]:
    warnings = []
    if ram is not None and size.total_bytes > ram // 8:
        warnings.append(f"the full table takes {size.total_bytes >> 20} MiB of {ram >> 20} MiB of RAM")
    if established < ESTABLISHED:
        warnings.append(f"RFC 5382 wants {ESTABLISHED} seconds at least for established TCP connections behind NAT")
    return tuple(warnings)
