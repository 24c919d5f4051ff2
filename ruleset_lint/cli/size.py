"""`ruleset-lint size`: the conntrack table that a machine should have, and what carries each value there."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ruleset_lint.cli.dump import read_dump
from ruleset_lint.cli.requests import SizeRequest
from ruleset_lint.cli.terminal import complain, put
from ruleset_lint.gather import UnreadableError, gather_root
from ruleset_lint.lint.configuration_values import parse_size
from ruleset_lint.netfilter.profiles import PROFILES, Profile, UnknownProfileError, profile
from ruleset_lint.netfilter.services import service_name
from ruleset_lint.netfilter.sysctls import FLOORS
from ruleset_lint.rewrite.sizes.advice import (
    ESTABLISHED,
    Advice,
    Size,
    SizeError,
    advise,
    insert_refusals,
    timeouts,
    usual_maximum,
)
from ruleset_lint.rewrite.sizes.carriers import Carrier
from ruleset_lint.rewrite.sizes.demand import Load, Need, need, parse_rate
from ruleset_lint.rewrite.sizes.observed import IDLE, Observed, observed


class _Answer(NamedTuple):
    """What is printed: a size for a release, and how it was found."""

    release: Profile
    reason: str
    load: Load
    need: Need
    advice: Advice


def run(request: SizeRequest) -> int:
    """Print the size and where each value goes."""
    try:
        answer = _answer(request)
    except (ValueError, UnknownProfileError, UnreadableError) as error:
        complain(str(error))
        return 2
    if request.output_format == "json":
        put(json.dumps(_as_json(answer), indent=2) + "\n")
    else:
        put("".join(f"{line}\n" for line in _lines(answer)))
    return 0


def complete(incomplete: str) -> list[str]:
    """Names of profiles that begin so."""
    return [known.name for known in PROFILES if known.name.startswith(incomplete)]


def _answer(request: SizeRequest) -> _Answer:
    """Raises ValueError for numbers that are none, UnknownProfileError, UnreadableError."""
    load = Load(
        request.connections,
        tuple(map(parse_rate, request.rates)),
        request.lasting,
        observed(read_dump(request.conntrack)) if request.conntrack else None,
    )
    if request.ram is None and load == Load(lasting=load.lasting):
        raise SizeError("give --ram (16G), --connections (500000), --rate (2000) or --conntrack FILE, or several")
    release, why = _release(request.profile)
    counted = need(load, release)
    advice = advise(
        release,
        ram=None if request.ram is None else parse_size(request.ram),
        connections=counted.entries,
        least=usual_maximum(release) if counted.is_glimpse and request.ram is None else 0,
        established=ESTABLISHED if request.established is None else request.established,
    )
    return _Answer(release, why, load, counted, advice)


def _release(name: str | None) -> tuple[Profile, str]:
    """The release that is asked for, else the one that this machine says it is, else the newest."""
    if name is not None:
        return profile(name), "as asked for"
    host = gather_root(Path("/")).host
    if len(host.profiles) == 1:
        return host.profiles[0], f"this machine: {host.profile_reason}"
    return PROFILES[-1], "the newest known, for want of --profile"


def _lines(answer: _Answer) -> list[str]:
    advice, size = answer.advice, answer.advice.size
    return [
        f"{answer.release.title} ({answer.reason})",
        *(f"  {line}" for line in _observed_lines(answer.load.observed)),
        *(f"  {line}" for line in answer.need.arithmetic),
        f"  {size.maximum} connections in {size.buckets} buckets{_why(answer)}",
        f"  2 × {size.maximum} ÷ {size.buckets} = {size.mean_chain:.1f} entries a chain when full",
        f"  {insert_refusals(size, answer.release)}",
        f"  memory: {_memory(size)}",
        *(f"  {line}" for line in _timeout_lines(answer)),
        *_carrier_lines(advice.carriers),
        *(f"note: {warning}" for warning in advice.warnings),
    ]


def _why(answer: _Answer) -> str:
    if answer.need.entries is None:
        return ": at most a 32nd part of the memory"
    if answer.need.is_glimpse and answer.need.entries * 5 // 4 < answer.advice.size.maximum // 2:
        return ": no fewer than the kernel itself takes"
    return f": {answer.need.entries} and a quarter more, in whole pages"


def _observed_lines(found: Observed | None) -> list[str]:
    if found is None:
        return []
    states = ", ".join(f"{count} {protocol} {state}".rstrip() for protocol, state, count in found.states[:6])
    lines = [f"the dump has {found.size} entries ({found.unreplied} without a reply): {states}"]
    for service, count in found.services:
        name = service_name(service)
        named = f" ({name})" if name else ""
        lines.append(f"{service}{named}: {count} entries, {found.share(count)} %")
    lines += map(str, found.estimates)
    if found.idle:
        lines.append(
            f"{found.idle} established connections have been silent for more than {IDLE} seconds: "
            f"with tcp_timeout_established = {IDLE} they would be gone"
        )
    return lines


def _carrier_lines(carriers: tuple[Carrier, ...]) -> list[str]:
    """Carriers by where they stand: file by file, then the command line, then what counts at once."""
    lines: list[str] = []
    for (at_boot, means, place), group in groupby(carriers, lambda one: (one.at_boot, one.means, one.place)):
        shown = list(group)
        lines.append(f"{place} ({means})" if place else "kernel command line")
        told = ""
        for one in shown:
            lines.append(f"  {one.text}" if at_boot else f"  echo {one.text} > {one.place}")
            lines += [f"    {one.why}"] if one.why != told else []
            told = one.why
    return lines


def _timeout_lines(answer: _Answer) -> list[str]:
    """The time-outs that fill or empty a table, with what a standard asks for."""
    lines = []
    for name, seconds in timeouts(answer.release, answer.advice.established):
        floor = FLOORS.get(name)
        asked = f", {floor.source} asks for {floor.seconds} at least" if floor else ""
        lines.append(f"{name}: {seconds} seconds{asked}")
    return lines


def _memory(size: Size) -> str:
    buckets, entries, total = map(_mebibytes, (size.table_bytes, size.entries_bytes, size.total_bytes))
    return f"{buckets} of buckets at once + {entries} of entries = {total} when full"


def _mebibytes(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"


def _as_json(answer: _Answer) -> dict[str, object]:
    size, found = answer.advice.size, answer.load.observed
    return {
        "profile": answer.release.name,
        "reason": answer.reason,
        "entries": answer.need.entries,
        "arithmetic": list(answer.need.arithmetic),
        "maximum": size.maximum,
        "buckets": size.buckets,
        "mean_chain": size.mean_chain,
        "grade": answer.advice.grade,
        "insert_refusals": insert_refusals(size, answer.release),
        "bytes": {"buckets": size.table_bytes, "entries": size.entries_bytes, "total": size.total_bytes},
        "timeouts": dict(timeouts(answer.release, answer.advice.established)),
        "floors": {name: {"seconds": floor.seconds, "source": floor.source} for name, floor in FLOORS.items()},
        "carriers": [one._asdict() for one in answer.advice.carriers],
        "observed": None if found is None else _observed_as_json(found),
        "warnings": list(answer.advice.warnings),
    }


def _observed_as_json(found: Observed) -> dict[str, object]:
    return {
        "entries": found.size,
        "states": [{"protocol": protocol, "state": state, "entries": count} for protocol, state, count in found.states],
        "services": [{"service": str(service), "entries": count} for service, count in found.services],
        "unreplied": found.unreplied,
        "estimates": [{**one._asdict(), "per_second": one.per_second} for one in found.estimates],
        "idle": found.idle,
    }
