"""What size a host's conntrack table is to have: what is set, what is needed, and the arithmetic. Writes no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import Setting
from ruleset_lint.netfilter.lifetimes import FLOWS
from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.netfilter.sysctls import FLOORS, below_floor, default, exists, key_of, number, variable_of
from ruleset_lint.netfilter.table_size import Size, chain_grade, default_size, mean_chain, round_buckets, size_of
from ruleset_lint.rewrite.sizes.advice import ESTABLISHED, advise, expect_time_out, insert_refusals, usual_maximum
from ruleset_lint.rewrite.sizes.demand import Load, Need, need

CORE = ("nf_conntrack", "ip_conntrack", "nf_conntrack_ipv4")
"""Modules that take `hashsize`, by the names that modprobe.d may have for them."""

_LARGEST = 1 << 31
_NOTHING = Load()
_FORGOTTEN = {
    "tcp_timeout_established": "established connections",
    "udp_timeout_stream": "UDP flows",
    "icmp_timeout": "pings",
    "dccp_timeout_open": "DCCP connections",
}


@dataclass(frozen=True, slots=True)
class TablePlan:
    """Values to set. `size` None leaves sizes alone; `established` None leaves the time-out alone."""

    size: Size | None
    established: int | None
    arithmetic: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Given:
    maximum: int | None
    buckets: int | None
    established: int | None


def table_plan(
    host: Host, profile: Profile, *, ram: int | None = None, load: Load = _NOTHING, established: int | None = None
) -> TablePlan:
    """What to set, so that what the user chose is kept unless it is too small for what is asked. Raises SizeError.

    `established`, if given, is the time-out of established connections, whatever is set.
    """
    expect_time_out(established)
    given = _given(host)
    needed = need(load, profile, _timeouts(host))
    maximum, why = _maximum(profile, given, ram, needed, least=_usual(host, profile, ram) if needed.is_glimpse else 0)
    if maximum is None:
        return _without_size(host, established)
    buckets, why_buckets = _fitting(profile, given, maximum)
    size = size_of(buckets, maximum, profile)
    patience, why_patience = (established, _told(established)) if established else _established(profile, given)
    return TablePlan(
        size,
        patience,
        (
            *needed.arithmetic,
            why,
            why_buckets,
            insert_refusals(size, profile),
            *_memory(size, profile, ram),
            why_patience,
        ),
        (*_memory_warnings(size, ram), *_below(host, established)),
    )


def _given(host: Host) -> _Given:
    maximum = _sysctl(host, "max") or _parameter(host, "max")
    return _Given(maximum, _buckets(host), _sysctl(host, "tcp_timeout_established"))


def _without_size(host: Host, established: int | None) -> TablePlan:
    nothing = "neither RAM nor connections nor a size are given: sizes stay as they are"
    told = () if established is None else (_told(established),)
    return TablePlan(None, established, (nothing, *told), tuple(_below(host, established)))


def _timeouts(host: Host) -> dict[str, int]:
    """The time-outs of the host that say how long entries of ended flows stay, as far as they are set."""
    found = {flow.timeout: _sysctl(host, flow.timeout) for flow in FLOWS}
    return {name: value for name, value in found.items() if value is not None}


def _usual(host: Host, profile: Profile, ram: int | None) -> int:
    """Entries that the machine takes as it is: its kernel says so, or has them by itself."""
    variable = variable_of("net.netfilter.nf_conntrack_max")
    key = key_of(variable, profile) if variable else None
    running = host.running.value(key) if host.running and key else None
    return running or (usual_maximum(profile) if ram is None else default_size(ram, profile).maximum)


def _maximum(profile: Profile, given: _Given, ram: int | None, needed: Need, *, least: int) -> tuple[int | None, str]:
    """Entries, and the reason in words; `least` are there in any case."""
    entries = needed.entries
    if ram is None and entries is None:
        return given.maximum, f"maximum {given.maximum}: as it is set, nothing says that it is wrong"
    advised = advise(profile, ram=ram, connections=entries, least=least).size.maximum
    enough = advised if entries is not None else default_size(ram or 0, profile).maximum
    if given.maximum is not None and given.maximum >= enough:
        return given.maximum, f"maximum {given.maximum}: as it is set, {enough} are enough"
    raised = f", {given.maximum} is too small" if given.maximum is not None else ""
    if entries is not None and least > entries + entries // 4:
        return advised, f"maximum {advised}: as many as the machine takes now, of which {entries} were seen{raised}"
    if entries is not None:
        return advised, f"maximum {advised}: {entries} connections and a quarter more, whole pages of buckets{raised}"
    return advised, f"maximum {advised}: what {(ram or 0) >> 20} MiB of RAM allow at a 32nd part of it{raised}"


def _fitting(profile: Profile, given: _Given, maximum: int) -> tuple[int, str]:
    if given.buckets and chain_grade(mean_chain(maximum, given.buckets), profile) == "good":
        return given.buckets, f"buckets {given.buckets}: as they are set, {_chain(maximum, given.buckets)}"
    buckets = round_buckets(maximum if profile.insert_limit else -(-maximum // 2), profile)
    chain = _chain(maximum, buckets)
    if given.buckets is None:
        return buckets, f"buckets {buckets}: {chain}"
    return (
        buckets,
        f"buckets {buckets}: {chain}; with {given.buckets} it would be {mean_chain(maximum, given.buckets):.1f}",
    )


def _chain(maximum: int, buckets: int) -> str:
    return f"2 × {maximum} ÷ {buckets} = {mean_chain(maximum, buckets):.1f} entries a chain of the full table"


def _established(profile: Profile, given: _Given) -> tuple[int | None, str]:
    variable = variable_of("net.netfilter.nf_conntrack_tcp_timeout_established")
    usual = default(variable, profile) if variable else None
    if given.established is None or given.established == usual:
        least = "the least that RFC 5382 asks for"
        return ESTABLISHED, f"established connections: {ESTABLISHED} seconds, {least}; {usual} keep dead ones for days"
    return None, f"established connections: {given.established} seconds, as it is set"


def _memory(size: Size, profile: Profile, ram: int | None) -> Iterator[str]:
    buckets = f"{size.buckets} × {profile.bucket_bytes} bytes"
    entries = f"{size.maximum} × {profile.entry_bytes} bytes"
    share = f", {100 * size.total_bytes / ram:.1f} % of RAM" if ram else ""
    yield f"memory of the full table: {buckets} + {entries} = {size.total_bytes >> 20} MiB{share}"


def _memory_warnings(size: Size, ram: int | None) -> Iterator[str]:
    if ram is not None and size.total_bytes > ram // 8:
        yield f"the full table takes {size.total_bytes >> 20} MiB of {ram >> 20} MiB of RAM"


def _below(host: Host, established: int | None) -> Iterator[str]:
    """What to know of time-outs, as they are or as one is asked for, that are shorter than a standard allows."""
    for name in FLOORS:
        variable = variable_of(f"net.netfilter.nf_conntrack_{name}")
        seconds = _sysctl(host, name)
        if name == "tcp_timeout_established":
            seconds = established or seconds
        floor = below_floor(variable, seconds) if variable and seconds is not None else None
        if floor:
            yield f"{_FORGOTTEN[name]} are forgotten after {seconds} seconds, {floor.source} wants {floor.seconds}"


def _told(established: int) -> str:
    return f"established connections: {established} seconds, as asked for"


def settings_of(host: Host, name: str) -> tuple[Setting, ...]:
    """The settings that name a conntrack variable by the key of any kernel, in the order in which they are applied."""
    found = host.sysctl.all if host.sysctl else ()
    return tuple(
        setting for setting in found if (variable := variable_of(setting.key)) is not None and variable.name == name
    )


def keeper_of(settings: Sequence[Setting], profiles: Sequence[Profile]) -> Setting | None:
    """The setting that counts, or if none has a name of this kernel, the one that was meant to."""
    live = [setting for setting in settings if not is_dead(setting, profiles)]
    return next(iter((live or list(settings))[::-1]), None)


def is_dead(setting: Setting, profiles: Sequence[Profile]) -> bool:
    """Whether no kernel of the releases has the key."""
    return not any(exists(setting.key, profile) for profile in profiles)


def _sysctl(host: Host, name: str) -> int | None:
    keeper = keeper_of(settings_of(host, name), host.profiles)
    return _number((keeper,) if keeper else ())


def _buckets(host: Host) -> int | None:
    return _parameter(host, "hashsize") or _sysctl(host, "buckets")


def _parameter(host: Host, name: str) -> int | None:
    """A number behind an option of the core modules, `name = 9` in three words included."""
    words = [option for module, option in (host.modprobe.all if host.modprobe else ()) if module in CORE]
    found: int | None = None
    for index, option in enumerate(words):
        if option.key == name or option.key.endswith(f"conntrack_{name}"):
            spaced = [
                word.key for word in words[index + 1 : index + 3] if word.line is option.line and word.value is None
            ]
            value = option.value or (spaced[0].lstrip("=") or spaced[-1] if spaced else "")
            found = _size(value) or found
    return found


def _number(settings: tuple[Setting, ...]) -> int | None:
    return _size(settings[0].value or "") if settings else None


def _size(text: str) -> int | None:
    value = number(text)
    return value if value is not None and 0 < value < _LARGEST else None
