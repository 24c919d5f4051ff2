"""`python -m benchmarks.kernel_trace`: the trace of random packets through random rulesets against the kernel.

Needs root, iptables and ip: rulesets are loaded into network namespaces, on a host that is a router too, for IPv4 and
IPv6 and with both backends, and every packet is sent. Exit code 1 if a packet's verdict or a rule's counter differs.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks.restore import version
from tests.kernel.namespaces import missing
from tests.kernel.rulesets import BACKENDS
from tests.kernel.topology import Site, site
from tests.kernel.traces import Compared, compare_traces, hush

_PER_RULESET = 40  # packets


def compared(made: Site, packets: int, seed: int) -> Iterator[tuple[str, Compared]]:
    """Random rulesets, each with what it is called, until that many packets were sent."""
    hush(made)
    sent = 0
    for number in itertools.count(seed):
        for family, backend in itertools.product((4, 6), BACKENDS):
            if sent >= packets:
                return
            found = compare_traces(made, number, _PER_RULESET, family, backend)
            sent += found.packets
            yield f"seed {number}, IPv{family}, {backend}", found


def figures(taken: Sequence[Compared], seconds: float) -> str:
    """What was sent and what differs, in one line."""
    packets, passed, unsettled, met = (
        sum(getattr(one, name) for one in taken) for name in ("packets", "passed", "unsettled", "met")
    )
    differing = sum(len(one.differences) for one in taken)
    return (
        f"{packets} packets through {len(taken)} rulesets, {passed} passed, {unsettled} left open, {met} times a rule "
        f"matched: {differing} differences ({seconds:.0f} s)"
    )


def main(words: Sequence[str] | None = None) -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernel_trace", description=__doc__)
    parser.add_argument("--packets", type=int, default=2000, help="how many to send at least")
    parser.add_argument("--seed", type=int, default=0, help="where the dice begin")
    request = parser.parse_args(words)
    if reason := missing():
        parser.error(reason)
    print(f"{version()}, kernel {platform.release()}")
    taken: list[Compared] = []
    start = time.monotonic()
    with site() as made:
        for name, found in compared(made, request.packets, request.seed):
            taken.append(found)
            for one in found.differences:
                print(f"{name}: {one.what}: trace {one.traced}, kernel {one.kernel}")
    print(figures(taken, time.monotonic() - start))
    return int(any(one.differences for one in taken))


if __name__ == "__main__":
    sys.exit(main())
