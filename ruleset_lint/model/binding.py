"""From words to shapes: does what iptables does with getopt_long. Knows the catalogue, no values.

An option takes the words it wants whatever they look like, may be abbreviated, and belongs to the match loaded last
that has it; a protocol brings its match along.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ruleset_lint.model.shape import Operand, Part, Problem, Shape, Use
from ruleset_lint.netfilter.commands import COMMANDS, PARAMETERS, REFUSED, WHOLE_TABLE
from ruleset_lint.netfilter.extension import Extension, Option
from ruleset_lint.netfilter.matches import BY_PROTOCOL, MATCHES, match_entry, misspelt_match
from ruleset_lint.netfilter.targets import TARGETS, target_entry
from ruleset_lint.netfilter.values import protocol
from ruleset_lint.syntax.patterns import Pattern
from ruleset_lint.syntax.words import Form

# of these, the word may go on with the value: -AINPUT
_ATTACHED = frozenset({"-A", "-D", "-F", "-I", "-N", "-P", "-X", "-g", "-m"})
# what an abbreviation may stand for, though it is refused
_REFUSED = tuple(Option(name) for name in REFUSED if name.startswith("--"))
# iptables 1.8.9 takes the whole word, `--source=` included, for the value of these
_OWN_WORD = frozenset({"-s", "-d", "-p", "-j", "-i", "-o"})


class Binding(NamedTuple):
    """A shape, and the numbers of the values that had to be looked at to find it."""

    shape: Shape
    depends: tuple[int, ...]


class _Part:
    def __init__(self, name: str, entry: Extension | None, item: int) -> None:
        self.name = name
        self.entry = entry
        self.item = item
        self.uses: list[Use] = []
        self.opaque: list[Operand] = []

    def freeze(self) -> Part:
        return Part(self.name, self.entry, tuple(self.uses), self.item, tuple(self.opaque))


@dataclass(slots=True, eq=False, repr=False)
class _Binder:
    """A rule while its words are read."""

    pattern: Pattern
    values: Sequence[str]
    family: int
    next: int = 0
    hole: int = 0
    negation: int | None = None
    depends: list[int] = field(default_factory=list)
    command: Use | None = None
    parameters: list[Use] = field(default_factory=list)
    matches: list[_Part] = field(default_factory=list)
    target: _Part | None = None
    jump: Use | None = None
    problems: list[Problem] = field(default_factory=list)
    unclaimed: list[Problem] = field(default_factory=list)


def bind(pattern: Pattern, values: Sequence[str], family: int) -> Binding:
    """The shape of a rule with this pattern and these values."""
    binder = _Binder(pattern, values, family)
    while binder.next < len(pattern.items):
        _read_word(binder)
    if binder.negation is not None:
        _complain(binder, binder.negation, "option expected after !")
    _check_whole(binder)
    shape = Shape(
        pattern,
        binder.command,
        tuple(binder.parameters),
        tuple(part.freeze() for part in binder.matches),
        binder.target.freeze() if binder.target else None,
        binder.jump,
        tuple(binder.problems),
        tuple(binder.unclaimed),
    )
    return Binding(shape, tuple(binder.depends))


def _read_word(binder: _Binder) -> None:
    item = binder.pattern.items[binder.next]
    if item.form is Form.NEGATION:
        if binder.negation is not None:
            _complain(binder, binder.next, "one ! is enough")
        binder.negation = binder.next
        binder.next += 1
    elif item.form is Form.VALUE:
        _complain(binder, binder.next, "option expected")
        _take(binder)
    else:
        _read_option(binder, (item.text or "").removesuffix("=") if item.form is Form.ASSIGNMENT else item.text or "")


def _read_option(binder: _Binder, word: str) -> None:
    at = binder.next
    attached = word[2:] if word[:2] in _ATTACHED else ""
    owner, option, reason = _resolve(binder, word[:2] if attached else word)
    binder.next += 1
    if option is None:
        _unknown(binder, at, reason)
        return
    negated = binder.negation is not None
    if negated and not option.negatable:
        _complain(binder, at, f"! cannot stand before {option.name}")
    binder.negation = None
    if option.name in _OWN_WORD and binder.pattern.items[at].form is Form.ASSIGNMENT:
        _complain(binder, at, f"{option.name} takes its value as a word of its own, without =")
    use = Use(option, negated, _operands(binder, option, at, attached), at)
    if owner:
        _check_repeated(binder, owner.uses, use)
        owner.uses.append(use)
    else:
        _read_own(binder, use)


def _operands(binder: _Binder, option: Option, at: int, attached: str) -> tuple[Operand, ...]:
    taken: list[Operand] = [attached] if attached else []
    items = binder.pattern.items
    for number in range(len(taken), len(option.reads)):
        may_miss = option.optional and (number == len(option.reads) - 1 or option.name in WHOLE_TABLE)
        if binder.next == len(items) or (may_miss and items[binder.next].form is not Form.VALUE):
            if not may_miss:
                _complain(binder, at, f"{option.name} wants {'a value' if number == 0 else 'another value'}")
            break
        taken.append(_take(binder))
    return tuple(taken)


def _take(binder: _Binder) -> Operand:
    text = binder.pattern.items[binder.next].text
    binder.next += 1
    if text is not None:
        return text
    binder.hole += 1
    return binder.hole - 1


def _look(binder: _Binder, operand: Operand) -> str:
    """The text of a word that the shape depends on."""
    if isinstance(operand, str):
        return operand
    binder.depends.append(operand)
    return binder.values[operand]


def _read_own(binder: _Binder, use: Use) -> None:
    if use.option in COMMANDS:
        if binder.command:
            _complain(binder, use.item, "one command a line")
        binder.command = binder.command or use
        return
    _check_repeated(binder, binder.parameters, use)
    match use.option.name:
        case "-m" if use.operands:
            _load_match(binder, _look(binder, use.operands[0]), use.item + 1)
        case "-j" | "-g" if use.operands:
            _load_target(binder, use)
        case _:
            binder.parameters.append(use)


def _load_match(binder: _Binder, name: str, item: int) -> None:
    entry = match_entry(name, binder.family)
    if not entry and name in MATCHES:
        _complain(binder, item, f"match {name} is for IPv{10 - binder.family} only")
    elif not entry and name.lower() in MATCHES:
        _complain(binder, item, f"names of matches are in lower case: {name.lower()}")
    elif not entry and (reason := misspelt_match(name)):
        _complain(binder, item, reason)
    binder.matches.append(_Part(name, entry, item))


def _load_target(binder: _Binder, use: Use) -> None:
    if binder.target or binder.jump:
        _complain(binder, use.item, "one target a rule")
        return
    operand = use.operands[0]
    entry = target_entry(operand, binder.family) if isinstance(operand, str) and use.option.name == "-j" else None
    if entry:
        binder.target = _Part(entry.name, entry, use.item + 1)
    elif operand in TARGETS and use.option.name == "-j":
        _complain(binder, use.item + 1, f"target {operand} is for IPv{10 - binder.family} only")
    binder.jump = None if entry else use


def _resolve(binder: _Binder, word: str) -> tuple[_Part | None, Option | None, str]:
    """The option a word stands for, and the part it belongs to; or the reason why there is none."""
    if word in REFUSED:
        return None, None, f"{word} is refused here: {REFUSED[word]}"
    found = _exact(binder, word)
    if not found and binder.matches and binder.matches[-1].entry is None:
        return None, None, "unknown option"  # it may be one of a match that is not in the catalogue
    found = found or _abbreviated(binder, word)
    if not found and _load_protocol_match(binder):
        found = _exact(binder, word) or _abbreviated(binder, word)
    if not found:
        return None, None, "unknown option"
    if len({option.name for _, option in found}) > 1:
        return None, None, "abbreviation of more than one option"
    if (name := found[0][1].name) in REFUSED:
        return None, None, f"{name} is refused here: {REFUSED[name]}"
    return *found[0], ""


def _known(binder: _Binder) -> Iterator[tuple[_Part | None, Option]]:
    """All options in the order in which getopt looks at them: iptables' own, then those loaded last."""
    for option in (*COMMANDS, *PARAMETERS):
        if binder.family in option.families:
            yield None, option
    loaded = sorted(
        (part for part in (*binder.matches, binder.target) if part and part.entry),
        key=lambda part: part.item,
        reverse=True,
    )
    for part in loaded:
        for option in part.entry.options if part.entry else ():
            if binder.family in option.families:
                yield part, option


