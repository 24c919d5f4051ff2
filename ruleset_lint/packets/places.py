"""What a packet is at a hook apart from what rules make of it: state, interfaces, hops left. Knows no rule."""

from __future__ import annotations

from collections.abc import Sequence

from ruleset_lint.packets import formula as ask
from ruleset_lint.packets.course import CONNTRACK, Step
from ruleset_lint.packets.formula import Between, Field, Interface, of_type
from ruleset_lint.packets.space import Afterwards, PacketSet, Space
from ruleset_lint.packets.store import Store, unknown

CARRIED = Field("carried state", 1)
"""1: a packet on `lo` has the state with which it left by OUTPUT before anything is asked in PREROUTING."""
SEES_INPUT = Field("input seen in POSTROUTING", 1)
"""1: the kernel tells POSTROUTING by which interface a packet came, as it does from 5.5 on (commit 28f8bfd1ac94)."""
_REROUTED = "rerouted"
_TRACKED = (ask.STATE, ask.REPLY, ask.SNAT, ask.DNAT)


def before_conntrack(space: Space, course: Sequence[Step]) -> Store:
    """The state of all packets before connection tracking: INVALID, unless it is carried on `lo`."""
    store = Store()
    if not any(step.table == CONNTRACK for step in course):
        return store
    lo = space.both(space.of(Interface(ask.IN, "lo")), space.literal(space.variables(CARRIED, 1)[0]))
    fresh = space.contrary(lo) if course[0].hook == "PREROUTING" else space.all
    for of in _TRACKED:
        store.put(space, fresh, of, dict.fromkeys(space.variables(of, of.bits), space.none), change="")  # INVALID is 0
    return store


def at_conntrack(space: Space, store: Store) -> PacketSet:
    """Ask connection tracking about all packets that are not untracked; those that are."""
    untracked = store.now(space, space.of(ask.in_state("UNTRACKED")), {ask.STATE})
    for of in _TRACKED:
        store.restore(space, space.contrary(untracked), of, of.bits)
    return untracked


def at_hook(space: Space, store: Store, course: Sequence[Step], hook: str) -> PacketSet:
    """Make the store that of packets at a hook; those that do not come as far.

    Source: ip_forward of net/ipv4/ip_forward.c and ip6_forward: one hop less before FORWARD is asked, none left is the
    end. ip_route_input_slow: what the table `local` knows is delivered here, unless `ip rule` asks another one first
    or source routing is allowed. ip_output: from kernel 5.5 on POSTROUTING sees by which interface a packet came.
    Hops and interfaces measured with kernel 6.18, iptables 1.8.9, nft and legacy; own packets have no such interface
    there.
    """
    forwarded = any(step.hook == "FORWARD" for step in course)
    if hook == "PREROUTING" and forwarded:
        _without(space, store, ask.OUT, space.all)
    elif hook == "FORWARD":
        store.restore(space, space.all, ask.OUT, space.names.bits)
        last = store.now(space, space.of(Between(ask.TTL, 0, 1)), {ask.TTL})
        here = store.now(space, space.of(of_type(ask.DESTINATION_TYPE, "LOCAL")), {ask.DESTINATION_TYPE})
        _one_hop_less(space, store)
        return space.either(last, here)
    elif hook == "POSTROUTING" and forwarded:
        _without(space, store, ask.IN, space.contrary(space.literal(space.variables(SEES_INPUT, 1)[0])))
    elif hook == "POSTROUTING":
        # routed anew (ip_route_me_harder); OUTPUT saw the interface from before
        new = unknown(space, ask.OUT, space.names.bits, _REROUTED)
        store.put(space, store.changed(space), ask.OUT, new, change="")
    return space.none


def rerouted(space: Space) -> PacketSet:
    """The packets that leave by an interface if they are routed anew."""
    return space.contrary(space.named(Afterwards(ask.OUT, _REROUTED), space.names.number("")))


def _without(space: Space, store: Store, side: str, where: PacketSet) -> None:
    """No interface on a side."""
    nameless = space.names.number("")
    variables = space.variables(side, space.names.bits)
    bits = {number: nameless >> shift & 1 for shift, number in enumerate(reversed(variables))}
    store.put(space, where, side, {number: space.all if bit else space.none for number, bit in bits.items()}, change="")


def _one_hop_less(space: Space, store: Store) -> None:
    new: dict[int, PacketSet] = {}
    borrow = space.all
    for variable in reversed(space.variables(ask.TTL, ask.TTL.bits)):
        old = store.bit(space, variable)
        new[variable] = space.choose(borrow, space.contrary(old), old)
        borrow = space.without(borrow, old)
    store.put(space, space.all, ask.TTL, new, change="")
