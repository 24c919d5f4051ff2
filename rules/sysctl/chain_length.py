"""sysctl/chain-length"""

from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint.lint import Configuration, Finding, Fix, Judgement, Place, Severity, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import Setting
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import canonical, key_of, number, variable_of
from ruleset_lint.netfilter.table_size import GIB, chain_grade, default_size, given_size, mean_chain, round_buckets

from . import _shared

_MUCH_RAM = 64 * GIB  # where RAM is not known: as many buckets as the kernel would ever make by itself


class _Table(NamedTuple):
    """The table as configured; a setting is None where the kernel's own value counts."""

    maximum: int
    buckets: int
    maximum_from: Setting | None
    buckets_from: Setting | None

    @property
    def chain(self) -> float:
        return mean_chain(self.maximum, self.buckets)


@rule(Severity.WARNING, yields_to=("sysctl/hashsize-sets-max",))
def chain_length(host: Host, profiles: tuple[Profile, ...], configuration: Configuration) -> Iterator[Finding]:
    """The conntrack table has too few buckets for the entries it may take

    ## What it does
    Works out how many entries a bucket holds when the table is full: twice the maximum over the number of buckets,
    since each connection is in two. Where nothing sets the buckets it takes what the kernel makes of the RAM (`ram` in
    the configuration), and without that what it makes at best.

    ## Why is this bad?
    Every packet walks a chain. Above 8 entries that is felt under load. Kernels from 5.15 on refuse to insert into
    a chain that has grown too long: the packet is dropped although the table is not full (`chaintoolong` in
    `conntrack -S`). That is an error above 10 entries a bucket with limits of 8 to 31, above 20 with limits of 50 and
    more, and a warning above 4.

    ## Example
    ```
    # 8 GiB of RAM on EL8: 65536 buckets
    net.netfilter.nf_conntrack_max = 1048576
    ```

    ## Use instead
    ```
    # etc/modprobe.d/nf_conntrack.conf
    options nf_conntrack hashsize=524288
    ```

    ## Fix safety
    The rewriter writes both numbers; a bucket takes 8 bytes.

    ## Since
    All kernels. Inserts are refused from Linux 5.15 on and on EL9.

    ## Source
    nf_conntrack_core.c of Linux 2.6.32 to 6.12; commits d7e7747ac5c2, c9c3b6811f74 and c77737b736ce for the limits.
    """
    tables = {profile: table for profile in profiles if (table := _table(host, profile, configuration.ram))}
    grades = {profile: chain_grade(table.chain, profile) for profile, table in tables.items()}
    judgement = judge(profiles, lambda profile: grades.get(profile, "good") != "good")
    if judgement:
        best = min(judgement.holds, key=lambda profile: tables[profile].chain)
        refusing = [profile for profile in judgement.holds if grades[profile] == "refused"]
        least = configuration.ram is None or len(judgement.holds) > 1
        yield _finding(tables[best], best, judgement, refusing, least=least)


def _finding(table: _Table, best: Profile, judgement: Judgement, refusing: list[Profile], *, least: bool) -> Finding:
    first, *others = [one for one in (table.maximum_from, table.buckets_from) if one]
    by_default = table.buckets_from is None
    chain = f"{'at least ' if by_default and least else ''}{table.chain:.3g} entries a bucket"
    where = f" ({judgement.where})" if judgement.where else ""
    titles = ", ".join(profile.title for profile in refusing)
    return Finding(
        Place(first.document, first.span),
        f"a full table has {chain}: {table.maximum} entries, {table.buckets} buckets{where}",
        related=tuple(Place(one.document, one.span, "the number of buckets") for one in others),
        help=(f"on {titles} new connections are refused before the table is full",) if refusing else (),
        fix=_fix(table, best),
        severity=Severity.ERROR if len(refusing) == len(judgement.holds) else None,
        confidence=judgement.confidence,
        by_absence=by_default or table.maximum_from is None,
    )


def _table(host: Host, profile: Profile, ram: int | None) -> _Table | None:
    """The table that the files make on this kernel; None where they leave it alone or take its limit away."""
    module = _shared.options_module(profile)
    option = host.modprobe.option(module, "hashsize") if host.modprobe else None
    hashsize = _positive(option)
    maximum_from, buckets_from = _setting("max", host, profile), _setting("buckets", host, profile)
    base = given_size(hashsize, profile) if hashsize else default_size(ram or _MUCH_RAM, profile)
    buckets_set = _positive(buckets_from) if profile.buckets_writable else None
    buckets = round_buckets(buckets_set, profile) if buckets_set else base.buckets
    maximum = number(maximum_from.value or "") if maximum_from else base.maximum
    if not maximum or maximum < 0 or not (maximum_from or hashsize or buckets_set):
        return None
    return _Table(maximum, buckets, maximum_from, buckets_from if buckets_set else option if hashsize else None)


def _setting(name: str, host: Host, profile: Profile) -> Setting | None:
    """The setting of a variable that counts on this kernel."""
    key = key_of(variable, profile) if (variable := variable_of(f"net.netfilter.nf_conntrack_{name}")) else None
    found = host.sysctl.settings(key) if host.sysctl and key else ()
    return next((one for one in reversed(found) if canonical(one.key, profile) == key), None)


def _positive(setting: Setting | None) -> int | None:
    found = number(setting.value or "") if setting else None
    return found if found and 0 < found < 1 << 31 else None


def _fix(table: _Table, profile: Profile) -> Fix:
    """More buckets for the maximum that is set, else a maximum for the buckets that are."""
    per_bucket = 1 if profile.insert_limit else 2
    if table.maximum_from is None:
        wanted = table.buckets * per_bucket
        return Fix(f"`ruleset-lint rewrite` sets the maximum to {wanted} in a sysctl file", emits="sysctl")
    buckets = round_buckets(-(-table.maximum // per_bucket), profile)
    line = f"options {_shared.options_module(profile)} hashsize={buckets}"
    return Fix(f"`ruleset-lint rewrite` writes `{line}` to modprobe.d", emits="modprobe")
