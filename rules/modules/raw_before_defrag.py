"""modules/raw-before-defrag"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Finding, Fix, Judgement, Place, Safety, Severity, at_rule, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.settings import ModuleOptions, Setting
from ruleset_lint.model.shape import Shape
from ruleset_lint.netfilter.profiles import Profile

_MODULES = {4: "iptable_raw", 6: "ip6table_raw"}
_PORTS = ("--dport", "--sport", "--dports", "--sports", "--ports", "--syn", "--tcp-flags")
_YES = {None, "1", "y", "Y"}  # param_set_bool of kernel/params.c
_FIRST = (4, 16, 0)


@rule(Severity.INFO)
def raw_before_defrag(modprobe: ModuleOptions, host: Host, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """The raw table comes before fragments are put together, and its rules test ports

    ## What it does
    Looks for `raw_before_defrag` among the options of iptable_raw and ip6table_raw, where rules of the raw table test
    ports or flags.

    ## Why is this bad?
    Only the first fragment of a packet has ports. With this option the raw table sees fragments: the first one is
    untracked by a rule with `--dport` and passes, those after it are not and wait for it where conntrack puts packets
    together, in vain. Large packets of the service are lost.

    ## Example
    ```
    options iptable_raw raw_before_defrag=1
    ```

    ## Use instead
    ```
    # without the option, or with a rule that takes all fragments of the service's address
    *raw
    -A PREROUTING -d 192.0.2.53 -p udp -j CT --notrack
    ```

    ## Fix safety
    Manual: where nothing is tracked the option saves work, and does no harm.

    ## Since
    Linux 4.16, for iptables-legacy alone: chains of iptables-nft keep their place.

    ## Source
    iptable_raw.c, ip6table_raw.c and nf_defrag_ipv4.c of Linux 6.1; commit 902d6a4c2a4f of Linux 4.16.
    """
    judgement = judge(profiles, lambda profile: profile.kernel >= _FIRST and "legacy" in profile.backends)
    for ruleset in host.rulesets if judgement else ():
        option = modprobe.option(_MODULES[ruleset.family], "raw_before_defrag")
        found = next(_port_tests(ruleset), None) if option and option.value in _YES else None
        if option and found and judgement:
            yield _finding(option, ruleset, found, judgement)


def _finding(option: Setting, ruleset: Ruleset, found: Rule, judgement: Judgement) -> Finding:
    where = f" ({judgement.where})" if judgement.where else ""
    return Finding(
        Place(option.document, option.span),
        f"rules of the raw table see fragments, and all but the first have no ports{where}",
        related=(at_rule(ruleset, found, "this rule tests them"),),
        help=("the option counts for iptables-legacy, not for iptables-nft",),
        fix=Fix("take the option out, or test addresses instead of ports", safety=Safety.MANUAL),
        confidence=judgement.confidence,
    )


def _port_tests(ruleset: Ruleset) -> Iterator[Rule]:
    """The rules of the raw table that test what only a first fragment has."""
    table = ruleset.tables.get("raw")
    found = ruleset.where(_tests_ports) if table else ()
    return (one for one in found if table and one.table == "raw" and "PREROUTING" in table.hooks.get(one.chain, ()))


def _tests_ports(shape: Shape) -> bool:
    return any(part.use(name) is not None for part in shape.parts for name in _PORTS)
