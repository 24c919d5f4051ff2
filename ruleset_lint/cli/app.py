"""The command line: which commands there are, and what becomes of wrong use. Knows no option."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, cast

import typer

from ruleset_lint import __version__
from ruleset_lint.cli import commands
from ruleset_lint.text import safe

_CONTEXT = {"help_option_names": ["-h", "--help"]}
_UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])  # typer hands on only its children


def run(words: list[str]) -> int:
    """Run the command line; the exit code."""
    try:
        code = _application(words)(words or ["--help"], prog_name="ruleset-lint", standalone_mode=False)
    except _UsageError as error:
        return _wrong_use(error)
    except typer.Abort:
        return 130
    except BrokenPipeError:  # `| head` has seen enough; what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    return 2 if not words else code if isinstance(code, int) else 0


def _application(words: list[str]) -> typer.Typer:
    """The command line; with one command only if that is named, for reading the options of all takes its time."""
    app = typer.Typer(
        name="ruleset-lint", rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=_CONTEXT
    )
    app.callback()(ruleset_lint)
    named = [command for command in commands.ALL if words[:1] == [_command_name(command)]]
    for command in named or commands.ALL:
        app.command(_command_name(command))(command)
    return app


def _command_name(command: Callable[..., int]) -> str:
    return command.__name__.rstrip("_").replace("_", "-")


def _wrong_use(error: Any) -> int:
    """One line: what is wrong, and where to look."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "ruleset-lint"
    message = " ".join(error.format_message().split()).removesuffix(".")
    sys.stderr.write(f"ruleset-lint: {safe(message)}; see `{command} --help`\n")
    return 2


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ruleset-lint {__version__}")
        raise typer.Exit


def ruleset_lint(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Check iptables rulesets and what belongs to them, and write them anew."""
