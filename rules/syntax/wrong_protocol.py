"""syntax/wrong-protocol"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Severity, rule
from ruleset_lint.model.refusal import Kind
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.profiles import Profile

from . import _shared


@rule(Severity.ERROR)
def wrong_protocol(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """A port, a flag or another option stands without the protocol that it belongs to

    ## What it does
    Looks for matches, options and values that want a protocol which the rule does not ask for, or asks for behind
    them: ports, TCP flags, ICMP types, ports of NAT targets, `tcp-reset`, helpers.

    ## Why is this bad?
    Only with its protocol is the option known, or does the kernel take the rule. iptables-restore refuses the line,
    and the table is not loaded.

    ## Example
    ```
    -A INPUT --dport 22 -j ACCEPT
    ```

    ## Use instead
    ```
    -A INPUT -p tcp --dport 22 -j ACCEPT
    ```

    ## Fix safety
    No fix: which protocol was meant is the author's to say.

    ## Since
    All releases. `! -p tcp` with `-m tcp` is taken by the nft backend.

    ## Source
    The `proto` field of the modules in net/netfilter, load_proto in xshared.c of iptables 1.8.9; measured on kernel
    6.18 with iptables 1.8.9 (nft and legacy).
    """
    for cause in _shared.causes(ruleset, profiles, Kind.PROTOCOL):
        text = "" if cause.word in cause.first.reason.split() or not cause.word else f"{_shared.shown(cause.word)}: "
        yield _shared.told(ruleset, cause, text + cause.first.reason, reason="here too")
