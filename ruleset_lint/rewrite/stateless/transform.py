"""The goal `stateless`: every test of a connection's state becomes tests of flags and ports. Knows no file of a host.

    stateless(ruleset, *, local_ports=…) -> Stateless: text, refusals, warnings (Reasons), after, changed

Afterwards no rule turns connection tracking on. Packets that would open a connection stay with the rules that are
there, whose state tests are answered for NEW; all others leave each built-in chain at its top and are decided in copies
that are specialised to the state that their flags and their direction stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks
from ruleset_lint.rewrite.layout import Additions, additions, removals
from ruleset_lint.rewrite.printing import Label, table_additions
from ruleset_lint.rewrite.program import Workshop
from ruleset_lint.rewrite.reasons import Reason
from ruleset_lint.rewrite.roles import Diversion
from ruleset_lint.rewrite.simplify import simplified
from ruleset_lint.rewrite.stateless.places import answered
from ruleset_lint.rewrite.stateless.refusals import refusals, warnings
from ruleset_lint.rewrite.stateless.roles import Job, diversions, fragments
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import apply_edits

_FRAGMENTS = "nothing puts fragments together before {}: all but first ones are let through, whatever they belong to"
_LABEL = Label("SL", "stateless")
LOCAL_PORTS = (32768, 60999)
"""The ports from which this machine asks others: the default of net.ipv4.ip_local_port_range."""


@dataclass(frozen=True, slots=True)
class Stateless:
    """A ruleset's new text, unless something is in the way (then the old one); and what to know of it."""

    ruleset: Ruleset
    text: str
    refusals: tuple[Reason, ...]
    warnings: tuple[Reason, ...]

    @property
    def changed(self) -> bool:
        """Whether the new text differs."""
        return self.text != self.ruleset.document.text

    @property
    def after(self) -> Ruleset:
        """The new text, loaded."""
        return load(parse(self.ruleset.document.path, self.text), self.ruleset.family, fragment=self.ruleset.fragment)


def stateless(ruleset: Ruleset, *, local_ports: tuple[int, int] = LOCAL_PORTS) -> Stateless:
    """The ruleset without connection tracking; with refusals, the text is the old one."""
    text, path = ruleset.document.text, ruleset.document.path
    if not any(map(tracks, ruleset.by_shape)):
        nothing = Reason("W", "no rule turns connection tracking on: nothing is tracked", "", path)
        return Stateless(ruleset, text, (), (nothing,))
    base = _base(ruleset)
    refused = refusals(base)
    if refused:
        return Stateless(ruleset, text, refused, ())
    job = Job(Workshop(), base, local_ports)
    made = simplified(job.workshop, base, diversions(job))
    written = _written(ruleset, base, made, tuple(fragments(job)))
    broken = tuple(Reason("L", f"it would not load: {found.reason}", "", path) for found in breaks(written.after))
    return Stateless(ruleset, text, broken, ()) if broken else written


def _base(ruleset: Ruleset) -> Ruleset:
    """The ruleset without what a rewrite for the goal notrack has made: nothing needs to leave tracking."""
    edits = removals(ruleset, ())
    if not edits:
        return ruleset
    text = apply_edits(ruleset.document.text, edits)
    return load(parse(ruleset.document.path, text), ruleset.family, fragment=ruleset.fragment)


def _written(ruleset: Ruleset, base: Ruleset, made: Sequence[Diversion], fragments: Sequence[Diversion]) -> Stateless:
    added: dict[str, Additions] = {}
    all_made = (*fragments, *made)
    for table in dict.fromkeys(diversion.table for diversion in all_made):
        own = [diversion for diversion in all_made if diversion.table == table]
        added[table] = table_additions(_LABEL, own, set(base.tables[table].chains))
    edits = (*additions(base, added), *answered(base))
    exposed = [Reason("W", _FRAGMENTS.format(one.hook), "", base.document.path) for one in fragments]
    return Stateless(ruleset, apply_edits(base.document.text, edits), (), (*warnings(base), *exposed))
