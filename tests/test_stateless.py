"""The goal stateless on small rulesets: what is made of state tests, what is refused and why, what it exposes."""

from __future__ import annotations

import difflib
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.model.tracking import tracks
from ruleset_lint.netfilter.services import Service
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.endpoints import Endpoint
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.rewrite.stateless.exposure import Exposure, exposure
from ruleset_lint.rewrite.stateless.transform import Stateless, stateless
from ruleset_lint.syntax.iptables_save import parse

LOCAL = "-A INPUT -i lo -j ACCEPT"
ESTABLISHED = "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT"
WEB = "-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
OUT = "-A OUTPUT -m state --state RELATED,ESTABLISHED -j ACCEPT"
FORWARDED = "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT"
SECONDS = 60


def ruleset(*rules: str, output: str = "ACCEPT", chains: str = "", more: str = "") -> str:
    policies = (":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", f":OUTPUT {output} [0:0]")
    return "\n".join(filter(None, ("*filter", *policies, chains, *rules, "COMMIT", more))) + "\n"


def loaded(text: str, family: int = 4) -> Ruleset:
    return load(parse("test", text), family)


def rewrite(text: str, family: int = 4) -> Stateless:
    return stateless(loaded(text, family))


def lines(result: Stateless, sign: str) -> list[str]:
    """The lines that are new ("+") or gone ("-"), without their comments."""
    before, after = (text.splitlines() for text in (result.ruleset.document.text, result.text))
    found = [line[2:] for line in difflib.ndiff(before, after) if line.startswith(f"{sign} ")]
    return [re.sub(r' -m comment --comment "[^"]*"', "", line) for line in found]


def exposed(before: str, after: str, family: int = 4) -> Exposure:
    return exposure(loaded(before, family), loaded(after, family), deadline=time.monotonic() + SECONDS)


def test_a_usual_host_is_told_by_flags_and_ports() -> None:
    assert lines(rewrite(ruleset(LOCAL, ESTABLISHED, WEB)), "+") == [
        ":SL-INPUT-tcp - [0:0]",
        ":SL-INPUT-icmp - [0:0]",
        "-A SL-INPUT-tcp -p tcp -m tcp --tcp-flags SYN,ACK ACK --dport 80 -j ACCEPT",
        "-A SL-INPUT-tcp -p tcp -m tcp --tcp-flags SYN,ACK ACK --dport 32768:60999 -j ACCEPT",
        "-A SL-INPUT-tcp -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN,ACK --dport 32768:60999 -j ACCEPT",
        "-A SL-INPUT-tcp -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK RST --dport 80 -j ACCEPT",
        "-A SL-INPUT-tcp -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK RST --dport 32768:60999 -j ACCEPT",
        "-A SL-INPUT-tcp -i lo -j ACCEPT",
        "-A SL-INPUT-tcp -j DROP",
        "-A SL-INPUT-icmp -p icmp -m icmp --icmp-type 0 -j ACCEPT",
        "-A SL-INPUT-icmp -p icmp -m icmp --icmp-type 3 -j ACCEPT",
        "-A SL-INPUT-icmp -p icmp -m icmp --icmp-type 11 -j ACCEPT",
        "-A SL-INPUT-icmp -p icmp -m icmp --icmp-type 12 -j ACCEPT",
        "-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j SL-INPUT-tcp",
        "-A INPUT -p udp -m udp --dport 32768:60999 -m multiport --sports 53,123 -j ACCEPT",
        "-A INPUT -p icmp -m icmp ! --icmp-type 8 -j SL-INPUT-icmp",
        "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT",
    ]


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("-A INPUT -m state --state NEW -j ACCEPT", ["-A INPUT -j ACCEPT"]),
        ("-A INPUT -m state ! --state NEW -j DROP", []),
        ("-A INPUT -m state ! --state INVALID -j ACCEPT", ["-A INPUT -j ACCEPT"]),
        ("-A INPUT -m conntrack --ctstate=NEW,INVALID -s 10.0.0.1 -j DROP", ["-A INPUT -s 10.0.0.1 -j DROP"]),
        ('-A INPUT  -m state -p tcp  --state "NEW"  --dport 22 -j ACCEPT', ["-A INPUT -p tcp  --dport 22 -j ACCEPT"]),
        ("-A INPUT -m state --state UNTRACKED -j ACCEPT", []),
        ("-A INPUT -m state --state NEW", ["-A INPUT"]),
        ("[3:180] -A INPUT -m state --state NEW -j DROP", ["[3:180] -A INPUT -j DROP"]),
    ],
)
def test_state_tests_of_rules_that_stay_are_answered_for_new(rule: str, left: list[str]) -> None:
    result = rewrite(ruleset(rule))
    assert lines(result, "-") == [rule]
    assert [line for line in lines(result, "+") if line in left] == left


