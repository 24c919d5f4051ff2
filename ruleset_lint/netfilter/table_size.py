"""How big a kernel makes the conntrack table, what that costs, and how long its chains get. Pure arithmetic."""

from typing import Literal, NamedTuple

from ruleset_lint.netfilter.releases import Profile

ChainGrade = Literal["good", "long", "refused"]

GIB = 1 << 30
_PAGE = 4096
_GIVEN_FACTOR = 8  # entries a bucket where hashsize is given, on every kernel (nf_conntrack_core.c)


class Size(NamedTuple):
    """A conntrack table: its buckets, and how many entries it takes before new connections are dropped.

    `table_bytes` is what the buckets take at once, `entries_bytes` what the entries take when the table is full.
    """

    buckets: int
    maximum: int
    table_bytes: int
    entries_bytes: int

    @property
    def mean_chain(self) -> float:
        """Entries a bucket of the full table; each connection is in two of them."""
        return mean_chain(self.maximum, self.buckets)

    @property
    def total_bytes(self) -> int:
        """Memory of the full table."""
        return self.table_bytes + self.entries_bytes


def size_of(buckets: int, maximum: int, profile: Profile, *, extended: bool = False) -> Size:
    """The size of a table with so many buckets and entries; `extended` counts accounting or helpers on each entry."""
    entry = profile.entry_bytes + (profile.extension_bytes if extended else 0)
    return Size(buckets, maximum, buckets * profile.bucket_bytes, maximum * entry)


def mean_chain(maximum: int, buckets: int) -> float:
    """Entries a bucket of a full table. Raises ValueError without buckets."""
    if buckets < 1:
        raise ValueError(f"{buckets} buckets, at least 1 expected")
    return 2 * maximum / buckets


def round_buckets(wanted: int, profile: Profile) -> int:
    """The buckets that a kernel makes when so many are asked for: whole pages of list heads, but for EL5.

    Source: nf_ct_alloc_hashtable; ip_conntrack_core.c of 2.6.18 does not round.
    """
    wanted = max(wanted, 1)
    if not profile.table.whole_pages:
        return wanted
    heads = _PAGE // profile.bucket_bytes
    return -(-wanted // heads) * heads


def default_size(ram: int, profile: Profile) -> Size:
    """The table of a 64-bit kernel on a machine with so many bytes of RAM, where hashsize is not given.

    The kernel counts the memory it has left after its own start, some percent less than what is built in.
    """
    table = profile.table
    wanted = ram // 16384 // profile.bucket_bytes
    if ram > 4 * GIB:
        wanted = table.above_4g
    elif ram > GIB:
        wanted = table.above_1g
    return _made(max(wanted, table.floor), table.factor, profile)


def given_size(hashsize: int, profile: Profile) -> Size:
    """The table of a kernel that is given a hashsize when the module loads, before any sysctl is applied."""
    return _made(hashsize, _GIVEN_FACTOR, profile)


def _made(wanted: int, factor: int, profile: Profile) -> Size:
    buckets = round_buckets(wanted, profile)
    counted = wanted if profile.table.maximum_first else buckets
    return size_of(buckets, counted * factor, profile)


def chain_grade(chain: float, profile: Profile) -> ChainGrade:
    """How a full table with so many entries a bucket does on this kernel.

    From 5.15 on an insertion into a chain that has grown too long is refused (commit d7e7747ac5c2): with limits of 8 to
    31 a table is reliable up to 10 entries a bucket, with 50 and more (commit c77737b736ce) up to 20.
    """
    if profile.insert_limit is None:
        return "long" if chain > 8 else "good"
    if chain > (20 if profile.insert_limit >= 50 else 10):
        return "refused"
    return "long" if chain > 4 else "good"