def _exact(binder: _Binder, word: str) -> list[tuple[_Part | None, Option]]:
    return [known for known in _known(binder) if word == known[1].name or word in known[1].aliases][:1]


def _abbreviated(binder: _Binder, word: str) -> list[tuple[_Part | None, Option]]:
    if not word.startswith("--") or len(word) < 3:
        return []
    return [
        (part, option)
        for part, option in (*_known(binder), *((None, option) for option in _REFUSED))
        if any(name.startswith(word) for name in (option.name, *option.aliases))
    ]


def _load_protocol_match(binder: _Binder) -> bool:
    """Load the match that belongs to the rule's protocol, unless it is there."""
    use = next((use for use in binder.parameters if use.option.name == "-p"), None)
    if not use or not use.operands:
        return False
    try:
        name = BY_PROTOCOL.get(protocol(_look(binder, use.operands[0]), binder.family))
    except ValueError:
        return False
    if name is None or any(part.name == name for part in binder.matches):
        return False
    _load_match(binder, name, use.item + 1)
    return True


def _unknown(binder: _Binder, at: int, reason: str) -> None:
    """An option nobody claims: it belongs to a match or target that the catalogue does not have, if there is one."""
    opaque = next((part for part in reversed(binder.matches) if part.entry is None), None)
    takes_over = reason == "unknown option" and (opaque or binder.jump)
    binder.negation = None
    if not takes_over:
        _complain(binder, at, reason)
    elif not opaque:
        binder.unclaimed.append(Problem(at, reason))
    words: list[Operand] = [binder.pattern.items[at].text or ""]
    while binder.next < len(binder.pattern.items) and binder.pattern.items[binder.next].form is Form.VALUE:
        words.append(_take(binder))
    if opaque:
        opaque.opaque += words


def _check_repeated(binder: _Binder, uses: Sequence[Use], use: Use) -> None:
    if not use.option.repeatable and any(use.option is other.option for other in uses):
        _complain(binder, use.item, f"{use.option.name} is there already")


def _check_whole(binder: _Binder) -> None:
    if binder.command is None and not binder.problems:
        _complain(binder, 0, "no command: -A CHAIN and the like")
    for part in (*binder.matches, binder.target) if not binder.problems else ():
        if part and part.entry and part.entry.requires and not _has_any(part, part.entry.requires):
            names = part.entry.requires
            wanted = " or ".join(names) if len(names) < 6 else f"an option of its own, like {names[0]}"
            _complain(binder, part.item, f"{part.name} wants {wanted}")


def _has_any(part: _Part, names: tuple[str, ...]) -> bool:
    return any(use.option.name in names for use in part.uses)


def _complain(binder: _Binder, item: int, reason: str) -> None:
    binder.problems.append(Problem(item, reason))
