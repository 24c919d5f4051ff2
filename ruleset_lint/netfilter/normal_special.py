"""Matches of which iptables-save 1.8.9 prints more, less or something else than was said. Knows one match at a time."""

from __future__ import annotations

from ruleset_lint.netfilter.network_values import numeric_address
from ruleset_lint.netfilter.normal_values import (
    address_text,
    decimal,
    hexadecimal,
    host_and_mask,
    ports,
    prefix_length,
    protocol_name,
    tcp_flags,
    value_of,
)
from ruleset_lint.netfilter.option_values import hex_bytes
from ruleset_lint.netfilter.saying import Saying, field, negation, print_field, print_fields
from ruleset_lint.netfilter.text_values import quoted, verbatim
from ruleset_lint.netfilter.values import number

_MOST = 0xFFFFFFFFFFFFFFFF
_PORTS = (field("--sport", ports()), field("--dport", ports()))


def tcp(saying: Saying) -> list[str]:
    """Ports, option, flags; `--syn` as the flags it stands for."""
    words = print_fields(saying, (*_PORTS, field("--tcp-option", decimal)))
    said = saying.find("--tcp-flags", "--syn")
    if said is None:
        return words
    mask, flags = ("FIN,SYN,RST,ACK", "SYN") if said.option == "--syn" else (tcp_flags(word, 4) for word in said.words)
    native = saying.backend == "nft" and not saying.has("--tcp-option")
    if mask == "NONE" and (not said.negated or native):
        return words
    return [*words, *negation(said), "--tcp-flags", mask, flags]


def cluster(saying: Saying) -> list[str]:
    """The mask of nodes, even where a node was named."""
    said = saying.find("--cluster-local-nodemask", "--cluster-local-node")
    if said is None:
        raise ValueError("node expected")
    node = value_of(said.words[0])
    mask = node if said.option.endswith("mask") else 1 << (node - 1 & 31)
    total, seed = value_of(saying.text("--cluster-total-nodes")), value_of(saying.text("--cluster-hash-seed"))
    return [
        *(*negation(said), "--cluster-local-nodemask", f"0x{mask:08x}"),
        *("--cluster-total-nodes", str(total), "--cluster-hash-seed", f"0x{seed:08x}"),
    ]


def connbytes(saying: Saying) -> list[str]:
    """The range without an open end, then mode and direction."""
    said = saying.find("--connbytes")
    low, _, high = saying.text("--connbytes").partition(":")
    first, last = value_of(low or "0"), value_of(high) if high else _MOST
    negated = negation(said) if first != last else []
    text = f"{first}:{last}" if 0 < last < _MOST else str(first)
    rest = print_fields(saying, (field("--connbytes-mode"), field("--connbytes-dir")))
    return [*negated, "--connbytes", text, *rest]


def connlabel(saying: Saying) -> list[str]:
    """The label in quotes."""
    said = saying.find("--label")
    text = saying.text("--label")
    label = text if number(text) is None else str(number(text))
    return [*negation(said), "--label", f'"{label}"', *(["--set"] if saying.has("--set") else [])]


def connlimit(saying: Saying) -> list[str]:
    """Which side is counted and over how many bits, even where nobody said it; never negated."""
    upto, above = saying.find("--connlimit-upto"), saying.find("--connlimit-above")
    said = above or upto
    if said is None:
        raise ValueError("limit expected")
    option = "--connlimit-upto" if (said is upto) != said.negated else "--connlimit-above"
    bits = 32 if saying.family == 4 else 128
    given = saying.text("--connlimit-mask", str(bits))
    length = number(given)
    if length is None or length > bits:
        found = prefix_length(numeric_address(given, saying.family), saying.family)
        length = bits if found is None else found
    side = "--connlimit-daddr" if saying.has("--connlimit-daddr") else "--connlimit-saddr"
    return [option, str(value_of(said.words[0])), "--connlimit-mask", str(length), side]


def nfacct(saying: Saying) -> list[str]:
    """The name after two blanks."""
    return ["--nfacct-name", "", quoted(saying.text("--nfacct-name"))]


def policy(saying: Saying) -> list[str]:
    """Direction and policy, then element by element."""
    words = ["--dir", saying.text("--dir"), "--pol", saying.text("--pol", "ipsec")]
    if words[-1] == "none":
        return words
    words += ["--strict"] if saying.has("--strict") else []
    element: list[int] = []
    for place, said in enumerate((*saying.said, None)):
        if said is not None and said.option != "--next":
            element.append(place)
            continue
        part = Saying(saying.name, tuple(saying.said[number] for number in element), saying.family, saying.backend)
        words += print_fields(part, _POLICY)
        words += ["--next"] if said else []
        element = []
    return words


_POLICY = (
    field("--reqid", decimal),
    field("--spi", hexadecimal()),
    field("--proto", protocol_name),
    field("--mode"),
    field("--tunnel-dst", host_and_mask),
    field("--tunnel-src", host_and_mask),
)


def recent(saying: Saying) -> list[str]:
    """The list's name, mask and side, even where nobody said them."""
    said = saying.find("--set", "--rcheck", "--update", "--remove")
    words = [*negation(said), said.option] if said else []
    for option in ("--seconds", "--reap", "--hitcount", "--rttl"):
        if saying.has(option):
            text = saying.text(option)
            shown = value_of(text) - ((value_of(text) >> 31) << 32) if text else 1  # printed with its sign
            words += [] if not shown else [option, *([str(shown)] if text else [])]
    words += ["--name", verbatim(saying.text("--name", "DEFAULT")[:199], saying.family)]
    words += ["--mask", _mask(saying.text("--mask"), saying.family)]
    side = saying.find("--rsource", "--rdest")
    return [*words, side.option if side else "--rsource"]


def _mask(text: str, family: int) -> str:
    bits = 32 if family == 4 else 128
    return address_text(numeric_address(text, family) if text else (1 << bits) - 1, family)


def set_match(saying: Saying) -> list[str]:
    """The set, then what is asked of its counters."""
    words = print_fields(saying, (field("--match-set"),))
    words += ["--return-nomatch"] if saying.has("--return-nomatch") else []
    for option in ("--update-counters", "--update-subcounters"):
        said = saying.find(option)
        words += ["!", option] if said and said.negated else []
    for counter in ("--packets", "--bytes"):
        for how in ("-eq", "-lt", "-gt"):
            words += print_field(saying, field(counter + how, decimal))
    return words


def string(saying: Saying) -> list[str]:
    """The pattern as text where all of it can be printed, else in hexadecimal digits."""
    said = saying.find("--string", "--hex-string")
    if said is None:
        raise ValueError("pattern expected")
    text = said.words[0]
    data = text.encode("utf-8", "surrogateescape") if said.option == "--string" else hex_bytes(text)
    plain = all(0x20 <= byte <= 0x7E for byte in data) and not data.endswith(b"\\")
    shown = data.decode("ascii").replace("\\", "\\\\").replace('"', '\\"') if plain else f"|{data.hex()}|"
    words = [*negation(said), "--string" if plain else "--hex-string", f'"{shown}"', "--algo", saying.text("--algo")]
    for option, usual in (("--from", 0), ("--to", 0xFFFF)):
        place = value_of(saying.text(option, str(usual)))
        words += [option, str(place)] if place != usual else []
    return [*words, *(["--icase"] if saying.has("--icase") else [])]
