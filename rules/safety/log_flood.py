"""safety/log-flood"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.validity import span_of
from ruleset_lint.netfilter.extension import Memory
from ruleset_lint.netfilter.values import Network
from ruleset_lint.packets.answers import Answers
from ruleset_lint.packets.sketch import Answer, Sketch

from . import _shared

_HOOKS = {"raw": ("PREROUTING",), "mangle": ("PREROUTING", "INPUT", "FORWARD"), "filter": ("INPUT", "FORWARD")}
_LIMIT = "-m limit --limit 10/min --limit-burst 20"
_MOST_LOOKED_AT = 64
_MOST_BITS = {4: 8, 6: 16}  # of the prefix of a network that is no party one knows
_PRIVATE = Network(10 << 24, 0xFF << 24)


@rule(Severity.WARNING)
def log_flood(ruleset: Ruleset) -> Iterator[Finding]:
    """Everybody may write to the log as fast as he can send

    ## What it does
    Looks for LOG rules that packets from outside come to (PREROUTING, INPUT, FORWARD), where neither the rule nor a
    jump to it limits how many: limit, hashlimit, recent, quota, statistic, connlimit, sets. Silent for rules that name
    a source address, unless it is a network of millions of them, or only look at `lo`.

    ## Why is this bad?
    A line in the log costs far more than a packet. Who sends ten thousand packets a second fills the disk and the
    kernel's ring buffer, pushes out the lines that matter, and on a serial console stops the machine.

    ## Example
    ```
    -A INPUT -j LOG --log-prefix "dropped: "
    -A INPUT -j DROP
    ```

    ## Use instead
    ```
    -A INPUT -m limit --limit 10/min --limit-burst 20 -j LOG --log-prefix "dropped: "
    -A INPUT -j DROP
    ```

    ## Fix safety
    Unsafe: no verdict changes, but some packets are logged no more.

    ## Since
    Every kernel.

    ## Source
    iptables-extensions(8), "LOG" and "limit"; nf_log_syslog.c writes each packet by printk, which has no limit there.
    """
    if ruleset.fragment or not any(map(_logs_all, ruleset.by_shape)):
        return
    found = list(islice(_unlimited(ruleset), _MOST_LOOKED_AT))
    if found and _shared.loads(ruleset):
        yield _finding(ruleset, found)


def _logs_all(shape: Shape) -> bool:
    """Whether rules of the shape log, and nothing in it says how often."""
    return shape.target is not None and shape.target.name in ("LOG", "ULOG") and not _is_limited(shape)


def _is_limited(shape: Shape) -> bool:
    """Whether it depends on how many packets there were, or on a list of addresses, or on nobody knows what."""
    return any(
        part.entry is None or part.entry.memory is not Memory.NONE or part.name in ("set", "connlimit")
        for part in shape.matches
    )


def _unlimited(ruleset: Ruleset) -> Iterator[Rule]:
    """The rules that log packets of strangers, in the file's order."""
    answers = Answers(Sketch(family=ruleset.family, not_in="lo"))
    open_chains: dict[str, set[str]] = {}
    for made in ruleset.where(_logs_all):
        if made.table not in open_chains:
            open_chains[made.table] = _open_chains(ruleset.tables[made.table], answers)
        if made.chain in open_chains[made.table] and _is_for_strangers(made, answers):
            yield made


def _open_chains(table: Table, answers: Answers) -> set[str]:
    """The chains that packets of strangers come to, as many as they are."""
    jumps: dict[str, set[str]] = {}
    for called in filter(table.chains.__contains__, table.callers):
        for made in table.callers[called]:
            if not _is_limited(made.shape) and _is_for_strangers(made, answers):
                jumps.setdefault(made.chain, set()).add(called)
    waiting = [hook for hook in _HOOKS.get(table.name, ()) if hook in table.chains]
    found = set(waiting)
    while waiting:
        called_ones = jumps.get(waiting.pop(), set()) - found
        found |= called_ones
        waiting += called_ones
    return found


def _is_for_strangers(made: Rule, answers: Answers) -> bool:
    if answers.of(made) is Answer.NO:
        return False
    source = made.source
    return source is None or source.negated or any(map(_is_wide, source.value))


def _is_wide(network: Network) -> bool:
    """Whether a network is so large that strangers are in it."""
    is_v6 = network.mask > 0xFFFFFFFF
    bits = network.mask.bit_count()
    return not network.name and bits <= (_MOST_BITS[6] if is_v6 else _MOST_BITS[4]) and network != _PRIVATE


def _finding(ruleset: Ruleset, found: Sequence[Rule]) -> Finding:
    first, *others = found
    count = f", and {len(others)} more rules do" if len(others) > 1 else ", and another rule does" if others else ""
    edits = tuple(edit for made in found for edit in _limited(ruleset, made))
    return Finding(
        at_rule(ruleset, first, "logs without a limit"),
        f"logs each packet that anybody sends, as fast as he sends{count}",
        related=_shared.places(ruleset, others, "so does this"),
        fix=Fix(f"add `{_LIMIT}`", edits, Safety.UNSAFE),
    )


def _limited(ruleset: Ruleset, made: Rule) -> Iterator[Edit]:
    target = made.shape.target
    if target:
        start = span_of(ruleset.document, made.line, target.item - 1).start
        yield Edit(Span(start, start), f"{_LIMIT} ")