def test_what_stands_there_stays_byte_for_byte() -> None:
    text = "# mine\n" + ruleset("  " + LOCAL, ESTABLISHED, "-A INPUT  -s 192.0.2.1   -j DROP")
    assert lines(rewrite(text), "-") == [ESTABLISHED]


def test_replies_are_those_to_what_output_lets_begin() -> None:
    asks = "-A OUTPUT -p tcp -m tcp --dport 443 -j ACCEPT", "-A OUTPUT -p udp -d 192.0.2.53 -m udp --dport 53 -j ACCEPT"
    found = lines(rewrite(ruleset(ESTABLISHED, OUT, *asks, output="DROP")), "+")
    udp = [line for line in found if line.startswith("-A INPUT") and "udp" in line]
    assert udp == ["-A INPUT -s 192.0.2.53 -p udp -m udp --dport 32768:60999 --sport 53 -j ACCEPT"]
    acks = [line for line in found if "SL-INPUT-tcp" in line and "dport" in line]
    assert acks
    assert all("--sport 443" in line and "--dport 32768:60999" in line for line in acks)


def test_local_ports_are_the_machines_own() -> None:
    text = stateless(loaded(ruleset(ESTABLISHED)), local_ports=(10000, 20000)).text
    assert "--dport 10000:20000" in text
    assert "32768" not in text


def test_a_router_mirrors_addresses_and_interfaces() -> None:
    opening = "-A FORWARD -i eth1 -o eth0 -s 10.0.0.0/24 -p tcp -m tcp --dport 25 -m state --state NEW -j ACCEPT"
    found = lines(rewrite(ruleset(FORWARDED, opening)), "+")
    assert (
        "-A SL-FORWARD-tcp -d 10.0.0.0/24 -i eth0 -o eth1 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN,ACK --sport 25"
        " -j ACCEPT"
    ) in found
    assert "-A FORWARD -f -j ACCEPT" in found


def test_fragments_are_a_warning() -> None:
    opening = "-A FORWARD -p tcp -m tcp --dport 25 -m state --state NEW -j ACCEPT"
    assert any("fragments" in str(warning) for warning in rewrite(ruleset(FORWARDED, opening)).warnings)
    assert not any("fragments" in str(warning) for warning in rewrite(ruleset(ESTABLISHED, WEB)).warnings)


def test_fragments_of_ipv6_come_to_input_too() -> None:
    found = lines(rewrite(ruleset(ESTABLISHED, WEB), 6), "+")
    assert [line for line in found if "frag" in line] == [
        ":SL-fragments - [0:0]",
        "-A SL-fragments -m frag --fragfirst -j RETURN",
        "-A SL-fragments -j ACCEPT",
        "-A INPUT -m frag -j SL-fragments",
    ]


def test_neighbour_discovery_is_no_new_connection() -> None:
    found = lines(rewrite(ruleset("-A INPUT -m state --state NEW -j ACCEPT", "-A INPUT -j DROP"), 6), "+")
    assert "-A INPUT -p ipv6-icmp -m icmp6 ! --icmpv6-type 128 -j SL-INPUT-icmp" in found or any(
        line.startswith("-A INPUT -p ipv6-icmp") and line.endswith("-j DROP") for line in found
    )


def test_resets_that_reject_sends_leave_where_output_refuses() -> None:
    reject = "-A INPUT -p tcp -j REJECT --reject-with tcp-reset"
    found = lines(rewrite(ruleset(ESTABLISHED, WEB, reject, OUT, output="DROP")), "+")
    assert "-A SL-OUTPUT-tcp -p tcp -m tcp --tcp-flags RST RST -j ACCEPT" in found


def test_comments_say_where_rules_come_from() -> None:
    made = [line for line in rewrite(ruleset(LOCAL, ESTABLISHED, WEB)).text.splitlines() if "SL-" in line]
    assert all('--comment "ruleset-lint stateless: ' in line for line in made if line.startswith("-A"))
    assert any("from INPUT rule 3" in line for line in made)


def test_what_the_goal_notrack_made_goes() -> None:
    before = ruleset(LOCAL, ESTABLISHED, WEB)
    half = untrack(loaded(before), Request((Endpoint(Service("tcp", 80)),))).text
    assert "NT-tcp-80" in half
    assert [line for line in rewrite(half).text.splitlines() if "NT-" in line or "notrack" in line] == []


