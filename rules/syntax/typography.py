"""syntax/typography"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Place, Safety, Severity, rule
from ruleset_lint.model.mending import mended
from ruleset_lint.model.ruleset import Ruleset

from . import _shared

_NAMES = {
    "\u00a0": "no-break space",
    "\u2010": "hyphen U+2010",
    "\u2011": "non-breaking hyphen",
    "\u2012": "figure dash",
    "\u2013": "en dash",
    "\u2014": "em dash",
    "\u2015": "horizontal bar",
    "\u2018": "typographic quote",
    "\u2019": "typographic quote",
    "\u201c": "typographic quote",
    "\u201d": "typographic quote",
    "\u2212": "minus sign",
    "\ufeff": "byte order mark",
}


@rule(Severity.ERROR)
def typography(ruleset: Ruleset) -> Iterator[Finding]:
    """A typographic character keeps iptables-restore from reading the line

    ## What it does
    Looks for dashes, quotes, no-break spaces and byte order marks outside of quoted values on lines that
    iptables-restore refuses. Inside quotes they are text, and loaded as such.

    ## Why is this bad?
    Word processors, wikis and chat programs put them in place of `--`, `"` and blanks. iptables takes them for letters:
    the option is none, the line is refused, and with it the whole table.

    ## Example
    ```
    -A INPUT -p tcp –dport 22 -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -p tcp --dport 22 -j ACCEPT
    ```

    ## Fix safety
    Safe: a line that is refused decides nothing today.

    ## Since
    All releases.

    ## Source
    add_param_to_argv in xshared.c of iptables 1.8.9; measured on kernel 6.18 with iptables 1.8.9 (nft and legacy).
    """
    found = mended(ruleset).typography
    if not found:
        return
    more = list(found)[1:]
    edits = tuple(edit for several in found.values() for edit in several)
    start, end = edits[0].span
    if ruleset.document.text[start:end] == "-":
        start += 1
    character = ruleset.document.text[start]
    name = _NAMES.get(character, f"U+{ord(character):04X}")
    yield Finding(
        Place(ruleset.document, edits[0].span, "not ASCII"),
        f"{name} (U+{ord(character):04X}) where iptables-restore wants ASCII" + _shared.and_others(len(more)),
        _shared.related(ruleset, more, "typographic characters here too"),
        help=("the line is refused, and with it the whole table",),
        fix=Fix("write the characters that iptables-restore reads", edits, Safety.SAFE),
    )
