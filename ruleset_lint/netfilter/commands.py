"""Options that iptables knows by itself: commands, and what a rule may say without a match.

Source: iptables(8) 1.8.9.
"""

from __future__ import annotations

from ruleset_lint.netfilter.extension import IPV4, Option
from ruleset_lint.netfilter.name_values import chain, count, counts, target
from ruleset_lint.netfilter.values import integer, interface, networks, protocol, text

_NUMBER = integer(1, 0xFFFFFFFF)

# the chain, and what follows it
COMMANDS = (
    Option("-A", (chain,), ("--append",)),
    Option("-C", (chain,), ("--check",)),
    Option("-D", (chain, _NUMBER), ("--delete",), optional=True),
    Option("-E", (chain, chain), ("--rename-chain",)),
    Option("-F", (chain,), ("--flush",), optional=True),
    Option("-I", (chain, _NUMBER), ("--insert",), optional=True),
    Option("-L", (chain, _NUMBER), ("--list",), optional=True),
    Option("-N", (chain,), ("--new-chain",)),
    Option("-P", (chain, text), ("--policy",)),
    Option("-R", (chain, _NUMBER), ("--replace",)),
    Option("-S", (chain, _NUMBER), ("--list-rules",), optional=True),
    Option("-X", (chain,), ("--delete-chain",), optional=True),
    Option("-Z", (chain, _NUMBER), ("--zero",), optional=True),
)

PARAMETERS = (
    Option("-s", (networks,), ("--source", "--src"), negatable=True),
    Option("-d", (networks,), ("--destination", "--dst"), negatable=True),
    Option("-p", (protocol,), ("--protocol",), negatable=True),
    Option("-i", (interface,), ("--in-interface",), negatable=True),
    Option("-o", (interface,), ("--out-interface",), negatable=True),
    Option("-f", (), ("--fragments", "--fragment"), negatable=True, families=IPV4),
    Option("-j", (target,), ("--jump",)),
    Option("-g", (target,), ("--goto",)),
    Option("-m", (text,), ("--match",), repeatable=True),
    Option("-c", (counts, count), ("--set-counters",), optional=True),
    Option("-4", (), ("--ipv4",)),
    Option("-6", (), ("--ipv6",)),
    Option("-v", (), ("--verbose", "-vv"), repeatable=True),
    Option("-n", (), ("--numeric",)),
    Option("-x", (), ("--exact",)),
    Option("--line-numbers", (), ("-0",)),
    Option("--modprobe", (text,), ("-M",)),
)

# commands that mean the whole table where they name no chain
WHOLE_TABLE = frozenset({"-F", "-L", "-S", "-X", "-Z"})
# commands that take a rule
WITH_RULE = frozenset({"-A", "-C", "-D", "-I", "-R"})
# options that go with the other commands only, and those that go with all
LISTING = frozenset({"-n", "-x", "--line-numbers"})
ANYWHERE = frozenset({"-4", "-6", "-v", "--modprobe", "-c"})

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
