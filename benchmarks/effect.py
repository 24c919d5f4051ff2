"""`python -m benchmarks.effect`: what a rewrite is good for, measured with real connections in namespaces.

Short TCP connections are made to a server behind the fixture ruleset of busy-web and behind its rewrite for tcp/80:
entries in the table as connections come, CPU time of client and server together (softirq included, a run each in
turn), and new connections that come about when the table is full of assured entries. Needs root, iptables, ip and
conntrack. `--plot FILE.svg` draws it (needs matplotlib).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import select
import socket
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.restore import version
from ruleset_lint.model.loading import load as read_ruleset
from ruleset_lint.netfilter.services import Service
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.syntax.iptables_save import parse
from tests.kernel.namespaces import inside, missing, run
from tests.kernel.rulesets import BACKENDS, Backend, load, reset
from tests.kernel.topology import PARTIES, Site, site

PORT = 80
RULESET = Path(__file__).resolve().parents[1] / "fixtures/hosts/busy-web/etc/sysconfig/iptables"
_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
_MAXIMUM = Path("/proc/sys/net/netfilter/nf_conntrack_max")
_EVERY = 500  # connections between two looks at the table
_FIRST_PORT = 10000
_ANSWER = b"x" * 200


class Run(NamedTuple):
    """One run: entries seen every 500 connections, CPU seconds of both sides, connections that failed."""

    entries: tuple[int, ...]
    cpu: float
    failed: int


class Effect(NamedTuple):
    """One backend: runs through the original and through the rewrite; new connections let in by a full table."""

    backend: Backend
    connections: int
    original: tuple[Run, ...]
    rewritten: tuple[Run, ...]
    full: tuple[int, int]
    tried: int


def rulesets() -> tuple[str, str]:
    """The original and its rewrite. Raises ValueError if it is refused."""
    text = RULESET.read_text("utf-8")
    made = untrack(read_ruleset(parse("original", text)), Request((Endpoint(Service("tcp", PORT)),)))
    if made.refusals or not made.changed:
        raise ValueError(f"the fixture is not rewritten: {made.refusals}")
    return text, made.text


def measured(made: Site, backend: Backend, connections: int, rounds: int, tried: int) -> Effect:
    """Runs in turn, so that a busy machine slows both."""
    texts = rulesets()
    taken: tuple[list[Run], list[Run]] = ([], [])
    for number in range(2 * rounds):
        _load(made, texts[number % 2], backend)
        taken[number % 2].append(_run(made, connections))
    full = tuple(_let_in_when_full(made, text, backend, tried) for text in texts)
    return Effect(backend, connections, tuple(taken[0]), tuple(taken[1]), (full[0], full[1]), tried)


def _load(made: Site, text: str, backend: Backend) -> None:
    reset(made.host)
    if not (done := load(made.host, text, 4, backend)):
        raise ValueError(done.error)


def _run(made: Site, connections: int) -> Run:
    """Short connections, one after the other, each from a port of its own."""
    with inside(made.host):
        listener = _listener()
    with listener:
        server = _child(lambda: _serve(made, listener, connections))
        client = _child(lambda: _connect(made, connections))
    asked, asking = _result(client)
    served, serving = _result(server)
    return Run(tuple(served["entries"]), asking + serving, len(asked["failed"]))


class _Child(NamedTuple):
    process: int
    output: int


def _child(work: Callable[[], dict[str, list[int]]]) -> _Child:
    """A process of its own, whose CPU time can be told."""
    output, end = os.pipe()
    process = os.fork()
    if process == 0:
        with os.fdopen(end, "w") as told:
            told.write(json.dumps(work()))
        os._exit(0)
    os.close(end)
    return _Child(process, output)


def _result(child: _Child) -> tuple[dict[str, list[int]], float]:
    with os.fdopen(child.output) as told:
        said: dict[str, list[int]] = json.load(told)
    used = os.wait4(child.process, 0)[2]
    return said, used.ru_utime + used.ru_stime


def _serve(made: Site, listener: socket.socket, connections: int) -> dict[str, list[int]]:
    entries = []
    with inside(made.host):
        for number in range(1, connections + 1):
            if not select.select([listener], [], [], 5)[0]:
                break
            with listener.accept()[0] as one:
                one.recv(100)
                one.sendall(_ANSWER)
            if number % _EVERY == 0:
                entries.append(int(_COUNT.read_text()))
    return {"entries": entries}


def _listener() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((PARTIES["host"].v4, PORT))
    listener.listen(512)
    return listener


def _connect(made: Site, connections: int) -> dict[str, list[int]]:
    with inside(made.outside):
        return {"failed": [number for number in range(connections) if not _answered(_FIRST_PORT + number)]}


def _answered(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.settimeout(4)
        try:
            one.bind((PARTIES["remote"].v4, port))
            one.connect((PARTIES["host"].v4, PORT))
            one.sendall(b"a request of twenty b")
            return len(_read_all(one)) == len(_ANSWER)
        except OSError:
            return False


def _read_all(one: socket.socket) -> bytes:
    return b"".join(iter(lambda: one.recv(4096), b""))


def _let_in_when_full(made: Site, text: str, backend: Backend, tried: int) -> int:
    """How many of so many new connections come about while every entry of the table belongs to a living one."""
    _load(made, text, backend)
    entries = "\n".join(_entries(int(_MAXIMUM.read_text())))
    run(made.host, "conntrack", "-R", "-", text=f"{entries}\n")
    with inside(made.host):
        listener = _listener()
    with listener, inside(made.outside):
        opened = [_opening(_FIRST_PORT + number) for number in range(tried)]
        select.select([], [], [], 0.5)
        done = sum(one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and _is_connected(one) for one in opened)
        for one in opened:
            one.close()
    return done


def _entries(count: int) -> Iterator[str]:
    """Lines of `conntrack -o save`: established connections between others."""
    for number in range(count):
        source, port = f"198.18.{number >> 8 & 255}.{number & 255}", 1024 + (number >> 16)
        yield (
            f"-A -t 600 -u SEEN_REPLY,ASSURED -s {source} -d 198.51.100.1 -r 198.51.100.1 -q {source} -p tcp "
            f"--sport {port} --dport 443 --reply-port-src 443 --reply-port-dst {port} --state ESTABLISHED"
        )


def _opening(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setblocking(False)
    one.bind((PARTIES["remote"].v4, port))
    one.connect_ex((PARTIES["host"].v4, PORT))
    return one


def _is_connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return True


def report(effect: Effect) -> Iterator[str]:
    """The figures in words."""
    ratios = [before.cpu / after.cpu for before, after in zip(effect.original, effect.rewritten, strict=True)]
    for name, runs, let_in in zip(
        ("original", "rewritten"), (effect.original, effect.rewritten), effect.full, strict=True
    ):
        entries = max(max(one.entries, default=0) for one in runs)
        failed = sum(one.failed for one in runs)
        yield (
            f"{effect.backend}, {name}: {effect.connections} connections leave {entries} entries, {failed} failed; "
            f"a full table lets in {let_in} of {effect.tried}"
        )
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} rounds"
    yield f"{effect.backend}: CPU of the original ÷ rewritten: {statistics.median(ratios):.2f} ({spread})"


def plot(effect: Effect, file: Path) -> None:
    """Entries by connections, and what a full table lets in."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "effect"  # the same figures give the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (entries, full) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=(3, 1), layout="constrained")
    for name, runs in (("original", effect.original), ("rewritten", effect.rewritten)):
        seen = runs[0].entries
        entries.plot([_EVERY * number for number in range(1, len(seen) + 1)], seen, label=name)
    entries.set(xlabel="short connections to tcp/80", ylabel="entries in the conntrack table")
    entries.legend(frameon=False)
    full.bar(("original", "rewritten"), effect.full, color=("C0", "C1"), width=0.6)
    full.set(ylabel=f"new connections of {effect.tried}", title="table full", ylim=(0, effect.tried))
    for axes in (entries, full):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, metadata={"Date": None})


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.effect", description=__doc__)
    parser.add_argument("--connections", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=3, help="runs through each ruleset")
    parser.add_argument("--tried", type=int, default=50, help="new connections when the table is full")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    request = parser.parse_args(words)
    if reason := missing():
        parser.error(reason)
    print(f"{version()}, kernel {platform.release()}")
    effects = []
    with site() as made:
        for backend in BACKENDS:
            effects.append(measured(made, backend, request.connections, request.rounds, request.tried))
            print(*report(effects[-1]), sep="\n")
    if request.plot:
        plot(effects[0], request.plot)
    return int(any(max(one.entries, default=0) for effect in effects for one in effect.rewritten))


if __name__ == "__main__":
    sys.exit(main())
