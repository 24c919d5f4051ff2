"""How numbers read, as strtoul reads them. Knows no option."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[ \t\n\v\f\r]*\+?(0[xX][0-9a-fA-F]{1,32}|0[0-7]{0,32}|[1-9][0-9]{0,32})")


def number(value: str) -> int | None:
    """A number as strtoul reads it: decimal, 0x hexadecimal, 0 octal, after blanks and a plus; None if it is none."""
    if value.isascii() and value.isdigit() and (value[0] != "0" or value == "0"):
        return int(value) if len(value) <= 20 else None
    match = _NUMBER.fullmatch(value[:64])
    if not match or len(value) > 64:
        return None
    digits = match[1]
    return int(digits, 16 if digits[1:2] in ("x", "X") else 8 if digits[0] == "0" else 10)


def is_byte(text: str) -> bool:
    """Whether a text is a number up to 255."""
    return number_up_to(text, 255) >= 0


def number_up_to(text: str, most: int) -> int:
    """The number as strtoul reads it, -1 if it is none or too large."""
    found = number(text)
    return -1 if found is None or found > most else found
