"""The form of an entry of the catalogue: what iptables knows of a match or a target. Knows no particular one."""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from ruleset_lint.netfilter.values import Reader

BOTH = frozenset({4, 6})
IPV4 = frozenset({4})
IPV6 = frozenset({6})


class Tracking(Enum):
    """Whether a rule with the extension turns connection tracking on (callers of nf_ct_netns_get in the kernel)."""

    NEVER = "never"
    ALWAYS = "always"
    UNLESS_NOTRACK = "unless --notrack"


class Memory(Enum):
    """What the kernel keeps between packets for a rule with the extension."""

    NONE = "none"  # the answer depends on the packet, the interfaces, the socket or the connection alone
    COUNTS = "counts"  # on how many packets came before: limit, quota, statistic
    REMEMBERS = "remembers"  # on which packets came before: recent, hashlimit, sets that packets fill
    CLOCK = "clock"  # on the time of day


class Verdict(Enum):
    """What becomes of a packet that a target has taken."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    RETURN = "return"
    CONTINUE = "continue"  # the next rule is asked
    TRANSLATE = "translate"  # accepted, with another address
    ELSEWHERE = "elsewhere"  # decided outside the ruleset: NFQUEUE, SYNPROXY, TPROXY


class Option(NamedTuple):
    """An option: its long name, how each of its words reads, and what may stand with it."""

    name: str  # with dashes, as iptables-save prints it
    reads: tuple[Reader, ...] = ()  # one reader a word; none for a flag
    aliases: tuple[str, ...] = ()
    negatable: bool = False
    repeatable: bool = False
    optional: bool = False  # the last word may be missing
    families: frozenset[int] = BOTH


class Extension(NamedTuple):
    """A match or a target of iptables-extensions."""

    name: str
    options: tuple[Option, ...] = ()
    families: frozenset[int] = BOTH
    protocols: frozenset[str] = frozenset()  # one of these must be given with -p; none: any protocol will do
    tables: frozenset[str] = frozenset()  # none: any table
    hooks: frozenset[str] = frozenset()  # none: any hook
    requires: tuple[str, ...] = ()  # one of these options must be there
    module: str = ""  # kernel module today; modules.py has the older names
    tracking: Tracking = Tracking.NEVER
    memory: Memory = Memory.NONE
    verdict: Verdict = Verdict.CONTINUE  # of a target
    first_packet: bool = False  # differs between the packets of one connection

    def option(self, name: str) -> Option | None:
        """The option that `name` (a full name or an alias) stands for."""
        return next((option for option in self.options if name == option.name or name in option.aliases), None)


def flag(name: str, *aliases: str, negatable: bool = False) -> Option:
    """An option without a value."""
    return Option(name, (), aliases, negatable)


def takes(
    name: str, read: Callable[[str, int], object], *aliases: str, negatable: bool = False, repeatable: bool = False
) -> Option:
    """An option with one value."""
    return Option(name, (read,), aliases, negatable, repeatable)
