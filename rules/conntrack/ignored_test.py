"""conntrack/ignored-test"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Confidence, Edit, Finding, Fix, Safety, Severity, Span, at_rule, judge, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Part, Shape, Use
from ruleset_lint.model.tracking import untracks
from ruleset_lint.model.validity import span_of
from ruleset_lint.netfilter.profiles import Profile

from . import _shared

_NEEDS_ENTRY = frozenset({"conntrack", "connmark", "connbytes", "cluster"})  # alone they match no packet without one


@rule(Severity.ERROR)
def ignored_test(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A test of the connection beside `--ctstate` is passed over for packets that have none

    ## What it does
    Looks for `--ctorigsrc`, `--ctproto`, `--ctstatus`, `--ctdir` and the like in one conntrack match with a list of
    states that lets INVALID or UNTRACKED packets in. Silent where the jumps to the rule let no such packet through.

    ## Why is this bad?
    Packets that are INVALID or UNTRACKED have no entry in the table. For them only the state is looked at, and
    everything else in the same match is ignored: a rule for some addresses takes packets from everywhere.

    ## Example
    ```
    -A INPUT -m conntrack ! --ctstate NEW --ctorigsrc 10.0.0.0/8 -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -m conntrack ! --ctstate NEW -m conntrack --ctorigsrc 10.0.0.0/8 -j ACCEPT
    ```

    ## Fix safety
    Unsafe: packets without an entry no longer match. Manual where the list has no other states.

    ## Since
    Linux 2.6.25. On EL5 such a packet does not match.

    ## Source
    conntrack_mt in net/netfilter/xt_conntrack.c (`if (ct == NULL) return info->match_flags & XT_CONNTRACK_STATE`);
    measured on kernel 6.18 with iptables 1.8.9 (nft and legacy): `--ctstate UNTRACKED --ctorigsrc 10.0.0.0/8` accepts
    packets from every address.
    """
    judgement = judge(profiles, lambda profile: profile.kernel >= (2, 6, 25))
    untracked = ruleset.family == 6 or any(map(untracks, ruleset.by_shape))
    for made in ruleset.where(_has_both) if judgement else ():
        states = _let_in(ruleset, made)
        if judgement and states:
            sure = "INVALID" in states or untracked
            yield Finding(
                at_rule(ruleset, made),
                f"for {states} packets {_others(made.shape)} beside the states does not count",
                help=("such a packet has no entry in the table: only its state is looked at",),
                fix=_fix(ruleset, made),
                confidence=judgement.confidence if sure else Confidence.LIKELY,
            )


def _has_both(shape: Shape) -> bool:
    asking = [part for part in shape.matches if part.name in _NEEDS_ENTRY and not _is_plain(part)]
    return len(asking) == 1 and _mixed(asking[0])


def _is_plain(part: Part) -> bool:
    """Whether a match asks for states and nothing else."""
    return part.name == "conntrack" and all(map(_is_state, part.uses))


def _mixed(part: Part) -> bool:
    return part.name == "conntrack" and any(map(_is_state, part.uses))


def _is_state(use: Use) -> bool:
    return use.option.name in _shared.STATE_OPTIONS


def _part(shape: Shape) -> Part:
    return next(part for part in shape.matches if part.name == "conntrack" and not _is_plain(part))


def _others(shape: Shape) -> str:
    return " and ".join(use.option.name for use in _part(shape).uses if not _is_state(use))


def _let_in(ruleset: Ruleset, made: Rule) -> str:
    """The states without an entry in which packets match the rule."""
    if made.table == "raw":
        return ""
    passing = _shared.statuses(made)
    if not ruleset.fragment:
        passing &= _shared.arriving(ruleset.tables[made.table]).get(made.chain, frozenset())
    return " and ".join(state for state in _shared.WITHOUT_ENTRY if frozenset({state}) in passing)


def _fix(ruleset: Ruleset, made: Rule) -> Fix:
    """Take the match apart; of no use where the list has nothing but packets without an entry."""
    part = _part(made.shape)
    if all(status <= set(_shared.WITHOUT_ENTRY) for status in _shared.statuses(made)):
        return Fix("ask the packet itself: -p, -s, -d", safety=Safety.MANUAL)
    turns = [
        use for before, use in zip(part.uses, part.uses[1:], strict=False) if _is_state(before) is not _is_state(use)
    ]
    edits = tuple(Edit(_before(ruleset, made, use), "-m conntrack ") for use in turns)
    return Fix("ask in a match of its own", edits, Safety.UNSAFE)


def _before(ruleset: Ruleset, made: Rule, use: Use) -> Span:
    """The place before an option and the `!` that belongs to it."""
    first = span_of(ruleset.document, made.line, use.item)
    before = span_of(ruleset.document, made.line, use.item - 1)
    start = before.start if use.negated and ruleset.document.source(before) == "!" else first.start
    return Span(start, start)
