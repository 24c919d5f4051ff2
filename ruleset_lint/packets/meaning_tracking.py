"""What state, conntrack and other matches on the connection ask of a packet. Knows no other match.

Sources: conntrack_mt in net/netfilter/xt_conntrack.c, xt_connlabel.c, xt_helper.c, xt_connbytes.c, xt_cluster.c; each
measured with packets that have no entry (kernel 6.18, iptables 1.8.9).
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter.values import STATES
from ruleset_lint.packets.formula import DNAT, REPLY, SNAT, STATE, Formula, Opaque, equal, in_state
from ruleset_lint.packets.meaning_logic import all_of, contrary, signed, some_of
from ruleset_lint.packets.meaning_words import asked, question

HAS_ENTRY = in_state("NEW", "ESTABLISHED", "RELATED")
HAS_NONE = in_state("INVALID", "UNTRACKED")
_STATE_OPTIONS = ("--state", "--ctstate")


def tracking_formula(rule: Rule, part: Part) -> Formula:
    """What state or conntrack asks. Raises ValueError if a value does not read.

    A packet without an entry is asked for its state alone; without a state test it matches nothing, negated or not.
    """
    states = [use for use in part.uses if use.option.name in _STATE_OPTIONS]
    others = all_of(*(_option(rule, part, use) for use in part.uses if use not in states))
    if not states:
        return all_of(HAS_ENTRY, others)
    return all_of(*(_states(rule, use) for use in states), some_of(HAS_NONE, others))


def _states(rule: Rule, use: Use) -> Formula:
    """The states, and SNAT and DNAT of packets that have an entry."""
    wanted = cast("frozenset[str]", rule.read(use))
    named = [equal(STATE, number) for number, name in enumerate(STATES) if name in wanted]
    translated = [equal(of, 1) for of, name in ((SNAT, "SNAT"), (DNAT, "DNAT")) if name in wanted]
    return signed(some_of(*named, *(all_of(HAS_ENTRY, one) for one in translated)), use.negated)


def _option(rule: Rule, part: Part, use: Use) -> Formula:
    if use.option.name == "--ctdir":
        return equal(REPLY, int(cast("str", rule.read(use)).upper() == "REPLY"))
    return asked(rule, part, use)


def connection_formula(rule: Rule, part: Part) -> Formula:
    """connmark, connbytes, cluster: only packets with an entry can match; `! --mark` turns the answer about them."""
    if part.name == "connbytes":
        return all_of(HAS_ENTRY, question(rule, part))
    return all_of(HAS_ENTRY, turned(rule, part))


def label_formula(rule: Rule, part: Part) -> Formula:
    """connlabel, helper: only packets with an entry can match, and negated all others do."""
    negated = any(use.negated for use in part.uses)
    positive = part._replace(uses=tuple(use._replace(negated=False) for use in part.uses))
    if part.use("--set"):
        return question(rule, part)
    return signed(all_of(HAS_ENTRY, question(rule, positive)), negated)


def limit_formula(rule: Rule, part: Part) -> Formula:
    """connlimit: it counts entries. Of connections without one it sees the packet alone (nf_conncount_count)."""
    asks = question(rule, part)
    if not isinstance(asks, Opaque):
        return asks
    alone = replace(asks, text=f"{asks.text} of a packet without an entry")
    return some_of(all_of(HAS_ENTRY, asks), all_of(HAS_NONE, alone))


def turned(rule: Rule, part: Part) -> Formula:
    """A match of which one `!` means the contrary of the whole; with several it is a question of its own."""
    negated = sum(use.negated for use in part.uses)
    if negated != 1:
        return question(rule, part)
    positive = part._replace(uses=tuple(use._replace(negated=False) for use in part.uses))
    return contrary(question(rule, positive))
