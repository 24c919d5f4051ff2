"""What a command costs: CPU and peak memory of a child process, as the kernel accounts for them."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parents[1]


class Cost(NamedTuple):
    """CPU (user and system) in seconds, peak resident memory in MiB."""

    cpu: float
    memory: float


class FailedError(RuntimeError):
    """A command that is measured ended with an exit code it should not have."""


def cost(command: Sequence[str], allowed: Iterable[int] = (0,)) -> Cost:
    """Run a command without output and without input; raises FailedError for an exit code that is not allowed.

    A child's peak memory is not less than what this process holds when it starts: keep this one small.
    """
    null = os.devnull
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, null, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, null, os.O_WRONLY, 0),
    ]
    child = os.posix_spawnp(command[0], list(command), environment(), file_actions=actions)
    _, status, used = os.wait4(child, 0)
    if (code := os.waitstatus_to_exitcode(status)) not in allowed:
        raise FailedError(f"{' '.join(command)[:200]}: exit code {code}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(statistics.median(one.cpu for one in costs), statistics.median(one.memory for one in costs))


def compared(commands: Mapping[str, tuple[Sequence[str], Sequence[int]]], runs: int) -> dict[str, Cost]:
    """Medians for commands that take turns: a busy moment meets them all. The first run does not count."""
    taken: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, (command, allowed) in commands.items():
            used = cost(command, allowed)
            if turn:
                taken[name].append(used)
    return {name: median(costs) for name, costs in taken.items()}


def environment() -> dict[str, str]:
    """This process' environment for a child, with compiled modules kept as an installed program has them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(_ROOT)}
