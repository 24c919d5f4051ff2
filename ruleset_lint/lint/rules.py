"""What makes a function a rule, and loading folders of rule files. Knows no particular rule."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ruleset_lint.lint.finding import Finding, Severity

Check = Callable[..., Iterable[Finding]]
_ALIAS = "ruleset_lint_rules"


class RuleInfo(NamedTuple):
    """A rule: its id is `category/name`, from its file; the facts it needs are the names of its parameters."""

    check: Check
    severity: Severity
    yields_to: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Written `category/name`."""
        return _id(self.check)

    @property
    def category(self) -> str:
        """What stands before the slash."""
        return _id(self.check).partition("/")[0]

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the facts."""
        return _parameters(self.check)

    @property
    def summary(self) -> str:
        """First line of the manual page."""
        return self.manual.partition("\n")[0]

    @property
    def manual(self) -> str:
        """The manual page."""
        return inspect.getdoc(self.check) or ""


@functools.cache
def _parameters(check: Check) -> tuple[str, ...]:
    code = check.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


@functools.cache
def _id(check: Check) -> str:
    category = check.__module__.split(".")[-2]
    return f"{category}/{check.__name__}".replace("_", "-")


def rule(severity: Severity, *, yields_to: tuple[str, ...] = ()) -> Callable[[Check], RuleInfo]:
    """Make a generator of findings a rule; a finding of it goes when one of `yields_to` has the same primary place."""

    def make(check: Check) -> RuleInfo:
        return RuleInfo(check, severity, yields_to)

    return make


def load_rules(folder: Path, alias: str = _ALIAS) -> tuple[RuleInfo, ...]:
    """The rules of a folder, in the order of their ids. Files that begin with an underscore hold none."""
    package = ModuleType(alias)
    package.__path__ = [str(folder)]
    sys.modules[alias] = package
    names = sorted((path.parent.name, path.stem) for path in folder.glob("*/[!_]*.py"))
    modules = [import_module(f"{alias}.{category}.{name}") for category, name in names]
    return tuple(sorted((found for module in modules for found in _defined(module)), key=lambda info: info.id))


def _defined(module: ModuleType) -> Iterator[RuleInfo]:
    for value in vars(module).values():
        if isinstance(value, RuleInfo) and value.check.__module__ == module.__name__:
            yield value
