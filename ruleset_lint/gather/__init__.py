"""From files to hosts."""

from ruleset_lint.gather.files import Problem, UnreadableError
from ruleset_lint.gather.gathering import Gathered, Gathering, gather, gather_root, gather_text, load_files, load_host
from ruleset_lint.gather.options import Options
from ruleset_lint.gather.paths import Found, find

__all__ = [
    "Found",
    "Gathered",
    "Gathering",
    "Options",
    "Problem",
    "UnreadableError",
    "find",
    "gather",
    "gather_root",
    "gather_text",
    "load_files",
    "load_host",
]
