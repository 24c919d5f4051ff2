"""Diversions made short: what is left out, what never is, and that every packet still fares as before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset_lint.model.loading import load
from ruleset_lint.packets.endpoints import parse_endpoint
from ruleset_lint.packets.formula import (
    DESTINATION_PORT,
    DESTINATION_TYPE,
    FLAGS,
    IN,
    PROTOCOL,
    SOURCE,
    STATE,
    Formula,
    Packet,
    holds,
    of_type,
)
from ruleset_lint.packets.meaning import formula_of
from ruleset_lint.packets.space import Space
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.rewrite.outcome import BACK, Judge, Outcome
from ruleset_lint.rewrite.outcome import same as fare_alike
from ruleset_lint.rewrite.printing import condition_words
from ruleset_lint.rewrite.program import (
    ACCEPT,
    DROP,
    Action,
    Call,
    Condition,
    Perform,
    Return,
    Routine,
    Step,
    Workshop,
)
from ruleset_lint.rewrite.roles import Diversion, diversions
from ruleset_lint.rewrite.service_packets import DEFAULT_DIALECT, Work
from ruleset_lint.rewrite.simplify import simplified
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.syntax.words import quote

WEB = parse_endpoint("tcp/80")
ESTABLISHED = "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT"
NEW_WEB = "-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
REPLY = "-A OUTPUT -m state --state RELATED,ESTABLISHED -j ACCEPT"
SYN, ACK, RST = "FIN,SYN,RST,ACK SYN", "SYN,ACK ACK", "FIN,SYN,RST,ACK RST"


def ruleset(*rules: str, chains: Sequence[str] = (), output: str = "ACCEPT") -> str:
    head = ("*filter", ":INPUT DROP [0:0]", f":OUTPUT {output} [0:0]", *(f":{name} - [0:0]" for name in chains))
    return "\n".join((*head, *rules, "COMMIT")) + "\n"


def added(text: str, chain: str = "NT-tcp-80-in") -> list[str]:
    """The rules that a rewrite adds to a chain: their conditions in short, and what they do."""
    after = untrack(load(parse("before", text)), Request((WEB,))).text
    lines = after.partition("*raw")[0].splitlines()
    own = [line for line in lines if line.startswith(f"-A {chain} ") and "ruleset-lint" in line]
    return [_in_short(line, chain) for line in own]


def _in_short(line: str, chain: str) -> str:
    line = re.sub(r' ?-m comment --comment "[^"]*"', "", line.removeprefix(f"-A {chain} "))
    words = [word for word in line.split() if word not in ("-p", "tcp", "-m", "--tcp-flags")]
    return " ".join("->" if word == "-j" else word for word in words)


USUAL = [f"{SYN} -> ACCEPT", f"{ACK} -> ACCEPT", f"{RST} -> ACCEPT"]
SHORT = {
    "the policy refuses the rest": ((ESTABLISHED, NEW_WEB), USUAL),
    "a final reject refuses the rest": ((ESTABLISHED, NEW_WEB, "-A INPUT -j REJECT"), USUAL),
    "a refused network stands before all": (
        (ESTABLISHED, "-A INPUT -s 198.51.100.0/24 -j DROP", NEW_WEB),
        ["-s 198.51.100.0/24 -> DROP", *USUAL],
    ),
    "an accepted network joins the flags": (
        (ESTABLISHED, f"{NEW_WEB.replace('-p tcp', '-s 192.0.2.0/24 -p tcp')}"),
        [f"-s 192.0.2.0/24 {found}" for found in USUAL],
    ),
    "rules for loopback are never met": ((ESTABLISHED, "-A INPUT -i lo -s 192.0.2.1 -j ACCEPT", NEW_WEB), USUAL),
    "what an accept before covers is left out": (
        (ESTABLISHED, NEW_WEB, NEW_WEB.replace("-p tcp", "-s 192.0.2.0/24 -p tcp")),
        USUAL,
    ),
    "what a log counts stays": (
        (ESTABLISHED, "-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j LOG", NEW_WEB),
        [f"{SYN} -> LOG", *USUAL],
    ),
    "a limit is asked as before": (
        (ESTABLISHED, NEW_WEB.replace("-j", "-m limit --limit 5/min -j")),
        [f"{SYN} limit --limit 5/min -> ACCEPT", *USUAL[1:]],
    ),
}


@pytest.mark.parametrize(("rules", "expected"), SHORT.values(), ids=SHORT)
def test_a_service_gets_the_rules_that_one_would_write(rules: tuple[str, ...], expected: list[str]) -> None:
    assert added(ruleset(*rules)) == expected


def test_two_rules_stand_at_the_top_themselves() -> None:
    rules = added(ruleset(ESTABLISHED, NEW_WEB, REPLY, output="DROP"), "OUTPUT")
    assert rules[:2] == [
        f"! -o lo --sport 80 {flags} conntrack --ctstate UNTRACKED -> ACCEPT" for flags in ("ACK ACK", RST)
    ]


def test_what_the_untouched_rules_say_is_left_to_them() -> None:
    owner = "-A OUTPUT -p tcp -m owner --uid-owner 0 -m tcp --dport 443 -j ACCEPT"
    rules = added(ruleset(ESTABLISHED, NEW_WEB, REPLY, owner, output="DROP"), "OUTPUT")
    assert not any("owner" in rule for rule in rules)


def test_what_another_program_may_fill_is_still_asked() -> None:
    text = ruleset("-A INPUT -p tcp -j f2b-web", ESTABLISHED, NEW_WEB, chains=["f2b-web"])
    assert added(text, "NT-tcp-80-new-INPUT") == ["-> f2b-web", "-> ACCEPT"]


def test_a_chain_that_tests_no_state_is_called_instead_of_copied() -> None:
    text = ruleset(
        ESTABLISHED,
        NEW_WEB.replace("ACCEPT", "allowed"),
        *(f"-A allowed -s 192.0.2.{number} -j ACCEPT" for number in range(9)),
        chains=["allowed"],
    )
    assert added(text) == [f"{flags} -> allowed" for flags in (SYN, ACK, RST)]


def made(text: str) -> tuple[Work, tuple[Diversion, ...]]:
    work = Work(Workshop(), load(parse("before", text)), WEB, DEFAULT_DIALECT)
    return work, tuple(diversions(work))


def test_what_changes_packets_stays_as_it_is() -> None:
    mark = "-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j MARK --set-mark 1"
    work, before = made(ruleset(ESTABLISHED, mark, NEW_WEB))
    found = {one.purpose: one.routine for one in simplified(work.workshop, work.ruleset, before)}
    assert found["untracked packets"] is next(one.routine for one in before if one.purpose == "untracked packets")


def test_too_large_a_set_leaves_all_as_it_is() -> None:
    work, before = made(ruleset(ESTABLISHED, "-A INPUT -s 198.51.100.0/24 -j DROP", NEW_WEB))
    assert simplified(work.workshop, work.ruleset, before, nodes=150) == before


# -- whatever routines there are


class Fate(NamedTuple):
    """How one packet ends, and what was logged of it on its way."""

    end: str
    logged: tuple[str, ...]


CONDITIONS = tuple(
    Condition(words, subject, protocol=protocol)
    for words, subject, protocol in (
        (("-s", "192.0.2.0/24"), "-s", False),
        (("-s", "192.0.2.0/25"), "-s", False),
        (("!", "-s", "192.0.2.128/25"), "-s", False),
        (("-i", "eth0"), "-i", False),
        (("-m", "tcp", "--tcp-flags", "SYN,ACK", "ACK"), "tcp --tcp-flags", True),
        (("-m", "tcp", "--tcp-flags", "FIN,SYN,RST,ACK", "SYN"), "tcp --tcp-flags", True),
        (("-m", "tcp", "--dport", "80"), "tcp --dport", True),
    )
)
TCP = Condition(("-p", "tcp"), "-p")
LOG = Perform(("-j", "LOG"), ends=False)
REJECT = Perform(("-j", "REJECT", "--reject-with", "tcp-reset"), ends=True)
PACKETS = [
    Packet(
        4,
        {
            PROTOCOL: 6,
            SOURCE[4]: source,
            DESTINATION_PORT: 80,
            FLAGS: flags,
            STATE: 4,
            DESTINATION_TYPE: of_type(DESTINATION_TYPE, "LOCAL").value,
        },
        {IN: name},
    )
    for source in (0xC0000201, 0xC0000281, 0xC6336401)
    for flags in (2, 16, 18, 4)
    for name in ("eth0", "eth1")
]


def fate(routine: Routine, otherwise: Routine, packet: Packet) -> Fate:
    """What a routine does with a packet, step by step."""
    logged: list[str] = []
    end = _run(routine, packet, logged) or _run(otherwise, packet, logged) or "nothing"
    return Fate(end, tuple(sorted(logged)))


def _run(routine: Routine, packet: Packet, logged: list[str]) -> str | None:
    for step in routine.steps:
        if not holds(_formula(step.conditions), packet):
            continue
        match step.action:
            case Perform(words, True):
                return " ".join(words)
            case Perform():
                logged.append(step.origin)
            case Return():
                return None
            case Call(callee, goto):
                end = _run(callee, packet, logged)
                if end or goto:
                    return end
    return None


_KNOWN: dict[tuple[Condition, ...], Formula] = {}


def _formula(conditions: tuple[Condition, ...]) -> Formula:
    if conditions not in _KNOWN:
        line = " ".join(map(quote, ("-A", "X", *condition_words(conditions), "-j", "ACCEPT")))
        _KNOWN[conditions] = formula_of(load(parse("x", f"*filter\n:X -\n{line}\nCOMMIT\n")).rules[0])
    return _KNOWN[conditions]


class Drawn(NamedTuple):
    workshop: Workshop
    top: Routine
    otherwise: Routine


@st.composite
def programs(draw: st.DrawFn) -> Drawn:
    workshop = Workshop()
    routines: list[Routine] = []
    for number in range(draw(st.integers(1, 4))):
        actions: list[Action] = [ACCEPT, DROP, REJECT, LOG, Return()]
        actions += [Call(routine, goto) for routine in routines for goto in (False, True)]
        steps = [_drawn_step(draw, actions, f"{number}.{place}") for place in range(draw(st.integers(1, 5)))]
        routines.append(workshop.routine(f"r{number}", steps))
    otherwise = workshop.routine("rest", [*routines[0].steps, Step((), draw(st.sampled_from([ACCEPT, DROP])))])
    return Drawn(workshop, routines[-1], otherwise)


def _drawn_step(draw: st.DrawFn, actions: list[Action], origin: str) -> Step:
    chosen = draw(st.lists(st.sampled_from(CONDITIONS), max_size=2, unique_by=lambda one: one.subject))
    return Step((TCP, *chosen), draw(st.sampled_from(actions)), origin)


@settings(max_examples=150, deadline=None)
@given(programs())
def test_every_packet_fares_as_before(drawn: Drawn) -> None:
    local = "-m addrtype --dst-type LOCAL"
    asked = load(parse("x", ruleset(f"-A INPUT -i eth0 {local}")))
    conditions = (TCP, CONDITIONS[-1])
    before = Diversion("filter", "INPUT", conditions, drawn.top, "all", drawn.otherwise)
    after = simplified(drawn.workshop, asked, [before])
    routine = after[0].routine if after else drawn.workshop.routine("nothing", ())
    for packet in PACKETS:
        assert fate(routine, drawn.otherwise, packet) == fate(drawn.top, drawn.otherwise, packet)


def test_a_routine_that_does_something_else_is_told_from_it() -> None:
    workshop = Workshop()
    table = load(parse("x", ruleset("-A INPUT -i eth0"))).tables["filter"]
    judge = Judge(Space(4, ("eth0",)), table)
    accepting, logging = workshop.always(ACCEPT), workshop.routine("log", (Step((), LOG, "a"), Step((), ACCEPT)))
    narrow = workshop.routine("narrow", (Step((CONDITIONS[0],), ACCEPT), Step((), DROP)))
    outcomes = [judge.of_routine(one) for one in (accepting, logging, narrow)]
    everyone, some = judge.space.all, judge.holds([CONDITIONS[1]])
    assert [fare_alike(judge.space, outcomes[0], one, everyone) for one in outcomes] == [True, False, False]
    assert fare_alike(judge.space, outcomes[0], outcomes[2], some)
    assert not fare_alike(judge.space, outcomes[0], Outcome({BACK: everyone}, {}), some)
