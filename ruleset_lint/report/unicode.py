"""Texts that every reader of Unicode takes. Knows no format."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SURROGATES = re.compile("[\ud800-\udfff]")


def valid(content: object) -> object:
    """The same data, bytes of files that are not UTF-8 (lone surrogates in a text) replaced by U+FFFD."""
    match content:
        case str():
            return _SURROGATES.sub("\ufffd", content)
        case Mapping():
            return {str(valid(key)): valid(value) for key, value in content.items()}
        case list() | tuple():
            return [valid(item) for item in content]
        case _:
            return content
