"""What size and patience to give a conntrack table, and by which setting. Writes no file."""

from __future__ import annotations

from dataclasses import dataclass

from ruleset_lint.netfilter.lifetimes import FLOWS, lifetime
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import FLOORS
from ruleset_lint.netfilter.table_size import (
    GIB,
    ChainGrade,
    Size,
    chain_grade,
    default_size,
    given_size,
    round_buckets,
    size_of,
)
from ruleset_lint.rewrite.sizes.carriers import Carrier, carriers

__all__ = [
    "Advice",
    "Size",
    "SizeError",
    "advise",
    "default_size",
    "given_size",
    "insert_refusals",
    "size_of",
    "timeouts",
    "usual_maximum",
]

ESTABLISHED = FLOORS["tcp_timeout_established"].seconds
"""Seconds after which a silent TCP connection is forgotten, unless told otherwise: the least that RFC 5382 allows."""

_LARGEST = 1 << 27  # entries: 32 GiB and more; beyond that a number was mistyped
_LARGEST_UNASKED = 1 << 20
_SHARE = 32  # a table sized by RAM takes at most the 32nd part of it


class SizeError(ValueError):
    """A wish that no table fulfils; its text says why."""


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommended table and time-out, how this kernel copes with it, and what to keep in mind."""

    size: Size
    established: int
    grade: ChainGrade
    carriers: tuple[Carrier, ...]
    warnings: tuple[str, ...]


def advise(
    profile: Profile,
    *,
    ram: int | None = None,
    connections: int | None = None,
    established: int = ESTABLISHED,
    extended: bool = False,
    least: int = 0,
) -> Advice:
    """The table for so many connections at once, or the one that so many bytes of RAM allow; connections count more.

    `extended`: each entry carries accounting or a helper. `least` entries it takes in any case. Raises SizeError for
    wishes that are no size.
    """
    _expect("connections", connections, _LARGEST)
    _expect("bytes of RAM", ram, 1 << 50)
    expect_time_out(established)
    if ram is None and connections is None:
        raise SizeError("neither RAM nor a number of connections is given")
    wanted = _for_ram(ram, profile, extended=extended) if connections is None else connections + connections // 4
    if ram is not None:
        wanted = max(wanted, default_size(ram, profile).maximum)
    size = _sized(max(wanted, least), profile, extended=extended)
    grade = chain_grade(size.mean_chain, profile)
    carried = carriers(size, (("tcp_timeout_established", established),), profile)
    return Advice(size, established, grade, carried, _warnings(size, ram, established))


def expect_time_out(seconds: int | None) -> None:
    """Raise SizeError for what is no time-out that a kernel takes."""
    _expect("seconds", seconds, (2**31 - 1) // 1000)


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


def timeouts(profile: Profile, established: int) -> tuple[tuple[str, int], ...]:
    """The time-outs by which a table fills and empties, in seconds: the advised one, then those of the kernel."""
    return (("tcp_timeout_established", established), *((flow.timeout, lifetime(flow, profile)) for flow in FLOWS))


def usual_maximum(profile: Profile) -> int:
    """Entries that this kernel takes where nobody says otherwise, on a machine with more than 1 GiB of RAM."""
    return default_size(2 * GIB, profile).maximum


def insert_refusals(size: Size, profile: Profile) -> str:
    """Whether this kernel refuses an entry for the length of its chain while the table is not full."""
    if profile.insert_limit is None:
        return "this kernel refuses no entry for the length of its chain; a long one only costs time"
    since = f"this kernel may refuse an entry for a chain of {profile.insert_limit} or more"
    if chain_grade(size.mean_chain, profile) == "refused":
        return f"{since}: it does before this table is full"
    return f"{since}: at {size.mean_chain:.1f} on average, hardly any are"


def _warnings(size: Size, ram: int | None, established: int) -> tuple[str, ...]:
    warnings = []
    if ram is not None and size.total_bytes > ram // 8:
        warnings.append(f"the full table takes {size.total_bytes >> 20} MiB of {ram >> 20} MiB of RAM")
    if established < ESTABLISHED:
        warnings.append(f"RFC 5382 wants {ESTABLISHED} seconds at least for established TCP connections behind NAT")
    return tuple(warnings)
