"""What the user says of the files where they do not tell themselves. Knows no command line."""

from typing import Literal, NamedTuple

from ruleset_lint.netfilter.releases import Backend


class Options(NamedTuple):
    """None: the files tell. `stdin_filename` is the path that standard input stands for.

    `family` and `fragment` concern rulesets that are given one by one or in folders that are no machine.
    """

    profile: str | None = None
    family: Literal[4, 6] | None = None
    backend: Backend | None = None
    fragment: bool | None = None
    complete: bool | None = None
    stdin_filename: str | None = None
