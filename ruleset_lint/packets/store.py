"""What packets have become on their way: fields as functions of the packet as it came. Knows no rule and no chain.

    Store()                                       nothing was changed
    store.put, assign, replace, follow            it was, for some packets
    store.now(space, packets, asked), store.bit   what that makes of a set, and of one bit

A store is only about the fields that something changed. Opaque questions may be about any of them: a packet that was
changed is asked anew, and answers alike after the same changes. Changes are kept one by one, and joined in pairs when
somebody asks: one after the other a thousand of them would cost a million steps. Most of them nobody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.effect import Assign, Replace
from ruleset_lint.packets.formula import Opaque
from ruleset_lint.packets.space import Afterwards, PacketSet, Space, Substitution, question

TYPES = {
    **dict.fromkeys(ask.SOURCE.values(), (ask.SOURCE_TYPE,)),
    **dict.fromkeys(ask.DESTINATION.values(), (ask.DESTINATION_TYPE,)),
}
"""What is another one once an address is."""
_CHANGES = 16  # kept apart for opaque questions; all more are one


class _Change(NamedTuple):
    """Some packets, and the set in which they must be for the bit to be set from then on."""

    where: PacketSet
    value: PacketSet


@dataclass(eq=False, slots=True)
class Store:
    """Bits that are no longer what they were, by variable; the fields they are of; the packets by what changed them."""

    bits: dict[int, list[_Change]] = field(default_factory=dict)
    fields: set[Hashable] = field(default_factory=set)
    changes: dict[str, list[PacketSet]] = field(default_factory=dict)
    _made: dict[frozenset[Hashable], Substitution] = field(default_factory=dict)

    def now(self, space: Space, of: PacketSet, asked: Iterable[Hashable]) -> PacketSet:
        """The packets as they came that are in a set by now; `asked` is all that the set depends on."""
        if not self.fields and not self.changes:
            return of
        concerned = frozenset(key for key in asked if key in self.fields or (self.changes and _is_asked_anew(key)))
        if not concerned:
            return of
        if concerned not in self._made:
            self._made[concerned] = space.replacing(self._replaced(space, concerned))
        return space.substituted(of, self._made[concerned])

    def bit(self, space: Space, variable: int) -> PacketSet:
        """The packets as they came that have the bit set by now."""
        changes = self.bits.get(variable)
        if not changes:
            return space.literal(variable)
        changes[:] = [_joined(space, changes)]
        return space.choose(changes[0].where, changes[0].value, space.literal(variable))

    def changed(self, space: Space) -> PacketSet:
        """All packets that something changed."""
        return space.any_of([packets for sets in self.changes.values() for packets in sets])

    def put(self, space: Space, where: PacketSet, of: Hashable, new: Mapping[int, PacketSet], *, change: str) -> None:
        """Replace bits of a field of some packets; without the name of a change opaque questions do not see it."""
        if space.is_empty(where) or not new:
            return
        for variable, value in new.items():
            self.bits.setdefault(variable, []).append(_Change(where, value))
        self.fields.add(of)
        if change:
            self._note(space, change, where)
        self._made.clear()

    def restore(self, space: Space, where: PacketSet, of: Hashable, bits: int) -> None:
        """Give some packets the field back with which they came."""
        old = {variable: space.literal(variable) for variable in space.variables(of, bits)}
        if of in self.fields:
            self.put(space, where, of, old, change="")
        if all(self.bit(space, variable) == literal for variable, literal in old.items()):
            self.fields.discard(of)
            for variable in old:
                self.bits.pop(variable, None)

    def assign(self, space: Space, where: PacketSet, effect: Assign, *, seen: bool = True) -> None:
        """Change a field of some packets; `seen`: opaque questions may ask it."""
        of, new = effect.field, {}
        for shift, variable in enumerate(reversed(space.variables(of, of.bits))):
            if effect.mask >> shift & 1:
                new[variable] = space.all if effect.value >> shift & 1 else space.none
            elif effect.value >> shift & 1:
                new[variable] = space.contrary(self.bit(space, variable))
        change = f"{of.name} {effect.mask:x} {effect.value:x}" if seen else ""
        self.put(space, where, of, new, change=change)

    def replace(self, space: Space, where: PacketSet, effect: Replace) -> None:
        """Make a field of some packets what nobody can tell, the same for the same text."""
        for of in (effect.field, *TYPES.get(effect.field, ())):
            self.put(space, where, of, unknown(space, of, of.bits, effect.text), change=effect.text)

    def follow(self, space: Space, where: PacketSet, then: Store, asked: Iterable[Hashable]) -> None:
        """Change some packets as `then` does, which is about packets as this store leaves them.

        `asked` is all that `then` depends on.
        """
        if not then.bits and not then.changes:
            return
        met: dict[int, _Change] = {}
        places: dict[PacketSet, PacketSet] = {}  # the bits of a field are mostly changed together
        for variable, changes in then.bits.items():
            change = _joined(space, changes)
            if change.where not in places:
                places[change.where] = space.both(where, self.now(space, change.where, asked))
            met[variable] = _Change(places[change.where], self.now(space, change.value, asked))
        noted = {
            name: space.both(where, self.now(space, space.any_of(sets), asked)) for name, sets in then.changes.items()
        }
        for variable, change in met.items():
            if not space.is_empty(change.where):
                self.bits.setdefault(variable, []).append(change)
        self.fields |= then.fields
        for name, packets in noted.items():
            self._note(space, name, packets)
        self._made.clear()

    def mapped(self, of: Callable[[PacketSet], PacketSet]) -> Store:
        """The same with each set replaced."""
        bits = {variable: [_Change(*map(of, change)) for change in changes] for variable, changes in self.bits.items()}
        return Store(bits, set(self.fields), {change: list(map(of, sets)) for change, sets in self.changes.items()})

    def _replaced(self, space: Space, concerned: Iterable[Hashable]) -> dict[int, PacketSet]:
        result: dict[int, PacketSet] = {}
        for key in concerned:
            if isinstance(key, Opaque):
                result |= self._asked_anew(space, key)
            else:
                result |= {number: self.bit(space, number) for number in space.known()[key] if number in self.bits}
        return result

    def _asked_anew(self, space: Space, opaque: Opaque) -> dict[int, PacketSet]:
        variable = space.variables(question(opaque, None), 1)[0]
        answer = space.literal(variable)
        for change, sets in self.changes.items():
            other = space.literal(space.variables(Afterwards(opaque, change), 1)[0])
            answer = space.choose(space.any_of(sets), other, answer)
        return {variable: answer}

    def _note(self, space: Space, change: str, where: PacketSet) -> None:
        """The last change of a packet counts; more than a few kinds of them are not told apart."""
        if space.is_empty(where):
            return
        sets = self.changes.pop(change, [])
        self.changes[change] = [*sets, where]
        if len(self.changes) > _CHANGES:
            first, second = islice(self.changes, 2)
            both = self.changes.pop(first) + self.changes.pop(second)
            self.changes = {f"{first}, {second}": both, **self.changes}


def unknown(space: Space, of: Hashable, bits: int, event: str) -> dict[int, PacketSet]:
    """Bits of a field that nobody can tell once something has happened."""
    old, fresh = space.variables(of, bits), space.variables(Afterwards(of, event), bits)
    return {before: space.literal(after) for before, after in zip(old, fresh, strict=True)}


def _is_asked_anew(key: Hashable) -> bool:
    return isinstance(key, Opaque) and not key.counts


def _joined(space: Space, changes: list[_Change]) -> _Change:
    """Changes one after the other as one, joined in pairs."""
    waiting = changes
    while len(waiting) > 1:
        odd = waiting[len(waiting) & ~1 :]
        pairs = zip(waiting[::2], waiting[1::2], strict=False)
        waiting = [_after(space, first, second) for first, second in pairs] + odd
    return waiting[0]


def _after(space: Space, first: _Change, second: _Change) -> _Change:
    return _Change(space.either(first.where, second.where), space.choose(second.where, second.value, first.value))
