"""`python -m benchmarks.apply_steps`: apply.sh and rollback.sh killed before every command that can change something.

Needs root, iptables, ip and bash: each kill has a machine of its own in network namespaces, with one connection to port
22 and one to the service held open. A line says what the machine was when all had ended; afterwards rollback.sh is run,
and everything has to be old again. Exit code 1 if that is not so, or if a kill of apply.sh leaves half of anything.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks.restore import version
from tests.kernel.apply_machine import machine
from tests.kernel.apply_steps import Kill, Outcome, every_kill, play
from tests.kernel.namespaces import missing
from tests.kernel.rulesets import BACKENDS, Backend

_WIDEST = 62
_HEAD = ("step", "rules", "numbers", "files", "connections", "left behind", "command")


def outcomes(backend: Backend, every: int, workers: int, signal: str, *, alone: bool) -> list[Outcome]:
    """What comes of a kill before every so manieth step; not `alone`: the watcher dies with the script."""
    with machine(backend) as made:
        kills = [kill for kill in every_kill(made, signal) if kill.number % every == 0]
    if not alone:
        kills = [_with_watcher(kill) for kill in kills if kill.script == "apply.sh"]
    return play(kills, backend, workers)


def _with_watcher(kill: Kill) -> Kill:
    return kill._replace(victim="script and watcher")


def table(found: Sequence[Outcome]) -> Iterator[str]:
    """A line a kill, and one for each fault."""
    yield _line(_HEAD)
    for one in found:
        state = one.after
        left = " ".join(state.left) or "-"
        named = f"{one.kill.script[:-3]} {one.kill.number}"
        yield _line(
            (named, state.rules, state.values, state.files, state.connections, left, one.kill.command[:_WIDEST])
        )
        yield from (f"    WRONG: {fault}" for fault in one.faults)


def _line(words: Sequence[str]) -> str:
    return "  ".join(word.ljust(width) for word, width in zip(words, (12, 5, 7, 5, 11, 16, 0), strict=True)).rstrip()


def figures(found: Sequence[Outcome], seconds: float) -> str:
    """How often what came of it, in one line."""
    applied = [one for one in found if one.kill.script == "apply.sh"]
    old, new = (sum(one.after.rules == name for one in applied) for name in ("old", "new"))
    wrong = sum(bool(one.faults) for one in found)
    return (
        f"{len(applied)} kills of apply.sh: {old} times all old, {new} times all new, {len(applied) - old - new} times "
        f"mixed; {len(found) - len(applied)} kills of rollback.sh; {wrong} wrong ({seconds:.0f} s)"
    )


def main(words: Sequence[str] | None = None) -> int:
    """Kill, judge and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.apply_steps", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="every so manieth step")
    parser.add_argument("--signal", default="KILL", help="KILL, TERM, HUP, INT")
    parser.add_argument("--workers", type=int, default=4, help="how many machines at a time")
    parser.add_argument("--with-watcher", action="store_true", help="kill what brings everything back as well")
    request = parser.parse_args(words)
    if reason := missing():
        parser.error(reason)
    print(f"{version()}, kernel {platform.release()}")
    wrong = False
    for backend in BACKENDS:
        start = time.monotonic()
        found = outcomes(backend, request.every, request.workers, request.signal, alone=not request.with_watcher)
        print(f"\n{backend}, SIG{request.signal}", *table(found), sep="\n")
        print(figures(found, time.monotonic() - start))
        wrong = wrong or any(one.faults for one in found)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
