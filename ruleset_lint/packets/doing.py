"""What the target of a rule does with a packet that the rule matches. Knows no condition of rules and no walk.

Sources: the `target` functions of the kernel's xt_*.c and ipt_*.c; iptables-extensions(8) of iptables 1.8.9.
"""

from collections.abc import Container
from typing import NamedTuple

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part
from ruleset_lint.model.tracking import untracks
from ruleset_lint.netfilter.values import STATES
from ruleset_lint.packets.doing_fields import changes
from ruleset_lint.packets.effect import Assign, Call, Decide, Effect, Note, Replace, Return, Translate
from ruleset_lint.packets.formula import ALWAYS, FLAGS, MARK, STATE, TOS, TTL, Formula, Opaque, in_state
from ruleset_lint.packets.meaning_logic import bits, some_of
from ruleset_lint.packets.meaning_tracking import HAS_ENTRY
from ruleset_lint.packets.meaning_transport import flag_bits
from ruleset_lint.packets.meaning_words import words_of
from ruleset_lint.syntax.nodes import RuleLine

# what later rules, other rulesets and the packet itself show nothing of
_TELLING = frozenset({"AUDIT", "IDLETIMER", "LED", "LOG", "NFLOG", "TRACE", "ULOG"})
_SOURCE_HOOKS = ("POSTROUTING", "INPUT")
_LOOKED_AT = flag_bits(frozenset({"FIN", "SYN", "RST", "ACK"}))


class Step(NamedTuple):
    """A part of what a target does: to those packets only for which `asks` holds when the step is reached."""

    asks: Formula
    effects: tuple[Effect, ...]


_PLAIN = {
    "ACCEPT": (Step(ALWAYS, (Decide("ACCEPT"),)),),
    "DROP": (Step(ALWAYS, (Decide("DROP"),)),),
    "RETURN": (Step(ALWAYS, (Return(),)),),
}


def effects_of(rule: Rule, chains: Container[str]) -> tuple[Effect, ...]:
    """What the rule does with a packet that it matches, in order; `chains` are the names of the table's chains.

    Only the last can be Decide, Return, Call or Translate; without one of them the next rule is asked. Two things
    this cannot say, and `steps_of` does: NOTRACK and CT do nothing to a packet that has a state already, and some
    targets decide about some packets only (SYNPROXY, CLUSTERIP, those that the catalogue does not have).
    """
    target = rule.shape.target
    if target is None:
        return _jump(rule, chains)
    match target.name:
        case "ACCEPT" | "DROP" | "RETURN" as name:
            return _PLAIN[name][0].effects
        case "QUEUE":
            return (Decide("NFQUEUE 0"),)  # the queue of old ip_queue is number 0
        case "REJECT" | "NFQUEUE" | "SYNPROXY":
            return (Decide(_verdict(rule, target)),)
        case "TPROXY":
            return (*changes(rule, target), Decide(_without_mark(rule, target)))  # tproxy_tg4
        case "SNAT" | "MASQUERADE" | "DNAT" | "REDIRECT" | "NETMAP":
            return (Translate(_translates_source(rule, target), _bare(rule, target)),)
        case "NOTRACK" | "CT":
            return _tracking(rule, target)
        case name if name in _TELLING:
            return (Note(_bare(rule, target), matters=False),)
        case _:
            return changes(rule, target) or (Note(_bare(rule, target), matters=True),)


def steps_of(rule: Rule, chains: Container[str]) -> tuple[Step, ...]:
    """What the rule does, exactly: each step as if it were a rule of its own, behind the rule's own conditions.

    A packet that a step does not decide about comes to the next step, then to the next rule.
    """
    target = rule.shape.target
    if target is not None and target.name in _PLAIN:
        return _PLAIN[target.name]
    effects = effects_of(rule, chains)
    match target.name if target else "":
        case "NOTRACK" | "CT":
            return (Step(in_state("INVALID"), effects),)  # xt_ct_target: what has an entry or is untracked stays so
        case "CONNMARK" | "CONNSECMARK":
            return (Step(HAS_ENTRY, effects),)
        case "SYNPROXY":
            return (Step(_opens_or_answers(), effects),)
        case "CLUSTERIP":
            others = Opaque(f"{words_of(rule, target, match=False)} of another node" if target else "", counts=True)
            return (Step(others, (Decide("DROP"),)), Step(ALWAYS, effects))
        case "" if rule.shape.jump and rule.jump not in chains:
            decided = Opaque(f"{_unknown(rule)} decides", counts=True)
            return (Step(ALWAYS, effects), Step(decided, (Decide(_unknown(rule)),)))
        case _:
            return (Step(ALWAYS, effects),) if effects else ()


def _jump(rule: Rule, chains: Container[str]) -> tuple[Effect, ...]:
    """Into a chain; a target that is not in the catalogue may change whatever can be changed."""
    if not rule.shape.jump or not rule.jump:
        return ()
    if rule.jump in chains:
        return (Call(rule.jump, rule.goto),)
    text = _unknown(rule)
    return (*(Replace(of, text) for of in (MARK, TOS, TTL)), Note(text, matters=True))


def _unknown(rule: Rule) -> str:
    """A jump to what is no chain of the table, with the words that nobody else claims."""
    node = rule.line.node
    claimed = [rule.shape.jump.option.name if rule.shape.jump else "-j", rule.jump or ""]
    if not isinstance(node, RuleLine) or not rule.shape.unclaimed:
        return " ".join(claimed)
    values = iter(node.values)
    words = [item.text if item.text is not None else next(values) for item in node.pattern.items]
    return " ".join((*claimed, *words[rule.shape.unclaimed[0].item :]))


def _bare(rule: Rule, target: Part) -> str:
    """The target with its options in normal form, without `-j`."""
    return words_of(rule, target, match=False).removeprefix("-j ")


def _verdict(rule: Rule, target: Part) -> str:
    """`REJECT tcp-reset`, `NFQUEUE 0 --queue-bypass`."""
    words = _bare(rule, target)
    for option in (" --reject-with", " --queue-num", " --queue-balance"):
        words = words.replace(option, "", 1)
    return words


def _without_mark(rule: Rule, target: Part) -> str:
    """TPROXY without the mark, which is an effect of its own; the normal form adds one that changes nothing."""
    others = tuple(use for use in target.uses if use.option.name != "--tproxy-mark")
    return _bare(rule, target._replace(uses=others)).removesuffix(" --tproxy-mark 0x0/0x0")


def _translates_source(rule: Rule, target: Part) -> bool:
    """Whether the source is translated; NETMAP in a chain of one's own is taken for a rule of PREROUTING."""
    return target.name in ("SNAT", "MASQUERADE") or (target.name == "NETMAP" and rule.chain in _SOURCE_HOOKS)


def _tracking(rule: Rule, target: Part) -> tuple[Effect, ...]:
    """Out of tracking; or a template, which looks NEW until the packet is tracked by it (measured, kernel 6.18)."""
    if untracks(rule.shape):
        return (Assign(STATE, (1 << STATE.bits) - 1, STATES.index("UNTRACKED")),)
    template = Assign(STATE, (1 << STATE.bits) - 1, STATES.index("NEW"))
    return (template, Note(_bare(rule, target), matters=True))


def _opens_or_answers() -> Formula:
    """SYN alone, or ACK alone: of other packets synproxy_tg4 takes no notice."""
    return some_of(*(bits(FLAGS, _LOOKED_AT, flag_bits(frozenset({flag}))) for flag in ("SYN", "ACK")))