def test_packets_that_raw_untracks_are_decided_as_untracked() -> None:
    raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK\nCOMMIT"
    text = ruleset("-A INPUT -m state --state UNTRACKED -j ACCEPT", ESTABLISHED, more=raw)
    assert "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT" in lines(rewrite(text), "+")


def test_where_nothing_is_tracked_nothing_changes() -> None:
    result = rewrite(ruleset("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT"))
    assert (result.changed, result.refusals) == (False, ())
    assert "nothing is tracked" in str(result.warnings[0])


NAT = "*nat\n:POSTROUTING ACCEPT [0:0]\n{}\nCOMMIT"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (ruleset(WEB, more=NAT.format("-A POSTROUTING -o eth0 -j MASQUERADE")), "R1", "MASQUERADE translates"),
        (ruleset(WEB, more=NAT.format("-A POSTROUTING -j SNAT --to-source 192.0.2.1")), "R1", "SNAT translates"),
        (ruleset(WEB, more=NAT.format("-A POSTROUTING -m state --state NEW -j ACCEPT")), "R3", "asks for the state"),
        (ruleset("-A INPUT -m helper --helper ftp -j ACCEPT"), "R2", "helper"),
        (ruleset(WEB, more="*raw\n-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\nCOMMIT"), "R2", "helper"),
        (ruleset(WEB, more="*raw\n-A PREROUTING -j CT --zone 1\nCOMMIT"), "R3", "zone"),
        (ruleset("-A INPUT -p tcp -m connlimit --connlimit-above 5 -j DROP"), "R3", "connlimit"),
        (ruleset(WEB, more="*mangle\n-A PREROUTING -j CONNMARK --restore-mark\nCOMMIT"), "R3", "CONNMARK"),
        (ruleset("-A INPUT -m conntrack --ctstate NEW --ctdir ORIGINAL -j ACCEPT"), "R3", "beside the state"),
        (ruleset("-A INPUT -m conntrack --ctstate DNAT -j ACCEPT"), "R3", "beside the state"),
        (
            ruleset("-A ufw-user-input -m state --state NEW -j ACCEPT", chains=":ufw-user-input - [0:0]"),
            "R6",
            "is ufw's",
        ),
        (
            ruleset("-A DOCKER-ISOLATION -m conntrack --ctstate NEW -j DROP", chains=":DOCKER-ISOLATION - [0:0]"),
            "R6",
            "is Docker's",
        ),
        (ruleset(ESTABLISHED, "-A INPUT -p udp -m limit --limit 1/sec -j ACCEPT"), "R4", "limit counts flows"),
        (ruleset(LOCAL, WEB, "-D INPUT 1"), "L", "by number"),
        (ruleset(WEB, "-A INPUT -p tcp --dport 99999 -j ACCEPT"), "L", "does not load"),
        (
            ruleset(WEB, more="*raw\n:A - [0:0]\n-A PREROUTING -j A\n-A A -p tcp -j NOTRACK\nCOMMIT"),
            "R9",
            "not plain",
        ),
    ],
)
def test_what_needs_tracking_is_refused_with_its_rule(text: str, code: str, words: str) -> None:
    result = rewrite(text)
    assert result.text == text
    assert result.refusals[0].code == code
    assert words in result.refusals[0].text
    assert result.refusals[0].line


def test_a_count_that_all_packets_met_before_is_no_reason() -> None:
    assert rewrite(ruleset("-A INPUT -p udp -m limit --limit 1/sec -j ACCEPT", ESTABLISHED)).refusals == ()


def test_the_exposure_of_a_usual_host_is_short() -> None:
    text = ruleset(LOCAL, ESTABLISHED, WEB)
    found = exposed(text, rewrite(text).text)
    assert [(one.course, one.packets) for one in found.opened] == [
        ("incoming", "icmp not in lo type echo-reply,destination-unreachable,time-exceeded,parameter-problem"),
        ("incoming", "tcp not in lo dport 32768-60999 not flags SYN/SYN,ACK"),
        ("incoming", "tcp not in lo dport 80 not flags NONE/FIN,RST"),
        ("incoming", "udp not in lo sport 53,123 dport 32768-60999"),
    ]
    assert found.opened[3].example == "in=eth0 udp 203.0.113.7:53 > 192.0.2.10:32768"
    assert "incoming: udp not in lo not sport 53,123" in " ".join(map(str, found.lost))
    assert (found.broken, found.complete, found.undecided) == ((), True, "")


