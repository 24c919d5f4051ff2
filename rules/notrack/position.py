"""notrack/position"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.extension import Verdict
from ruleset_lint.packets.asked import asked_by
from ruleset_lint.packets.conditions import ALL_PORTS, Conditions, meet, sketches
from ruleset_lint.packets.met import rules_met
from ruleset_lint.packets.roles import CLIENT_PORTS, may_pass, opening
from ruleset_lint.packets.sketch import Sketch
from ruleset_lint.packets.untracked import Untracking, untrackings
from ruleset_lint.packets.walk import walk

from . import _shared

_REFUSES = (Verdict.DROP, Verdict.REJECT)
_BLOCKS = ("set", "recent", "iprange", "geoip", "mac", "hashlimit")  # matches that tell one sender from another


class _Misplaced(NamedTuple):
    """An accept for UNTRACKED, and the rules that it comes before or after in the wrong order."""

    untracking: Untracking
    packets: Conditions
    accept: Rule
    others: tuple[Rule, ...]
    behind: Rule | None  # the accept of NEW that stands where this one should; None: this one is never reached


@rule(Severity.ERROR)
def position(ruleset: Ruleset) -> Iterator[Finding]:
    """The accept for untracked packets stands behind the final drop, or before a blocklist

    ## What it does
    Follows the first packets of an untracked service. Fires where a rule drops all of them before they come to the
    accept that names UNTRACKED; and where that accept comes before rules that refuse some senders (by address, set,
    recent …), while the accept for NEW of the same service stands behind them.

    ## Why is this bad?
    Behind the drop the accept is dead, and the service with it. Before the blocklist it lets in everybody whom the list
    was to keep out.

    ## Example
    ```
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate UNTRACKED -j ACCEPT
    -A INPUT -s 198.51.100.0/24 -j DROP
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -s 198.51.100.0/24 -j DROP
    -A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
    ```

    ## Fix safety
    Unsafe: packets are accepted that are dropped today, or the reverse.

    ## Since
    Every kernel with the raw table (2.6.6).

    ## Source
    Measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): with the accept at the top the blocked address has a
    whole connection, with the accept behind the final drop the service is dead.
    """
    spoken: set[Rule] = set()
    for untracking in () if ruleset.fragment else untrackings(ruleset):
        for part in _shared.services(ruleset, untracking):
            for found in _misplaced(ruleset, untracking, part):
                if found.accept not in spoken:
                    spoken.add(found.accept)
                    yield _finding(ruleset, found)


def _misplaced(ruleset: Ruleset, untracking: Untracking, part: Conditions) -> Iterator[_Misplaced]:
    usual = part._replace(source_ports=CLIENT_PORTS) if part.source_ports == ALL_PORTS else part
    packets = opening(usual)
    for hook in _shared.filter_hooks(untracking):
        accepts = _accepts(ruleset, hook, packets)
        if accepts and not may_pass(ruleset, hook, packets, "UNTRACKED"):
            drops = _deciding(ruleset, hook, packets, "UNTRACKED")
            if drops and drops[-1].states is None and _is_behind(accepts[0], drops[-1]):
                yield _Misplaced(untracking, part, accepts[0], (drops[-1],), None)
        elif accepts:
            yield from _jumps_over(ruleset, hook, packets, untracking, part)


def _accepts(ruleset: Ruleset, hook: str, packets: Conditions) -> list[Rule]:
    """The accepts below a hook that name UNTRACKED, and would take some of the packets if these came to them."""
    hooks = ruleset.tables["filter"].hooks if "filter" in ruleset.tables else {}
    found = (made for made in _shared.accepts_of_untracked(ruleset) if hook in hooks.get(made.chain, ()))
    return [made for made in found if _names_untracked(made, packets)]


def _names_untracked(made: Rule, packets: Conditions) -> bool:
    states, asked = made.states, asked_by(made)
    named = states is not None and not states.negated and "UNTRACKED" in states.value and made.target == "ACCEPT"
    return bool(named and asked and meet(asked, packets))


def _is_for_service(made: Rule, packets: Conditions) -> bool:
    """Whether an accept names UNTRACKED and ports; one without is the business of notrack/blanket-accept."""
    asked = asked_by(made)
    return _names_untracked(made, packets) and asked is not None and asked.destination_ports != ALL_PORTS


def _deciding(ruleset: Ruleset, hook: str, packets: Conditions, state: str) -> list[Rule]:
    """The rules that refuse the packets, in order."""
    found = (made for sketch in sketches(packets, state) for made in walk(ruleset, "filter", hook, sketch).decisions)
    return [made.rule for made in found if made.rule and made.verdict in _REFUSES]


def _is_behind(accept: Rule, drop: Rule) -> bool:
    """Whether the accept stands in the same chain, further down, where the chain is written from top to bottom."""
    return accept.chain == drop.chain and accept.number > drop.number


def _jumps_over(
    ruleset: Ruleset, hook: str, packets: Conditions, untracking: Untracking, part: Conditions
) -> Iterator[_Misplaced]:
    """An accept for UNTRACKED before rules that the same packets met when they were NEW."""
    for new, untracked in zip(sketches(packets, "NEW"), _shared.as_untracked(packets), strict=True):
        accept = _first_accept(ruleset, hook, untracked)
        if accept is None or not _is_for_service(accept, packets) or accept in rules_met(ruleset, "filter", hook, new):
            continue
        before, behind = _refusing_before_accept(ruleset, hook, new)
        skipped = tuple(made for made in before if made not in rules_met(ruleset, "filter", hook, untracked))
        if skipped and behind:
            yield _Misplaced(untracking, part, accept, skipped, behind)


def _first_accept(ruleset: Ruleset, hook: str, sketch: Sketch) -> Rule | None:
    decisions = walk(ruleset, "filter", hook, sketch).decisions
    return next((made.rule for made in decisions if made.rule and made.verdict is Verdict.ACCEPT), None)


def _refusing_before_accept(ruleset: Ruleset, hook: str, sketch: Sketch) -> tuple[Sequence[Rule], Rule | None]:
    """The rules that refuse some senders, and the first accept behind them; all that other accepts take is let be."""
    refusing: list[Rule] = []
    for made in walk(ruleset, "filter", hook, sketch).decisions:
        if made.rule is None:
            break
        if made.verdict is Verdict.ACCEPT:
            return refusing, made.rule
        if made.verdict in _REFUSES and _tells_senders(made.rule):
            refusing.append(made.rule)
    return refusing, None


def _tells_senders(made: Rule) -> bool:
    return made.source is not None or made.shape.match(*_BLOCKS) is not None


def _finding(ruleset: Ruleset, found: _Misplaced) -> Finding:
    service = _shared.service_name(found.packets)
    confidence = Confidence.PROVEN if found.untracking.conditions.exact else Confidence.LIKELY
    if found.behind is None:
        return Finding(
            at_rule(ruleset, found.untracking.rule, "untracked here"),
            f"the accept for untracked packets of {service} stands behind a rule that drops them all",
            related=(
                *_shared.places(ruleset, found.others, "drops them"),
                at_rule(ruleset, found.accept, "is never reached"),
            ),
            fix=_moved(ruleset, found.accept, found.others[0], behind=False),
            confidence=confidence,
        )
    return Finding(
        at_rule(ruleset, found.accept, "comes too early"),
        f"untracked packets of {service} are accepted before rules that keep some senders out",
        related=(
            *_shared.places(ruleset, found.others, "never asked for them"),
            at_rule(ruleset, found.behind, "accepts NEW behind"),
            *_shared.places(ruleset, [found.untracking.rule], "untracked here"),
        ),
        fix=_moved(ruleset, found.accept, found.behind, behind=True),
        confidence=confidence,
    )


def _moved(ruleset: Ruleset, accept: Rule, other: Rule, *, behind: bool) -> Fix:
    """The accept's line before or behind that of another rule of its chain."""
    where = "behind the accept for NEW" if behind else "before the drop"
    if accept.chain != other.chain or accept.shape.command is None or accept.shape.command.option.name != "-A":
        return Fix(f"let it stand {where}", safety=Safety.MANUAL)
    text = ruleset.document.content(accept.line)
    if behind:
        edit = _shared.insert_after(ruleset, other, text)
    else:
        start = other.line.span.start
        edit = Edit(Span(start, start), f"{text}\n")
    return Fix(f"move it {where}", (edit, Edit(accept.line.span, "")), Safety.UNSAFE)
