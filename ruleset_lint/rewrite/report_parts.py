"""What REPORT.md says of files, proofs and exposure, part by part. Knows no mark-up."""

from __future__ import annotations

import re
from typing import NamedTuple

from ruleset_lint.packets.difference import Proof
from ruleset_lint.rewrite.exposed_plan import ExposedFamily
from ruleset_lint.rewrite.proof import Compared, compared, in_words

PROGRAMS = {4: "iptables", 6: "ip6tables"}

_PURPOSES = (
    (r"etc/sysctl\.conf|etc/sysctl\.d/.*", "settings of the kernel, applied at boot"),
    (r"etc/modprobe\.conf|etc/modprobe\.d/.*", "parameters of modules, read whenever one is loaded"),
    (r"etc/modules-load\.d/.*|etc/modules", "modules that are loaded at boot, before settings are applied"),
    (r"etc/udev/rules\.d/.*", "what is done when a module is loaded, whenever that is"),
    (r"etc/sysconfig/ip6?tables-config", "what the firewall service loads and sets when it starts"),
)


class Proven(NamedTuple):
    """What is said of a proof: how many packets were compared, what was assumed, what cannot be avoided."""

    compared: tuple[Compared, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]


class Exposing(NamedTuple):
    """What is said of a ruleset that tracks nothing: packets that it lets in and keeps out, a line each."""

    title: str
    path: str
    opened: tuple[str, ...]
    lost: tuple[str, ...]
    complete: bool


def proven(proof: Proof) -> Proven:
    """The parts of a proof."""
    return Proven(compared(proof), proof.assumptions, tuple(map(in_words, proof.notes)))


def exposing(family: ExposedFamily) -> Exposing:
    """The parts of what a family exposes."""
    exposure = family.exposure
    opened, lost = tuple(map(str, exposure.opened)), tuple(map(str, exposure.lost))
    return Exposing(PROGRAMS[family.plan.family], family.plan.path, opened, lost, exposure.complete)


def purpose(path: str) -> str:
    """What a file is for; empty for one that is none of the settings."""
    return next((said for pattern, said in _PURPOSES if re.fullmatch(pattern, path)), "")
