"""What kind of mistake it is that iptables does not know a word. Knows one line at a time."""

from __future__ import annotations

from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.netfilter.extension import Extension
from ruleset_lint.netfilter.matches import BY_PROTOCOL, MATCHES

UNKNOWN, STRAY = "unknown option", "option expected"
# matches that iptables loads for `-p`, in the order in which they are likely meant
_BY_PROTOCOL = {MATCHES[name]: number for number, name in BY_PROTOCOL.items()}
_PORTS = ("--sport", "--source-port", "--dport", "--destination-port")


def told_apart(refusal: Refusal, word: str, family: int) -> Refusal:
    """A refusal of a word, by its own kind if it is a remark, or an option of a match that another protocol brings."""
    if refusal.kind is not Kind.WORDS:
        return refusal
    if refusal.reason == STRAY and word.startswith("#"):
        return refusal._replace(kind=Kind.REMARK, reason="a remark begins in the first column of its line")
    if refusal.reason == UNKNOWN and (protocols := _protocols(word, family)):
        return refusal._replace(kind=Kind.PROTOCOL, reason=f"{word} wants -p {' or '.join(protocols)} before it")
    return refusal


def _protocols(word: str, family: int) -> list[str]:
    """The protocols whose matches have an option of that name."""
    if word in _PORTS:
        return ["tcp", "udp", "sctp", "dccp"]
    return [_protocol(entry) for entry in _BY_PROTOCOL if family in entry.families and entry.option(word)]


def _protocol(entry: Extension) -> str:
    return "icmpv6" if entry.name == "icmp6" else entry.name
