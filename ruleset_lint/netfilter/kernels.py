"""What kernel.org's kernels do with conntrack, by version. Knows no release, and not what distributions change."""

import re
from typing import NamedTuple, TypeVar

from ruleset_lint.netfilter.release import HelperAssignment, Hooks, Names, NotrackSpelling, Profile, TableDefaults

Version = tuple[int, int, int]
Value = TypeVar("Value")

_Since = tuple[tuple[Version, Value], ...]
"""Values with the first version that has each, the newest first."""

_OLDEST = (0, 0, 0)
# Read in the sources of 2.6.18, 2.6.32, 3.10, 4.14.67, 4.15, 4.19.108, 5.4.214, 5.10.13, 5.15.100, 6.1.192 and
# 6.12.117; what changed between two of them, by the commits named or from the later one on
_NAMES: _Since[Names] = (((4, 19, 0), "merged"), ((2, 6, 20), "split"), (_OLDEST, "ip_conntrack"))
_HOOKS: _Since[Hooks] = (((4, 14, 0), "on-demand"), (_OLDEST, "when-loaded"))  # 0c66dc1ea3f0 of 4.10, read in 4.14.67
_HELPERS: _Since[HelperAssignment] = (
    ((6, 1, 0), "removed"),  # b118509076b3
    ((4, 7, 0), "sysctl-off"),  # 3bb398d925ec
    ((3, 5, 0), "sysctl-on"),  # a9006892643a
    (_OLDEST, "always"),
)
_TABLES: _Since[TableDefaults] = (
    ((5, 15, 0), TableDefaults(floor=1024, above_1g=65536, above_4g=262144, factor=1)),  # d532bcd0b269
    ((4, 0, 0), TableDefaults(floor=32, above_1g=16384, above_4g=65536, factor=4)),
    ((2, 6, 25), TableDefaults(floor=32, above_1g=16384, above_4g=16384, factor=4, maximum_first=True)),
    (_OLDEST, TableDefaults(floor=16, above_1g=8192, above_4g=8192, factor=8, whole_pages=False)),
)
# c77737b736ce of 6.3 was taken into the stable 6.1 too, not into 5.15 (read in 5.15.100 and 6.1.192)
_INSERT_LIMITS: _Since[int | None] = (
    ((6, 3, 0), 50),
    ((6, 2, 0), 8),
    ((6, 1, 0), 50),
    ((5, 15, 0), 8),
    (_OLDEST, None),
)
# struct nf_conn takes 256 bytes since 4.14 (its fields added up, in cache lines of 64 bytes); up to 5.15 each entry has
# its extensions beside it, 128 bytes at least, for events are on (NF_CT_EXT_PREALLOC of nf_conntrack_extend.c)
_ENTRIES: _Since[int] = (((6, 1, 0), 256), (_OLDEST, 384))
_ARRAYS_OF_POINTERS = (2, 6, 25)
_IPV6 = (2, 6, 20)
_CT_TARGET = (3, 8, 0)
_BUCKETS_WRITABLE = (4, 7, 0)


class Kernel(NamedTuple):
    """The part of a profile that follows from its kernel; the fields are those of Profile."""

    kernel: Version
    names: Names
    hooks: Hooks
    helper_auto: HelperAssignment
    has_ct_target: bool
    notrack_spelling: NotrackSpelling
    v6_tracking: bool
    buckets_writable: bool
    insert_limit: int | None
    entry_bytes: int
    bucket_bytes: int
    table: TableDefaults
    mainline: bool = True


def kernel_of(version: Version) -> Kernel:
    """What kernel.org's kernel of that version does."""
    has_ct_target = version >= _CT_TARGET
    return Kernel(
        kernel=version,
        names=_at(_NAMES, version),
        hooks=_at(_HOOKS, version),
        helper_auto=_at(_HELPERS, version),
        has_ct_target=has_ct_target,
        notrack_spelling="CT --notrack" if has_ct_target else "NOTRACK",
        v6_tracking=version >= _IPV6,
        buckets_writable=version >= _BUCKETS_WRITABLE,
        insert_limit=_at(_INSERT_LIMITS, version),
        entry_bytes=_at(_ENTRIES, version),
        bucket_bytes=8 if version >= _ARRAYS_OF_POINTERS else 16,
        table=_at(_TABLES, version),
    )


def with_kernel(profile: Profile, version: Version) -> Profile:
    """The release with another kernel than its own: kernel.org's of that version."""
    if series(version) == series(profile.kernel):
        return profile
    title = f"{profile.title.split(' with ')[0]} with Linux {series_text(version)}"
    return profile._replace(title=title, packages=profile.release, **kernel_of(version)._asdict())


def series(version: Version) -> Version:
    """What kernels have in common that differ by fixes only: 5.15, and 2.6.32 of the old numbers."""
    return version if version[0] < 3 else (*version[:2], 0)


def series_text(version: Version) -> str:
    """A series as people say it."""
    return ".".join(map(str, version if version[0] < 3 else version[:2]))


def version_of(text: str) -> Version | None:
    """The version that a text begins with, "5.15" or "5.15.0-118-generic"; None if it begins with none."""
    found = re.match(r"([0-9]{1,3})\.([0-9]{1,3})(?:\.([0-9]{1,5}))?(?![0-9])", text, re.ASCII)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _at(values: _Since[Value], version: Version) -> Value:
    return next(value for since, value in values if version >= since)
