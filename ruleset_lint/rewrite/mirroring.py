"""What a condition on the packets of one direction says of the replies. Knows no chain.

Interfaces do not mirror on a host, whose replies may leave by another one; on a router `-i` and `-o` change
places. What a packet carries beside its tuple is not the same in the reply. Such conditions have no mirror.
"""

from __future__ import annotations

from ruleset_lint.model.shape import Use
from ruleset_lint.rewrite.conditions import Asked
from ruleset_lint.rewrite.program import Condition

_SWAPPED = {
    "-s": "-d", "-d": "-s", "-i": "-o", "-o": "-i",
    "--sport": "--dport", "--dport": "--sport", "--sports": "--dports", "--dports": "--sports", "--ports": "--ports",
    "--src-range": "--dst-range", "--dst-range": "--src-range",
    "--src-type": "--dst-type", "--dst-type": "--src-type",
}  # fmt: skip
_MATCHES = frozenset({"tcp", "udp", "udplite", "sctp", "dccp", "multiport", "iprange", "addrtype"})


def mirrored(one: Asked, *, interfaces: bool = False) -> Condition | None:
    """The condition for the reply, None if there is none. `interfaces`: a router's, by which it leaves and comes."""
    words = one.condition.words
    if one.part is None:
        swapped = tuple(_SWAPPED.get(word, word) for word in words)
        known = ("-s", "-d", "-i", "-o") if interfaces else ("-s", "-d")
        return Condition(swapped, _SWAPPED[one.subject]) if one.subject in known else None
    if one.part.name == "set":
        return _mirrored_set(words)
    if one.part.name not in _MATCHES or any(use.option.name not in _SWAPPED for use in _uses(one)):
        return None
    names = {use.option.name for use in _uses(one)}
    swapped = tuple(_SWAPPED[word] if word in names else word for word in words)
    subject = f"{one.part.name} {swapped[-2]}" if one.use else one.condition.subject
    return Condition(swapped, subject, one.condition.pure, one.condition.protocol)


def _uses(one: Asked) -> tuple[Use, ...]:
    return (one.use,) if one.use else (one.part.uses if one.part else ())


def _mirrored_set(words: tuple[str, ...]) -> Condition | None:
    """`--match-set name src,dst` asks `dst,src` of the reply."""
    if "--match-set" not in words:
        return None
    place = words.index("--match-set") + 2
    directions = [{"src": "dst", "dst": "src"}.get(direction) for direction in words[place].split(",")]
    if None in directions:
        return None
    return Condition((*words[:place], ",".join(map(str, directions)), *words[place + 1 :]), "-m set", pure=False)
