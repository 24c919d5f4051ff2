"""conntrack/established-late"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset, Table
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.extension import Memory, Verdict

from . import _shared

_HOOKS = ("INPUT", "FORWARD", "OUTPUT")
_MANY = 20  # rules; fewer than about that cost less than the look-up in the table, which every packet takes
_DEEP = 8  # chains within each other that are counted
_MOST_BELOW = 1000  # rules of a chain that are looked at before a move is called safe
_COUNTS = ("connlimit", "nfacct")  # connections, and packets for somebody else
_ASKS_NOTHING = ("comment",)


class _Late(NamedTuple):
    """The accept for ESTABLISHED in a built-in chain, or the jump to it, and the rules that are asked before."""

    accept: Rule
    before: Sequence[Rule]
    asked: int


@rule(Severity.WARNING)
def established_late(ruleset: Ruleset) -> Iterator[Finding]:
    """The accept for ESTABLISHED stands behind rules that every packet of every connection walks

    ## What it does
    Counts the rules of INPUT, FORWARD and OUTPUT that a packet is asked before it comes to the rule that accepts all
    ESTABLISHED, those of chains to which all packets jump included. Fires from 20 on.

    ## Why is this bad?
    Nearly all packets belong to connections that were let in long ago. Each of them is asked every rule before it is
    let pass, and the cost grows with the list.

    ## Example
    ```
    -A INPUT -s 198.51.100.7/32 -j DROP
    # … and a thousand more …
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A INPUT -s 198.51.100.7/32 -j DROP
    ```

    ## Fix safety
    Safe if all rules before accept too, or ask for NEW or INVALID packets, and none of them counts, marks or logs.
    Unsafe if not: an address that is blocked later keeps the connections that it has. Manual where the accept stands in
    a chain that is called.

    ## Since
    Every kernel with connection tracking.

    ## Source
    net/ipv4/netfilter/ip_tables.c (ipt_do_table asks rule by rule), nf_tables_core.c (nft_do_chain) likewise.
    """
    table = ruleset.tables.get("filter")
    if ruleset.fragment or table is None or not any(map(_accepts_established, ruleset.by_shape)):
        return
    for hook in _HOOKS:
        found = _late(ruleset, table, hook)
        if found:
            yield _finding(ruleset, hook, found)


def _accepts_established(shape: Shape) -> bool:
    """Whether rules of the shape accept packets by their state alone."""
    asked = [part for part in shape.matches if part.name not in _ASKS_NOTHING]
    accepts = shape.target is not None and shape.target.name == "ACCEPT"
    return accepts and not shape.parameters and len(asked) == 1 and _shared.is_state_test(shape)


def _late(ruleset: Ruleset, table: Table, hook: str) -> _Late | None:
    """The first rule of a built-in chain that lets all ESTABLISHED pass, if it comes late."""
    rules = table.chains[hook].rules if hook in table.chains else ()
    if sum(len(table.chains[name].rules) for name in table.reached_from(hook)) <= _MANY:
        return None
    shapes = {shape for shape in ruleset.by_shape if _accepts_established(shape) or _takes_all(shape)}
    count, seen = 0, 0
    for place, made in ((place, made) for place, made in enumerate(rules) if made.shape in shapes):
        count, seen = count + place - seen, place
        asked, accept = _asked_until(table, made, shapes, _DEEP)
        count += asked
        if accept:
            return _Late(accept, rules[:place], count) if count >= _MANY else None
        if _decides_all(made):
            return None
    return None


def _decides_all(made: Rule) -> bool:
    return made.jump is None and _takes_all(made.shape)


def _takes_all(shape: Shape) -> bool:
    """Whether all packets jump by such a rule, or are decided by it."""
    asks = any(part.name not in _ASKS_NOTHING for part in shape.matches) or shape.parameters
    ends = shape.target is not None and shape.target.entry is not None
    return not asks and (shape.jump is not None or (ends and _verdict(shape) is not Verdict.CONTINUE))


def _verdict(shape: Shape) -> Verdict:
    return shape.target.entry.verdict if shape.target and shape.target.entry else Verdict.CONTINUE


def _asked_until(table: Table, made: Rule, shapes: set[Shape], deep: int) -> tuple[int, Rule | None]:
    """How many rules a packet is asked by a jump, up to the accept if one is met."""
    if made.target == "ACCEPT" and _accepts_established(made.shape):
        states = _shared.matched_states(made)
        return 0, made if states and "ESTABLISHED" in states else None
    called = table.chains.get(made.jump or "")
    if called is None or not deep:
        return 0, None
    count = 0
    for place, other in ((place, other) for place, other in enumerate(called.rules) if other.shape in shapes):
        asked, accept = _asked_until(table, other, shapes, deep - 1)
        count += asked
        if accept or _decides_all(other):
            return place + count, accept
    return len(called.rules) + count, None


def _finding(ruleset: Ruleset, hook: str, found: _Late) -> Finding:
    accept, before = found.accept, found.before
    return Finding(
        at_rule(ruleset, accept, "accepts nearly all packets"),
        f"{hook} asks {found.asked} rules before it accepts ESTABLISHED",
        related=(at_rule(ruleset, before[0], "every packet is asked from here on"),) if before else (),
        fix=_fix(ruleset, hook, found),
    )


def _fix(ruleset: Ruleset, hook: str, found: _Late) -> Fix:
    accept, before = found.accept, found.before
    if accept.chain != hook or not before:
        return Fix(f"accept ESTABLISHED at the top of {hook}", safety=Safety.MANUAL)
    top = min(made.line.span.start for made in before)
    edits = (
        Edit(Span(top, top), f"{ruleset.document.content(accept.line)}\n"),
        Edit(accept.line.span, ""),
    )
    safe = all(_is_passed_over(ruleset, made, accept) for made in before) and accept.line.span.start > top
    return Fix(f"move it to the top of {hook}", edits, Safety.SAFE if safe else Safety.UNSAFE)


def _is_passed_over(ruleset: Ruleset, made: Rule, accept: Rule) -> bool:
    """Whether nothing changes if packets that the accept takes are no longer asked a rule."""
    table = ruleset.tables["filter"]
    if not _shared.statuses(made) & _shared.statuses(accept):
        return not _remembers(made)
    if made.jump is None:
        return _only_accepts(made)
    below = [other for name in table.reached_from(made.jump) for other in table.chains[name].rules]
    known = made.jump in table.chains and not made.goto and len(below) <= _MOST_BELOW
    return known and not _remembers(made) and all(_only_accepts(other) or _goes_on(other) for other in below)


def _only_accepts(made: Rule) -> bool:
    """Whether a rule accepts, or does nothing but count its packets."""
    nothing = made.target is None and made.jump is None
    return (nothing or made.verdict is Verdict.ACCEPT) and not _remembers(made)


def _goes_on(made: Rule) -> bool:
    """Whether a rule of a chain below only calls or leaves chains: where it leads is looked at too."""
    leaves = made.verdict is Verdict.RETURN or (made.jump is not None and not made.goto)
    return leaves and not _remembers(made)


def _remembers(made: Rule) -> bool:
    """Whether a rule counts, or does what is not known."""
    return any(
        part.entry is None or part.name in _COUNTS or part.entry.memory in (Memory.COUNTS, Memory.REMEMBERS)
        for part in made.shape.parts
    )
