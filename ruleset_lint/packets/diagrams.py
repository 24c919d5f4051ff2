"""The library of decision diagrams without the rest of its package. Knows no packet.

Importing `oxidd` itself takes as long as all else in the check of a small file: it looks its own version up, for which
Python imports what reads mail.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oxidd.bcdd import BCDDFunction, BCDDManager, BCDDSubstitution
    from oxidd.util import DDMemoryError

__all__ = ["BCDDFunction", "BCDDManager", "BCDDSubstitution", "DDMemoryError"]

_NAME = "oxidd._oxidd"


def _library() -> ModuleType:
    """The compiled part, or by way of its package if it does not lie where it should."""
    package = PathFinder.find_spec("oxidd")
    found = PathFinder.find_spec(_NAME, package.submodule_search_locations) if package else None
    if _NAME in sys.modules or found is None or found.loader is None:
        return import_module(_NAME)
    made = sys.modules[_NAME] = module_from_spec(found)
    found.loader.exec_module(made)
    return made


if not TYPE_CHECKING:
    _compiled = _library()
    BCDDFunction, BCDDManager, BCDDSubstitution, DDMemoryError = (getattr(_compiled, name) for name in __all__)
