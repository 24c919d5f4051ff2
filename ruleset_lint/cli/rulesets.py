"""The whole rulesets that paths name, for commands that send packets through them. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.api import NotLoadedError, refuse_unloadable
from ruleset_lint.cli.requests import Subject
from ruleset_lint.cli.subject import UsageError, prepare
from ruleset_lint.gather import Gathering, gather
from ruleset_lint.model.ruleset import Ruleset


def loading(subject: Subject, families: tuple[int, ...] = (4, 6)) -> list[Ruleset]:
    """The rulesets of these families: of a machine those that it loads, of single files each.

    Raises UsageError if there is none, or one that is a part for --noflush or would not load; and what else is in
    `subject.ERRORS`.
    """
    prepared = prepare(subject)
    gathering = gather(prepared.found, prepared.configuration, prepared.options, {})
    problems = [*gathering.problems, *(problem for host in gathering.hosts for problem in host.problems)]
    if problems:
        raise UsageError("; ".join(f"{problem.path}: {problem.reason}" for problem in problems))
    found = [one for one in _rulesets(gathering) if one.family in families]
    if not found:
        named = " or ".join(f"IPv{family}" for family in families)
        raise UsageError(f"no ruleset for {named} in {', '.join(subject.paths)}; --family says what it is")
    for one in found:
        _refuse(one, subject)
    return found


def _rulesets(gathering: Gathering) -> Iterator[Ruleset]:
    for gathered in gathering.hosts:
        host = gathered.host
        if host.root and not gathered.asked:
            yield from (own for own in (host.v4, host.v6) if own)
        else:
            yield from (one for one in host.rulesets if gathered.is_asked(one.document.path))


def _refuse(ruleset: Ruleset, subject: Subject) -> None:
    path = ruleset.document.path
    if ruleset.fragment:
        raise UsageError(
            f"{path}: a part for --noflush, and the rest of the rules is not known; --whole says it is all"
        )
    try:
        refuse_unloadable(ruleset, subject.backend or "nft")
    except NotLoadedError as error:
        raise UsageError(f"{path}: {error}: it would not load, so no packet meets it") from None
