"""How rates, bursts, probabilities and times come back from iptables-save 1.8.9. Knows the arithmetic of libxtables.

Sources: parse_rate and print_rate of libxt_limit.c and libxt_hashlimit.c, add_nft_limit of iptables-nft, libxt_time.c,
libxt_statistic.c.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from ruleset_lint.netfilter.normal_values import value_of
from ruleset_lint.netfilter.option_names import DAYS, UNITS
from ruleset_lint.netfilter.option_values import mask_length
from ruleset_lint.netfilter.rate_values import burst_of, byte_cost, bytes_a_second, cost_bytes, leading_number
from ruleset_lint.netfilter.saying import Said, Saying, negation
from ruleset_lint.netfilter.time_values import clock_time, date, month_days, week_days

_UNITS = (("day", 86400), ("hour", 3600), ("min", 60), ("sec", 1))
_LIMIT = 10_000  # ticks a second of limit
_MOST_ENTRIES = 1 << 20  # of a table of hashlimit, entries and buckets
_HASHLIMIT = 1_000_000  # and of hashlimit
_WHOLE = 0xFFFFFFFF
_CLOCK = (("--timestart", "0:00"), ("--timestop", "23:59:59"))
_SIZES = (("m", 1 << 20), ("k", 1 << 10), ("", 1))
_MODES = ("srcip", "srcport", "dstip", "dstport")


def limit(saying: Saying) -> list[str]:
    """`--limit 1/min --limit-burst 9`; the usual burst is left out."""
    period, _ = _period(saying.text("--limit", "3/hour"), _LIMIT)
    if saying.backend == "nft":
        place = _unit(period, _LIMIT)
        seconds = _UNITS[place][1]
        period = _LIMIT * seconds // (_LIMIT * seconds // period)
    burst = value_of(saying.text("--limit-burst", "5"))
    return ["--limit", _rate(period, _LIMIT), *(["--limit-burst", str(burst)] if burst not in (0, 5) else [])]


def _period(rate: str, scale: int) -> tuple[int, int]:
    """Ticks between two packets, and the unit in seconds."""
    match = re.match(r"\s*\+?([0-9]{1,18})", rate)
    unit = rate.partition("/")[2].lower()
    seconds = next((UNITS[name] for name in UNITS if name.startswith(unit)), 1) if unit else 1
    if not match or not int(match[1]) or not scale * seconds // int(match[1]):
        raise ValueError("rate expected")
    return scale * seconds // int(match[1]), seconds


def _unit(period: int, scale: int) -> int:
    """The unit in which a period prints as a whole number."""
    for place in range(1, len(_UNITS)):
        ticks = scale * _UNITS[place][1]
        if period > ticks or ticks // period < ticks % period:
            return place - 1
    return len(_UNITS) - 1


def _rate(period: int, scale: int) -> str:
    name, seconds = _UNITS[_unit(period, scale)]
    return f"{scale * seconds // period}/{name}"


def hashlimit(saying: Saying) -> list[str]:
    """What libxt_hashlimit prints: the rate, the burst, the mode, the name, and what is not as usual."""
    upto, above = saying.find("--hashlimit-upto"), saying.find("--hashlimit-above")
    said = above or upto
    if said is None:
        raise ValueError("rate expected")
    option = "--hashlimit-upto" if (said is upto) != said.negated else "--hashlimit-above"
    rate = said.words[0]
    words, quantum, expire, interval = _bytes(saying, rate) if rate.find("b/s") > 0 else _packets(saying, rate)
    mode = saying.text("--hashlimit-mode").split(",")
    modes = ["--hashlimit-mode", ",".join(name for name in _MODES if name in mode)] if any(mode) else []
    table = _table(saying, quantum, expire)
    return [option, *words, *modes, "--hashlimit-name", saying.text("--hashlimit-name")[:254], *table, *interval]


def _packets(saying: Saying, rate: str) -> tuple[list[str], int, int, list[str]]:
    period, seconds = _period(rate, _HASHLIMIT)
    expire, interval = seconds * 1000, []
    if saying.has("--hashlimit-rate-match"):
        period = period // seconds
        every = leading_number(saying.text("--hashlimit-rate-interval", str(seconds)))
        interval = _interval(every)
    words = [_rate(period, _HASHLIMIT), "--hashlimit-burst", str(burst_of(saying.text("--hashlimit-burst", "5")))]
    return words, _UNITS[_unit(period, _HASHLIMIT)][1] * 1000, expire, interval


def _bytes(saying: Saying, rate: str) -> tuple[list[str], int, int, list[str]]:
    cost = byte_cost(bytes_a_second(rate))
    burst = 0
    if saying.has("--hashlimit-burst"):
        burst = -(-burst_of(saying.text("--hashlimit-burst")) // cost_bytes(cost))
    words = [_sized(cost_bytes(cost), cost) + "b/s"]
    quantum = (60 if burst else 15) * 1000
    if burst:
        words += ["--hashlimit-burst", _sized(cost_bytes(cost) * burst, None) + "b"]
    matching = saying.has("--hashlimit-rate-match")
    every = leading_number(saying.text("--hashlimit-rate-interval", "1"))
    return words, quantum, quantum, _interval(every) if matching else []


def _interval(every: int) -> list[str]:
    return ["--hashlimit-rate-match", *(["--hashlimit-rate-interval", str(every)] if every != 1 else [])]


def _sized(size: int, cost: int | None) -> str:
    for name, factor in _SIZES[:-1]:
        if size >= factor and (cost is None or byte_cost(size & _WHOLE & ~(factor - 1)) == cost):
            return f"{size // factor}{name}"
    return str(size)


def _table(saying: Saying, quantum: int, expire: int) -> list[str]:
    full = 32 if saying.family == 4 else 128
    wanted = (
        ("--hashlimit-htable-size", 0, 0),
        ("--hashlimit-htable-max", 0, 0),
        ("--hashlimit-htable-gcinterval", 1000, 1000),
        ("--hashlimit-htable-expire", expire, quantum),
        ("--hashlimit-srcmask", full, full),
        ("--hashlimit-dstmask", full, full),
    )
    words = []
    for option, given, usual in wanted:
        text = saying.text(option, str(given))
        found = mask_length(text, saying.family) if option.endswith("mask") else value_of(text)
        found = min(found, _MOST_ENTRIES) if option.endswith(("size", "max")) else found
        words += [option, str(found)] if found != usual else []
    return words


def statistic(saying: Saying) -> list[str]:
    """Probabilities as multiples of 2^-31; of nth the packet is always printed."""
    if saying.text("--mode") == "random":
        said = saying.find("--probability") or Said("", False, ("0",))
        text = said.words[0].strip()
        chance = float.fromhex(text) if "x" in text.lower() else float(text)
        steps = math.floor(0x80000000 * chance + 0.5)
        return ["--mode", "random", *negation(said), "--probability", f"{steps / 0x80000000:.11f}"]
    every = saying.find("--every")
    number = value_of(saying.text("--every", "1"))
    packet = value_of(saying.text("--packet", "0"))
    return ["--mode", "nth", *negation(every), "--every", str(number), "--packet", str(packet)]


def time(saying: Saying) -> list[str]:
    """Times to the second, days by their short names; the end of the calendar is printed even if nobody said it."""
    start, stop = (_clock(saying.text(option, usual)) for option, usual in _CLOCK)
    words = ["--timestart", start, "--timestop", stop] if (start, stop) != ("00:00:00", "23:59:59") else []
    words += _days(saying.find("--monthdays"), [str(day) for day in range(1, 32)], month_days)
    words += _days(saying.find("--weekdays"), [day[:3].title() for day in DAYS], week_days)
    for option, usual in (("--datestart", "1970"), ("--datestop", "2038-01-19T03:14:07")):
        shown = date(saying.text(option, usual), saying.family).strftime("%Y-%m-%dT%H:%M:%S")
        words += [option, shown] if shown != "1970-01-01T00:00:00" else []
    words += ["--kerneltz"] if saying.has("--kerneltz") or saying.has("--localtz") else []
    return words + (["--contiguous"] if saying.has("--contiguous") else [])


def _clock(text: str) -> str:
    return ":".join(f"{part:02}" for part in clock_time(text, 4))


def _days(said: Said | None, names: list[str], read: Callable[[str, int], int]) -> list[str]:
    if said is None:
        return []
    every = (2 << len(names)) - 2
    bits = read(said.words[0], 4) ^ (every if said.negated else 0)
    found = [name for place, name in enumerate(names, 1) if bits >> place & 1]
    return [] if bits == every else [said.option, ",".join(found)]
