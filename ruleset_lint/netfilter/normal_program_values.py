"""How the programs of bpf and u32 are written by iptables-save 1.8.9. Knows no option by name."""

from __future__ import annotations

import re

from ruleset_lint.netfilter.normal_values import value_of

_WHOLE = 0xFFFFFFFF


def bytecode(value: str, family: int) -> str:
    """The instructions of bpf in quotes, one blank between numbers."""
    count, *instructions = value.split(",")
    numbers = [" ".join(_instruction(part)) for part in instructions if part]
    return '"' + ",".join([str(value_of(count)), *numbers]) + '"'


def _instruction(part: str) -> list[str]:
    """Code, two jumps and a number, of each the bits that sscanf keeps."""
    words = re.findall("[+-]?[0-9]+", part)
    return [str(int(word) & most) for word, most in zip(words, (0xFFFF, 0xFF, 0xFF, _WHOLE), strict=False)]


_TOKEN = re.compile(r"\s*(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}|&&|<<|>>|[&@=,:])\s*")


def u32(value: str, family: int) -> str:
    """The tests of u32 in quotes, hexadecimal and without blanks."""
    tokens, place = [], 0
    while place < len(value):
        match = _TOKEN.match(value, place)
        if not match:
            raise ValueError("test of u32 expected")
        tokens.append(f"0x{value_of(match[1]):x}" if match[1][0].isdigit() else match[1])
        place = match.end()
    return '"' + re.sub(r"(0x[0-9a-f]+):\1(?![0-9a-f])", r"\1", "".join(tokens)) + '"'
