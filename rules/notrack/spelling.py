"""notrack/spelling"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Safety, Severity, Span, at_rule, judge, rule
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.shape import Shape
from ruleset_lint.model.validity import span_of
from ruleset_lint.netfilter.profiles import Profile


@rule(Severity.ERROR)
def spelling(ruleset: Ruleset, profiles: tuple[Profile, ...]) -> Iterator[Finding]:
    """`CT --notrack` is used on a kernel that has no CT target

    ## What it does
    Looks for `-j CT --notrack` where the release is EL5 or EL6. `-j NOTRACK` loads everywhere: silent.

    ## Why is this bad?
    The kernel refuses the rule, and with it the whole raw table: nothing is untracked.

    ## Example
    ```
    -A PREROUTING -p tcp -m tcp --dport 80 -j CT --notrack
    ```

    ## Use instead
    ```
    -A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK
    ```

    ## Fix safety
    Safe: both mean the same, and today the rule does not load.

    ## Since
    Kernels before 2.6.34, which brought the CT target: EL5 (2.6.18) and EL6 (2.6.32).

    ## Source
    Kernel commit 84f3bb9ae9db90f7fb15d98b55279a58ab1b2363 ("netfilter: xtables: add CT target"), Linux 2.6.34.
    """
    judgement = judge(profiles, lambda profile: not profile.has_ct_target)
    rules = list(ruleset.where(_is_new_spelling)) if judgement else []
    if judgement and rules:
        where = judgement.where or "on " + ", ".join(profile.title for profile in judgement.holds)
        yield Finding(
            at_rule(ruleset, rules[0]),
            f"the kernel has no CT target {where}: the raw table does not load",
            related=tuple(at_rule(ruleset, other, "here too") for other in rules[1:]),
            fix=Fix("write NOTRACK", tuple(_edit(ruleset, untracked) for untracked in rules), Safety.SAFE),
            confidence=judgement.confidence,
        )


def _is_new_spelling(shape: Shape) -> bool:
    return bool(shape.target and shape.target.name == "CT" and shape.target.use("--notrack"))


def _edit(ruleset: Ruleset, untracked: Rule) -> Edit:
    """From `CT` to `--notrack`, which stands behind it, for nothing else goes with it."""
    target = untracked.shape.target
    use = target.use("--notrack") if target else None
    first = span_of(ruleset.document, untracked.line, target.item if target else None)
    last = span_of(ruleset.document, untracked.line, use.item if use else None)
    between = ruleset.document.source(Span(first.end, last.start)).strip()
    return Edit(Span(first.start, last.end), "NOTRACK" if not between else f"NOTRACK {between}")