@pytest.mark.parametrize(
    ("words", "others", "packets"),
    [
        ("--dport 80 -j ACCEPT", "--dport 8080 -j ACCEPT", "dport 80"),  # a service is lost
        ("--dport 80 -j ACCEPT", "--dport 80:81 -j ACCEPT", "dport 81"),  # another is opened
        ("! --tcp-flags FIN,SYN,RST,ACK SYN", "", "flags SYN"),  # SYNs are taken for replies
        ("-m multiport --sports 53,123 -m", "-m", ""),  # UDP from everywhere, which is said
        ("--dport 32768:60999 -m multiport --sports 53,123", "--sport 53", "udp not in lo sport 53 dport 0-1023"),
        ("--icmp-type 3 -m", "--icmp-type 4 -m", ""),  # an error is lost, which is said, but no service
    ],
)
def test_a_wrong_rewrite_is_broken(words: str, others: str, packets: str) -> None:
    text = ruleset(LOCAL, ESTABLISHED, WEB)
    after = rewrite(text).text
    assert words in after
    found = exposed(text, after.replace(words, others))
    assert bool(found.broken) is bool(packets)
    assert packets in " ".join(map(str, found.broken))


def test_what_takes_too_long_is_not_decided() -> None:
    text = ruleset(ESTABLISHED, WEB)
    found = exposure(loaded(text), loaded(rewrite(text).text), deadline=time.monotonic() - 1)
    assert (found.complete, found.undecided) == (False, "it takes too long")


def test_lists_that_take_too_much_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(*_: object, **__: object) -> None:
        raise NotDecidedError("it takes too much memory")

    monkeypatch.setattr("ruleset_lint.rewrite.stateless.exposure.listed", listed)
    text = ruleset(ESTABLISHED, WEB)
    found = exposed(text, rewrite(text).text)
    assert (found.complete, found.broken, found.undecided) == (False, (), "")
    assert str(found.opened[0]).startswith("incoming: too many kinds to list: such as in=eth0 tcp 203.0.113.7")


CONDITIONS = ("", "-s 10.0.0.0/8", "-i eth0", "-i lo", "-p tcp", "-p tcp --dport 80", "-p udp --dport 53", "-p icmp",
              "-p tcp --sport 22", "-p tcp --syn", "-p udp -d 192.0.2.53", "-p tcp -m limit --limit 1/sec",
              "-p tcp -m multiport --dports 80,443")  # fmt: skip
STATES = ("", "NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "NEW,ESTABLISHED", "UNTRACKED")
PLAIN = ("ACCEPT", "DROP", "RETURN")
TARGETS = (*PLAIN, "own", "inner", "REJECT", "LOG")


@st.composite
def rules(draw: st.DrawFn) -> str:
    chain = draw(st.sampled_from(("INPUT", "INPUT", "FORWARD", "OUTPUT", "own", "inner")))
    condition = draw(st.sampled_from(CONDITIONS))
    if chain == "OUTPUT":
        condition = condition.replace("-i", "-o")
    if chain in ("own", "inner"):
        condition = re.sub("-i .*", "", condition)
    state = draw(st.sampled_from(STATES))
    negated = "! " if draw(st.booleans()) else ""
    target = draw(st.sampled_from({"own": (*PLAIN, "inner"), "inner": PLAIN}.get(chain, TARGETS)))
    jump = "-g" if target in ("own", "inner") and draw(st.booleans()) else "-j"
    test = f"-m state {negated}--state {state}" if state else ""
    return " ".join(f"-A {chain} {condition} {test} {jump} {target}".split())


@example(
    ["-A FORWARD -m state ! --state ESTABLISHED -j ACCEPT", "-A FORWARD -m limit --limit 1/sec -j own"], "ACCEPT", 4
)
@settings(max_examples=25, deadline=None)
@given(st.lists(rules(), min_size=1, max_size=7), st.sampled_from(("ACCEPT", "DROP")), st.sampled_from((4, 6)))
def test_no_service_is_lost_and_nothing_new_can_be_opened(made: list[str], output: str, family: int) -> None:
    made = [rule for rule in made if family == 4 or not re.search("[0-9][.]|icmp", rule)]
    text = ruleset(*made, output=output, chains=":own - [0:0]\n:inner - [0:0]")
    result = rewrite(text, family)
    assert result.refusals == ()
    assert not any(map(tracks, result.after.by_shape))
    assert stateless(result.after).text == result.text
    assert exposed(text, result.text, family).broken == ()
