"""The command line. Only this package prints and exits."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from ruleset_lint import __version__


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words == ["--version"]:  # answered before anything large is imported
        sys.stdout.write(f"ruleset-lint {__version__}\n")
        sys.exit(0)
    gc.disable()  # next to nothing becomes garbage in one run, and looking for it takes a fifth of the time
    run: Callable[[list[str]], int] = import_module("ruleset_lint.cli.app").run
    code = run(words)
    gc.freeze()  # or the interpreter would look for garbage once more, in all there is, before it ends
    sys.exit(code)
