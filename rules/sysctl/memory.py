"""sysctl/memory"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from ruleset_lint.lint import Configuration, Finding, Fix, Safety, Severity, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import Setting
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import number
from ruleset_lint.netfilter.table_size import Size, default_size, given_size, round_buckets, size_of

from . import _shared

_SHARE = 8  # a full table may take the 8th part of the RAM


class _Table(NamedTuple):
    size: Size
    cause: Setting
    extended: bool


@rule(Severity.WARNING, yields_to=("sysctl/hashsize-sets-max",))
def memory(host: Host, profiles: tuple[Profile, ...], configuration: Configuration) -> Iterator[Finding]:
    """A full conntrack table takes a large part of the RAM

    ## What it does
    Needs the RAM: `ram` in the configuration, or a live machine. Works out what the buckets take and what the entries
    take when the table is full, and fires above an eighth of the RAM.

    ## Why is this bad?
    The memory of entries is the kernel's, which cannot be swapped out. Whoever opens connections can make the host use
    it, and then programs are killed for want of memory where a smaller table would have dropped connections.

    ## Example
    ```
    # on a machine with 4 GiB
    net.netfilter.nf_conntrack_max = 16777216
    ```

    ## Use instead
    ```
    net.netfilter.nf_conntrack_max = 1048576
    ```

    ## Fix safety
    Manual: how many connections the host has to take is for a person to say.

    ## Since
    All kernels. An entry takes 384 bytes on EL5 to EL7, 320 on EL8, 256 from 5.14 on, and 128 more with accounting.

    ## Source
    Slabs measured on kernel 6.18: 100,000 entries take 25 MiB, 37.5 MiB with `nf_conntrack_acct`; struct nf_conn of
    Linux 2.6.32 to 6.12.
    """
    ram = configuration.ram or (host.running.memory if host.running else None)
    tables = {profile: table for profile in profiles if ram and (table := _table(host, profile, ram))}
    judgement = judge(profiles, partial(_is_large, tables, ram or 0))
    if not judgement or not ram:
        return
    profile = min(judgement.holds, key=lambda one: tables[one].size.total_bytes)
    size, cause, extended = tables[profile]
    entry = size.entries_bytes // max(size.maximum, 1)
    where = f" ({judgement.where})" if judgement.where else ""
    yield Finding(
        _shared.place(cause),
        f"a full table takes {size.total_bytes >> 20} MiB of {ram >> 20} MiB of RAM{where}",
        help=(f"{size.maximum} entries of {entry} bytes{', with accounting' if extended else ''}",),
        fix=Fix(f"a maximum of {ram // _SHARE // entry} takes an eighth of it", safety=Safety.MANUAL),
        confidence=judgement.confidence,
    )


def _table(host: Host, profile: Profile, ram: int) -> _Table | None:
    """The table that the files make on this kernel; None where they leave its size alone or take its limit away."""
    given = _shared.hashsize(host, profile)
    setting = _shared.setting_of("max", host, profile)
    base = given_size(given[1], profile) if given else default_size(ram, profile)
    maximum = number(setting.value or "") if setting else base.maximum
    cause = setting or (given[0] if given else None)
    if cause is None or not maximum or maximum < 0:
        return None
    extended = _is_accounted(host, profile)
    return _Table(size_of(round_buckets(base.buckets, profile), maximum, profile, extended=extended), cause, extended)


def _is_accounted(host: Host, profile: Profile) -> bool:
    """Whether each entry carries counters."""
    setting = _shared.setting_of("acct", host, profile)
    option = host.modprobe.option(_shared.options_module(profile), "acct") if host.modprobe else None
    value = setting.value if setting else option.value if option else None
    return value in {"1", "Y", "y"}


def _is_large(tables: dict[Profile, _Table], ram: int, profile: Profile) -> bool:
    return profile in tables and tables[profile].size.total_bytes > ram // _SHARE
