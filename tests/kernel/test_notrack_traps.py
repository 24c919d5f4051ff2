"""What UNTRACKED does to rules that were written without it in mind, and which rules start tracking at all."""

from __future__ import annotations

import pytest

from .compare import measure
from .flows import Flow
from .rulesets import BACKENDS, Backend
from .situation import ESTABLISHED, LOCAL, LOCAL_OUT, REPLY, SSH, WEB, host, table
from .situations_hard import raw
from .topology import Site

NOTRACK = raw(
    "-A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -j NOTRACK",
    "-A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j NOTRACK",
)
SILENT = "connect: no answer"
SERVE, REFUSED = Flow("remote", "host", 80), Flow("refused", "host", 80)
UNTRACKED = WEB.replace("NEW", "UNTRACKED")
TWICE = WEB.replace("NEW", "NEW,UNTRACKED")
BLACKLIST = "-A INPUT -s 198.51.100.0/24 -j DROP"
RESET = "-A INPUT -s 198.51.100.0/24 -p tcp -j REJECT --reject-with tcp-reset"
ONLY = "-A INPUT -s 203.0.113.0/24 -p tcp -m tcp --dport 80 -j ACCEPT"
NOT_KNOWN = "-A INPUT -m state ! --state NEW,RELATED,ESTABLISHED -j DROP"
NOT_INVALID_NEW = "-A INPUT -m state ! --state INVALID,NEW -j ACCEPT"
BESIDE = "-A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate UNTRACKED --ctorigsrc 203.0.113.0/24 -j ACCEPT"
ALONE = "-A INPUT -p tcp -m tcp --dport 80 -m conntrack --ctorigsrc 203.0.113.0/24 -j ACCEPT"

TRAPS = {  # filter rules, in80 and refused80 tracked, the same untracked
    "accept in place": ((ESTABLISHED, BLACKLIST, TWICE), ("ok", SILENT), ("ok", SILENT)),
    "accept at the top": ((UNTRACKED, ESTABLISHED, BLACKLIST, WEB), ("ok", SILENT), ("ok", "ok")),
    "accept after the drop": ((ESTABLISHED, WEB, "-A INPUT -j DROP", UNTRACKED), ("ok", "ok"), (SILENT, SILENT)),
    "negated list drops": ((NOT_KNOWN, ONLY, ESTABLISHED), ("ok", SILENT), (SILENT, SILENT)),
    "negated list names it": (
        (NOT_KNOWN.replace("NEW", "NEW,UNTRACKED"), ONLY, ESTABLISHED),
        ("ok", SILENT),
        ("ok", SILENT),
    ),
    "negated list accepts": ((NOT_INVALID_NEW, ONLY), ("ok", SILENT), ("ok", "ok")),
    "original source beside state": ((ESTABLISHED, BESIDE), (SILENT, SILENT), ("ok", "ok")),
    "original source alone": ((ESTABLISHED, ALONE), ("ok", SILENT), (SILENT, SILENT)),
    "syn in place": ((ESTABLISHED, TWICE.replace("-j", "--syn -j")), ("ok", "ok"), ("accept: no answer",) * 2),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", TRAPS)
def test_traps(site: Site, name: str, backend: Backend) -> None:
    rules, tracked, untracked = TRAPS[name]
    text = host(LOCAL, *rules)
    seen = [measure(site, ruleset, (SERVE, REFUSED), backend=backend).outcomes for ruleset in (text, text + NOTRACK)]
    assert [tuple(outcomes.values()) for outcomes in seen] == [tracked, untracked]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_reset_that_reject_makes_is_invalid_if_its_cause_is_untracked(site: Site, backend: Backend) -> None:
    text = host(LOCAL, RESET, ESTABLISHED, TWICE, LOCAL_OUT, REPLY, outgoing="DROP")
    seen = [measure(site, ruleset, (REFUSED,), backend=backend).outcomes[REFUSED] for ruleset in (text, text + NOTRACK)]
    assert seen == ["connect: refused", SILENT]


@pytest.mark.parametrize("backend", BACKENDS)
def test_recent_counts_every_packet(site: Site, backend: Backend) -> None:
    count = TWICE.replace("-j ACCEPT", "-m recent --update --seconds 60 --hitcount 4 --name WEB --rsource -j DROP")
    note = TWICE.replace("-j ACCEPT", "-m recent --set --name WEB --rsource")
    text = host(LOCAL, ESTABLISHED, SSH, count, note, TWICE)
    flows = (SERVE, Flow("remote", "host", 80, answer=201))
    seen = [measure(site, ruleset, flows, backend=backend).outcomes for ruleset in (text, text + NOTRACK)]
    assert [list(outcomes.values()) for outcomes in seen] == [["ok", "ok"], ["client-fin: no answer", SILENT]]


OPEN = table(
    "filter", "-A INPUT -p tcp -j ACCEPT", chains=("UNUSED",), INPUT="ACCEPT", FORWARD="ACCEPT", OUTPUT="ACCEPT"
)


def with_rule(rule: str) -> str:
    return OPEN.replace("-A INPUT -p tcp -j ACCEPT", rule)


def nat(rule: str) -> str:
    return table("nat", rule, PREROUTING="ACCEPT", INPUT="ACCEPT", OUTPUT="ACCEPT", POSTROUTING="ACCEPT")


STARTS = {
    "state": (with_rule("-A INPUT -m state --state NEW"), True),
    "state in an unused chain": (with_rule("-A UNUSED -m state --state NEW"), True),
    "UNTRACKED only": (with_rule("-A UNUSED -m conntrack --ctstate UNTRACKED"), True),
    "connlimit": (
        with_rule("-A UNUSED -p tcp -m connlimit --connlimit-above 5 --connlimit-mask 32 --connlimit-saddr"),
        True,
    ),
    "connmark": (with_rule("-A UNUSED -m connmark --mark 0x1"), True),
    "connbytes": (
        with_rule("-A UNUSED -m connbytes --connbytes 1:2 --connbytes-mode bytes --connbytes-dir both"),
        True,
    ),
    "helper": (with_rule('-A UNUSED -m helper --helper "ftp"'), True),
    "masquerade never met": (nat("-A POSTROUTING -s 240.0.0.1/32 -j MASQUERADE"), True),
    "nothing stateful": (OPEN, False),
    "nat table that accepts": (nat("-A POSTROUTING -j ACCEPT"), False),
    "raw NOTRACK": (OPEN + NOTRACK, False),
    "recent": (with_rule("-A INPUT -m recent --set --name SEEN --rsource"), False),
    "hashlimit": (with_rule("-A INPUT -p tcp -m hashlimit --hashlimit-upto 9/sec --hashlimit-name seen"), False),
    "reject": (with_rule("-A UNUSED -j REJECT --reject-with icmp-port-unreachable"), False),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", STARTS)
def test_what_starts_tracking(site: Site, name: str, backend: Backend) -> None:
    ruleset, tracks = STARTS[name]
    assert len(measure(site, ruleset, (Flow("remote", "host", 22),), backend=backend).tracked) == tracks


def test_a_rule_of_one_family_does_not_track_the_other(site: Site) -> None:
    flow = Flow("remote", "host", 22)
    assert len(measure(site, with_rule("-A INPUT -m state --state NEW"), (flow,), family=4).tracked) == 1
    assert len(measure(site, OPEN, (flow,), family=6).tracked) == 0
