"""What cannot be told from a packet's fields, as questions: the words of a match in normal form. Knows no field.

Two spellings of one condition are one question; two conditions are never the same question. Where the normal form
would lose something (a mask with holes, a `!`), or only the loading machine can tell it, the words are as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruleset_lint.model.rule import Rule
from ruleset_lint.model.shape import Part, Use
from ruleset_lint.netfilter.extension import Extension, Memory
from ruleset_lint.netfilter.normal_matches import MATCH_FIELDS, MATCH_PRINTERS
from ruleset_lint.netfilter.normal_targets import TARGET_FIELDS, TARGET_PRINTERS
from ruleset_lint.netfilter.normal_values import prefix_length
from ruleset_lint.netfilter.saying import Said, Saying, field, print_fields
from ruleset_lint.netfilter.values import networks
from ruleset_lint.packets.formula import ALWAYS, Formula, Opaque
from ruleset_lint.packets.meaning_logic import signed
from ruleset_lint.syntax.words import quote

LOADED_BY_NFT = Opaque("loaded by iptables-nft")
"""What the two backends of iptables 1.8.9 make of a rule is not always the same: then this is asked too."""

# the answer depends on the connections that came to this rule, on targets like CONNMARK, or on all packets so far
_COUNTING = frozenset({"connlimit", "connmark", "nfacct"})
_COUNTERS = ("--packets-", "--bytes-")
_MASK = re.compile(r"/[^/]*[.:]")


def question(rule: Rule, part: Part) -> Opaque:
    """The whole match as one question, its `!` with it."""
    return Opaque(words_of(rule, part), _counts(part))


def asked(rule: Rule, part: Part, use: Use, *beside: Use) -> Formula:
    """One option of a match, with those that say how it is meant: a `!` before it means the contrary."""
    positive = question(rule, part._replace(uses=(use._replace(negated=False), *beside)))
    nothing = positive.text == words_of(rule, part._replace(uses=()))  # all of a range, which save leaves out
    return signed(ALWAYS if nothing else positive, use.negated)


def _counts(part: Part) -> bool:
    if part.entry is None or part.entry.memory in (Memory.COUNTS, Memory.REMEMBERS) or part.name in _COUNTING:
        return True
    names = [use.option.name for use in part.uses]
    return (part.name == "set" and any(name.startswith(_COUNTERS) for name in names)) or (
        part.name == "connlabel" and "--set" in names
    )


def words_of(rule: Rule, part: Part, *, match: bool = True) -> str:
    """`-m limit --limit 5/sec`, or `-j TCPMSS --set-mss 1400`."""
    words = _normal(rule, part, match=match)
    if words is None:
        words = list(_written(rule, part))
    return " ".join(("-m" if match else "-j", part.entry.name if part.entry else part.name, *words))


def _normal(rule: Rule, part: Part, *, match: bool) -> list[str] | None:
    """The words as iptables-save has them, None if it does not tell all that they say."""
    if part.entry is None:
        return None
    texts = (rule.text(operand) for use in part.uses for operand in use.operands)
    if any(_has_holes(text, rule.family) for text in texts):
        return None
    try:
        words = _print(part.entry, _saying(rule, part, part.entry), match=match)
    except (ValueError, IndexError, StopIteration, KeyError, OverflowError):
        return None
    repeated = part.name != "policy" and len({use.option.name for use in part.uses}) < len(part.uses)
    return words if words.count("!") == sum(use.negated for use in part.uses) and not repeated else None


def _has_holes(text: str, family: int) -> bool:
    """Whether it ends with a mask that is no prefix, which save leaves out."""
    if not _MASK.search(text):
        return False
    try:
        return any(prefix_length(network.mask, family) is None for network in networks(text, family))
    except ValueError:
        return False


def _saying(rule: Rule, part: Part, entry: Extension) -> Saying:
    said = [
        Said(use.option.name, use.negated, tuple(rule.text(operand) for operand in use.operands)) for use in part.uses
    ]
    if entry.name != "policy":  # of which each element has options of the same names
        order = [option.name for option in entry.options]
        said.sort(key=lambda one: order.index(one.option))
    return Saying(entry.name, tuple(said), rule.family, "legacy")  # which prints what nft leaves out


def _print(entry: Extension, saying: Saying, *, match: bool) -> list[str]:
    printers, fields = (MATCH_PRINTERS, MATCH_FIELDS) if match else (TARGET_PRINTERS, TARGET_FIELDS)
    if entry.name in printers:
        return list(printers[entry.name](saying))
    known = fields.get(entry.name)
    return print_fields(saying, known if known is not None else [field(one.option) for one in saying.said])


def _written(rule: Rule, part: Part) -> Iterator[str]:
    for use in part.uses:
        yield from (*(["!"] if use.negated else []), use.option.name)
        yield from (quote(rule.text(operand)) for operand in use.operands)
    yield from (quote(rule.text(operand)) for operand in part.opaque)
