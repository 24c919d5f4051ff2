"""What to know of a host that is rewritten, and of what is left alone there. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruleset_lint.model.host import Host
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.netfilter.foreign import owner_of
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.rewrite.goals import Goal, is_tracked
from ruleset_lint.rewrite.new_file import relative_path
from ruleset_lint.rewrite.service_config_file import is_whole

_NAMED = 3


def notes(host: Host, profiles: Sequence[Profile], goal: Goal) -> Iterator[str]:
    """One line each; a file may have written parts of it."""
    if len({known.paths.rules for known in profiles}) > 1:
        yield f"the release is not known, so the files are for {profiles[-1].title}: name the right one with --profile"
    if goal != "tune":
        yield from _of_families(host, profiles[-1])
    yield from _of_services(host)
    for ruleset in host.rulesets:
        if ruleset in (host.v4, host.v6):
            yield from _of_foreign_chains(ruleset, relative_path(ruleset.document, host.root))
        elif goal != "tune":
            yield f"{relative_path(ruleset.document, host.root)} is left alone: another file is loaded at boot"


def _of_families(host: Host, profile: Profile) -> Iterator[str]:
    if host.v6 and not profile.v6_tracking:
        yield f"ip6tables rules stay as they are: {profile.title} does not track IPv6"
    elif host.v6 and not is_tracked(host.v6):
        yield "ip6tables rules stay as they are: none of them turns connection tracking on"
    if host.v4 and not is_tracked(host.v4):
        yield "iptables rules stay as they are: none of them turns connection tracking on"
    yield from (
        f"no {name} ruleset is given" for name, found in (("iptables", host.v4), ("ip6tables", host.v6)) if not found
    )


def _of_services(host: Host) -> Iterator[str]:
    for service in host.services or ():
        if not is_whole(service):
            yield f"{relative_path(service.document, host.root)} is left alone: the shell does not read it to its end"
        for name in ("SAVE_ON_STOP", "SAVE_ON_RESTART"):
            if service.is_yes(name):
                yield f"{service.variable(name)} is yes, and writes loaded rules over the file: load the new ones first"


def _of_foreign_chains(ruleset: Ruleset, path: str) -> Iterator[str]:
    """Chains that other programs change while they run, program by program."""
    owners: dict[str, list[str]] = {}
    for table in ruleset.tables.values():
        for name in table.chains:
            owner = owner_of(name)
            if owner and name not in owners.setdefault(owner, []):
                owners[owner].append(name)
    for owner, names in owners.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        chains = f"{'chain' if len(names) == 1 else 'chains'} {', '.join(names[:_NAMED])}{more}"
        yield f"{path}: {chains} left alone: {owner} makes and changes such chains itself"
