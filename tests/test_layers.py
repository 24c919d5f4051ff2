"""Imports point down: cli, api, report and rewrite and gather, lint, packets, model, netfilter and syntax, text."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ruleset_lint.resources import resource

PACKAGE = Path(__file__).parent.parent / "ruleset_lint"
RULES = resource("rules")

# what each part may import besides itself
BELOW: dict[str, frozenset[str]] = {"text": frozenset(), "resources": frozenset()}
for parts, more in (
    (("syntax", "netfilter"), {"text", "resources"}),
    (("model",), {"syntax", "netfilter"}),
    (("packets",), {"model"}),
    (("lint",), {"packets"}),
    (("report", "rewrite", "gather"), {"lint"}),
    (("api",), {"report", "rewrite", "gather"}),
    (("cli",), {"api"}),
    (("__main__",), {"cli"}),
):
    allowed = frozenset(more).union(*(BELOW[name] for name in more))
    BELOW.update(dict.fromkeys(parts, allowed))
ALLOWED_IN_RULES = {"lint", "model", "packets", "netfilter"}
FILES = sorted(PACKAGE.rglob("*.py"))
RULE_FILES = sorted(RULES.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Names of modules that a file imports, wherever in it; relative ones begin with a dot."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = (f"{module.rstrip('.')}.{alias.name}" for alias in node.names)
            yield from names if module in ("ruleset_lint", ".") else (module,)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            yield from (name.value for name in node.args if isinstance(name, ast.Constant))


def part(module: str) -> str | None:
    """The part of the package that a module belongs to; None for other packages."""
    top, _, rest = module.partition(".")
    return (rest.split(".")[0] or "__init__") if top == "ruleset_lint" else None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = {"api", "__init__"} if own == "__init__" else {own, "__version__", *BELOW[own]}
    used = {name for module in imports(path) if (name := part(module))}
    assert used - allowed == set()


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.relative_to(RULES).as_posix())
def test_rules_import_what_is_theirs(path: Path) -> None:
    used = set(imports(path))
    ours = {name for module in used if (name := part(module))}
    assert ours <= ALLOWED_IN_RULES
    assert {module for module in used if module.startswith("ruleset_lint.lint.")} == set()
    relative = {module for module in used if module.startswith(".")}
    assert all(module.lstrip(".").startswith("_") and not module.startswith("..") for module in relative)
    others = {module.split(".")[0] for module in used - relative} - {"ruleset_lint"}
    assert others <= sys.stdlib_module_names
    assert others.isdisjoint({"os", "sys", "io", "subprocess", "socket", "pathlib", "time", "random"})


@pytest.mark.parametrize("library", ["lark", "typer", "jinja2", "tomli"])
def test_each_library_has_its_place(library: str) -> None:
    homes = {"lark": {"syntax"}, "typer": {"cli"}, "jinja2": {"rewrite"}, "tomli": {"lint"}}
    users = {
        path.relative_to(PACKAGE).parts[0] for path in FILES if library in {m.split(".")[0] for m in imports(path)}
    }
    assert users <= homes[library]


def test_only_the_command_line_prints_or_exits() -> None:
    calls = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "exit", "quit"}
    }
    assert {path for path in calls if not path.startswith("cli/")} == set()


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("ruleset_lint", {"lark", "jinja2", "typer", "tomli", "ruleset_lint.lint"}),
        ("ruleset_lint.lint.engine", {"jinja2", "typer", "json", "oxidd", "oxidd._oxidd"}),
        ("ruleset_lint.lint.report", {"jinja2", "typer", "json", "oxidd", "oxidd._oxidd"}),
        ("ruleset_lint.report.formats", {"jinja2", "typer", "json", "oxidd", "oxidd._oxidd"}),
    ],
)
def test_imports_no_more_than_it_needs(module: str, unwanted: set[str]) -> None:
    program = f"import sys; import {module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert set(result.stdout.split()) & unwanted == set()


def test_a_ruleset_alone_needs_no_parser_of_settings() -> None:
    program = "import sys, ruleset_lint; ruleset_lint.check_text('*filter\\nCOMMIT\\n'); print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    unwanted = {
        "tomli",
        "lark",
        "ruleset_lint.syntax.modprobe",
        "ruleset_lint.syntax.conntrack",
        "ruleset_lint.gather.settings",
    }
    assert set(result.stdout.split()) & unwanted == set()
