"""Which rules a configuration selects for which files. Knows no particular rule."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from ruleset_lint.lint.configuration import Configuration, ConfigurationError
from ruleset_lint.lint.rules import RuleInfo, load_rules
from ruleset_lint.resources import resource


@functools.cache
def all_rules() -> tuple[RuleInfo, ...]:
    """Every rule there is, in the order of their ids."""
    return load_rules(resource("rules"))


def names_of(rules: Iterable[RuleInfo]) -> frozenset[str]:
    """The ids and categories by which rules can be named."""
    return frozenset(name for info in rules for name in (info.id, info.category))


def selected(rules: Iterable[RuleInfo], configuration: Configuration) -> tuple[RuleInfo, ...]:
    """The rules that `select` and `ignore` leave: an id outweighs a category, and `ignore` outweighs `select`."""
    return tuple(info for info in rules if _is_selected(info, configuration))


def _is_selected(info: RuleInfo, configuration: Configuration) -> bool:
    for name in (info.id, info.category):
        if name in configuration.ignore:
            return False
        if name in configuration.select:
            return True
    return not configuration.select


def check_names(configuration: Configuration, rules: Iterable[RuleInfo]) -> None:
    """Raise ConfigurationError if the configuration names a rule or category that does not exist."""
    known = names_of(rules)
    ignores = (name for _, names in configuration.per_file_ignores for name in names)
    overrides = (name for name, _ in configuration.severity)
    for name in (*configuration.select, *configuration.ignore, *ignores, *overrides):
        if name not in known:
            near = difflib.get_close_matches(name[:60], sorted(known), n=1)
            hint = f", did you mean {near[0]}" if near else ", `ruleset-lint rules` lists them"
            where = f"{configuration.source}: " if configuration.source else ""
            raise ConfigurationError(f"{where}no rule or category {name[:60]!r}{hint}")


def is_excluded(path: str, configuration: Configuration) -> bool:
    """Whether a file is not to be looked at."""
    return any(path_matches(path, pattern) for pattern in configuration.exclude)


def is_ignored(info: RuleInfo, path: str, configuration: Configuration) -> bool:
    """Whether a rule is not to speak of places in a file."""
    return any(
        (info.id in names or info.category in names) and path_matches(path, pattern)
        for pattern, names in configuration.per_file_ignores
    )


@functools.lru_cache(maxsize=1 << 12)
def path_matches(path: str, pattern: str) -> bool:
    """Whether a pattern matches a path or a folder above it; `*` stops at slashes, `**` does not.

    A pattern that does not begin with a slash may begin at any folder of the path.
    """
    wanted = [piece for piece in pattern.split("/") if piece not in ("", ".")]
    given = [piece for piece in path.split("/") if piece not in ("", ".")]
    anywhere = [] if pattern.startswith("/") else ["**"]
    return bool(wanted) and _segments_match([*anywhere, *wanted, "**"], given)


def _segments_match(wanted: Sequence[str], given: Sequence[str]) -> bool:
    """Whether all of the pattern's segments take all of the path's, step by step over the places where each may end."""
    ends = {0}
    for segment in wanted:
        if segment == "**":
            ends = set(range(min(ends), len(given) + 1))
        else:
            ends = {end + 1 for end in ends if end < len(given) and fnmatchcase(given[end], segment)}
        if not ends:
            return False
    return len(given) in ends
