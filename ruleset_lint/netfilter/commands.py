"""Options that iptables knows by itself: commands, and what a rule may say without a match. Source: iptables(8) 1.8.9."""

from __future__ import annotations

from ruleset_lint.netfilter.extension import IPV4, Option
from ruleset_lint.netfilter.values import integer, interface, networks, protocol, text

_NUMBER = integer(1, 0xFFFFFFFF)
_COUNT = integer(0, 0xFFFFFFFFFFFFFFFF)

# the chain, and what follows it
COMMANDS = (
    Option("-A", (text,), ("--append",)),
    Option("-C", (text,), ("--check",)),
    Option("-D", (text, _NUMBER), ("--delete",), optional=True),
    Option("-E", (text, text), ("--rename-chain",)),
    Option("-F", (text,), ("--flush",), optional=True),
    Option("-I", (text, _NUMBER), ("--insert",), optional=True),
    Option("-L", (text, _NUMBER), ("--list",), optional=True),
    Option("-N", (text,), ("--new-chain",)),
    Option("-P", (text, text), ("--policy",)),
    Option("-R", (text, _NUMBER), ("--replace",)),
    Option("-S", (text, _NUMBER), ("--list-rules",), optional=True),
    Option("-X", (text,), ("--delete-chain",), optional=True),
    Option("-Z", (text, _NUMBER), ("--zero",), optional=True),
)

PARAMETERS = (
    Option("-s", (networks,), ("--source", "--src"), negatable=True),
    Option("-d", (networks,), ("--destination", "--dst"), negatable=True),
    Option("-p", (protocol,), ("--protocol", "--proto"), negatable=True),
    Option("-i", (interface,), ("--in-interface",), negatable=True),
    Option("-o", (interface,), ("--out-interface",), negatable=True),
    Option("-f", (), ("--fragment",), negatable=True, families=IPV4),
    Option("-j", (text,), ("--jump",)),
    Option("-g", (text,), ("--goto",)),
    Option("-m", (text,), ("--match",), repeatable=True),
    Option("-c", (_COUNT, _COUNT), ("--set-counters",)),
    Option("-4", (), ("--ipv4",)),
    Option("-6", (), ("--ipv6",)),
    Option("-v", (), ("--verbose",), repeatable=True),
    Option("-n", (), ("--numeric",)),
    Option("-x", (), ("--exact",)),
    Option("--line-numbers", (), ("-0",)),
    Option("--modprobe", (text,), ("-M",)),
)

# refused inside a restore file
REFUSED = {
    "-t": "the table is the one of the *table line",
    "--table": "the table is the one of the *table line",
    "-w": "iptables-restore takes it on its command line only",
    "--wait": "iptables-restore takes it on its command line only",
    "-h": "not in a file",
    "--help": "not in a file",
    "-V": "not in a file",
    "--version": "not in a file",
}
