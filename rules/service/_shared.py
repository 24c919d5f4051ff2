"""What the rules about iptables-config have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ruleset_lint.lint import Edit, Fix, Judgement, judge
from ruleset_lint.model.settings import ServiceConfig
from ruleset_lint.model.slips import Slip
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.service_config import use, variable


def readers(profiles: Sequence[Profile]) -> tuple[Profile, ...]:
    """Those of the profiles whose firewall service reads the file."""
    return tuple(profile for profile in profiles if profile.paths.service_config)


def judge_use(name: str, profiles: Sequence[Profile]) -> Judgement | None:
    """On which profiles the service reads the variable; one that no release knows may be used by the file itself."""
    known = variable(name)
    return judge(readers(profiles), lambda profile: known is None or use(known, profile) != "ignored")


def consequence(name: str) -> tuple[str, ...]:
    """What the service does not do while the variable keeps its default."""
    known = variable(name)
    return (f"{name}, when it is set, {known.effect}",) if known else ()


def rewritten(slip: Slip) -> Fix | None:
    """The assignment as it was meant; unsafe, since what was dead comes alive."""
    if slip.meant is None or not slip.name:
        return None
    return Fix(f"write `{slip.meant}`", (Edit(slip.span, slip.meant),))


def is_used(name: str, service: ServiceConfig) -> bool:
    """Whether the file itself uses the variable: `$NAME` or `${NAME…`, wherever it stands."""
    return re.search(rf"\$\{{?{re.escape(name)}(?![A-Za-z0-9_])", service.document.text) is not None


def in_family(name: str, family: int) -> str:
    """The name of the same variable in the file of a family."""
    return f"{'IP6TABLES' if family == 6 else 'IPTABLES'}_{name.partition('_')[2]}"
