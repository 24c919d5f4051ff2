"""Files of settings that take no effect at boot, and what they say. Knows not why they are passed over."""

from typing import NamedTuple

from ruleset_lint.model.origin import Setting
from ruleset_lint.syntax.document import Document


class PassedOver(NamedTuple):
    """A file and its settings.

    Keys of `sysctls` are dotted, those of `modules` are modules that a line loads, keeps out or gives options to.
    """

    document: Document[object]
    sysctls: tuple[Setting, ...] = ()
    modules: tuple[Setting, ...] = ()
