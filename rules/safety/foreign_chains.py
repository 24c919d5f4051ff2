"""safety/foreign-chains"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ruleset_lint.lint import Finding, Fix, Place, Safety, Severity, at_line, at_rule, rule
from ruleset_lint.model.ruleset import Chain, Ruleset
from ruleset_lint.netfilter.foreign import owner_of

from . import _shared

_OPEN = "DOCKER-USER"  # the administrator's own place in Docker's chains


@rule(Severity.WARNING)
def foreign_chains(ruleset: Ruleset) -> Iterator[Finding]:
    """Chains that another program makes while it runs are saved in a file that is loaded at boot

    ## What it does
    Looks in files that a service loads at boot (`etc/sysconfig/iptables`, `etc/iptables/rules.v4` and the like) for
    rules in chains whose names belong to Docker, kube-proxy, Calico, Cilium, fail2ban, libvirt, ufw and others.
    DOCKER-USER is the administrator's. These chains are never rewritten.

    ## Why is this bad?
    They come from an `iptables-save` of a running machine. At boot the old containers' addresses, the banned and the
    ports of that day come back; the program then adds its rules a second time, or finds its chain and refuses to start.
    Loading the file again later wipes what the program has made since.

    ## Example
    ```
    # etc/sysconfig/iptables
    :DOCKER - [0:0]
    -A FORWARD -o docker0 -j DOCKER
    -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
    ```

    ## Use instead
    A file without them: the program makes them when it starts. The firewall has to start before it.

    ## Fix safety
    Manual: jumps, NAT rules and policies go with them.

    ## Since
    Every release.

    ## Source
    fail2ban's action.d/iptables.conf creates its chain with `-N` at each start; Docker, moby issue 12294.
    """
    if ruleset.fragment or not _shared.is_loaded_at_boot(ruleset):
        return
    for owner, chains in _by_owner(ruleset).items():
        yield _finding(ruleset, owner, chains)


def _by_owner(ruleset: Ruleset) -> Mapping[str, list[Chain]]:
    """The chains that have rules, by the program they belong to."""
    found: dict[str, list[Chain]] = {}
    for table in ruleset.tables.values():
        for chain in table.chains.values():
            owner = owner_of(chain.name)
            if owner and chain.rules and chain.name != _OPEN:
                found.setdefault(owner, []).append(chain)
    return found


def _finding(ruleset: Ruleset, owner: str, chains: list[Chain]) -> Finding:
    first, *others = chains
    count = f"{len(chains)} chains" if others else f"the chain {first.name}"
    return Finding(
        _place(ruleset, first, "made while it ran"),
        f"{count} of {owner} in a file that is loaded at boot: what was so when it was saved comes back",
        related=tuple(_place(ruleset, chain, "so was this") for chain in others[: _shared.MOST_PLACES]),
        help=(f"{owner} makes them itself when it starts, and changes them while it runs",),
        fix=Fix(f"take the chains of {owner} and the jumps to them out of the file", safety=Safety.MANUAL),
    )


def _place(ruleset: Ruleset, chain: Chain, note: str) -> Place:
    return at_line(ruleset.document, chain.line, note) if chain.line else at_rule(ruleset, chain.rules[0], note)
