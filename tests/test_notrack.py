"""The goal notrack on small rulesets: what is added, what is refused and why, what stays as it is."""

from __future__ import annotations

import difflib
import re
import time

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.rewrite.notrack import Request, Rewritten, untrack
from ruleset_lint.rewrite.proof import proof_of
from ruleset_lint.rewrite.service_packets import Dialect
from ruleset_lint.syntax.iptables_save import parse

WEB, DNS, SSH = parse_endpoint("tcp/80"), parse_endpoint("udp/53"), parse_endpoint("tcp/22")
ESTABLISHED = "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT"
JUMP = "-A INPUT ! -i lo -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -m conntrack --ctstate UNTRACKED"
NEW_WEB = "-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT"
ONE_WAY = "*raw\n-A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK\nCOMMIT\n"
NEW_DNS = "-A INPUT -p udp -m state --state NEW -m udp --dport 53 -j ACCEPT"


def ruleset(*rules: str, chains: str = "", output: str = "ACCEPT", more: str = "") -> str:
    lines = ("*filter", ":INPUT DROP [0:0]", f":OUTPUT {output} [0:0]", *chains.split("\n"), *rules, "COMMIT", more)
    return "\n".join(filter(None, lines)) + "\n"


def rewrite(
    text: str, *services: Endpoint, family: int = 4, dialect: Dialect | None = None, **options: bool
) -> Rewritten:
    request = Request(services or (WEB,), dialect or Dialect(), **options)
    return untrack(load(parse("test", text), family), request)


def changed(result: Rewritten, sign: str) -> list[str]:
    """The lines that are new ("+") or gone ("-"), without their comments."""
    before, after = (text.splitlines() for text in (result.ruleset.document.text, result.text))
    lines = [line[2:] for line in difflib.ndiff(before, after) if line.startswith(f"{sign} ")]
    return [re.sub(r' -m comment --comment "[^"]*"', "", line) for line in lines]


def added(result: Rewritten) -> list[str]:
    return changed(result, "+")


def test_the_usual_host_gets_one_jump_and_a_handful_of_rules() -> None:
    lines = added(rewrite(ruleset(ESTABLISHED, NEW_WEB)))
    assert [line for line in lines if "icmp" not in line] == [
        ":NT-tcp-80-in - [0:0]",
        "-A NT-tcp-80-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
        "-A NT-tcp-80-in -p tcp -m tcp --tcp-flags SYN,ACK ACK -j ACCEPT",
        "-A NT-tcp-80-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK RST -j ACCEPT",
        f"{JUMP} -j NT-tcp-80-in",
        "*raw",
        ":PREROUTING ACCEPT [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        "-A PREROUTING ! -i lo -p tcp -m tcp --dport 80 -m addrtype --dst-type LOCAL -j CT --notrack",
        "-A OUTPUT ! -o lo -p tcp -m tcp --sport 80 -j CT --notrack",
        "COMMIT",
    ]


def test_an_accept_without_state_needs_raw_rules_only() -> None:
    lines = added(
        rewrite(ruleset("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", "-A INPUT -p udp -m state --state NEW -j DROP"))
    )
    assert [line for line in lines if line.startswith("-A INPUT") and "icmp" not in line] == []
    assert sum("--notrack" in line for line in lines) == 2


def test_icmp_errors_that_quote_the_service_are_decided_as_related() -> None:
    (line,) = [line for line in added(rewrite(ruleset(ESTABLISHED, NEW_WEB))) if "icmp" in line]
    assert all(word in line for word in ("@0>>24=3,11,12&&", "@8>>16&0xFFFF=80", "--ctstate INVALID"))


def test_without_u32_each_type_of_icmp_errors_has_a_rule() -> None:
    lines = added(rewrite(ruleset(ESTABLISHED, NEW_WEB), dialect=Dialect(has_u32=False)))
    types = [re.search("--icmp-type ([0-9]+)", line) for line in lines]
    assert [found[1] for found in types if found] == ["3", "11", "12"]


def test_old_releases_get_their_own_spelling() -> None:
    dialect = Dialect(notrack=("-j", "NOTRACK"), state=("-m", "state", "--state"), has_u32=False)
    text = rewrite(ruleset(ESTABLISHED, NEW_WEB), dialect=dialect).text
    words = ("-j NOTRACK", "-m state --state UNTRACKED", "-j CT --notrack", "-m u32")
    assert [word in text for word in words] == [True, True, False, False]


def test_what_stands_there_stays_byte_for_byte() -> None:
    text = "# mine\n" + ruleset("[3:180] " + ESTABLISHED, "  " + NEW_WEB)
    assert changed(rewrite(text), "-") == []


def test_the_raw_table_goes_behind_the_others() -> None:
    raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i lo -j ACCEPT\nCOMMIT\n"
    after = rewrite(raw + ruleset(ESTABLISHED, NEW_WEB)).text
    assert after.index("*filter") < after.index("*raw")
    assert after.index("--notrack") < after.index("-A PREROUTING -i lo -j ACCEPT")


def test_rules_that_untrack_one_way_are_replaced() -> None:
    after = rewrite(ruleset(ESTABLISHED, NEW_WEB, chains=":FORWARD DROP [0:0]", more=ONE_WAY)).text
    assert "-j NOTRACK" not in after
    assert after.count("--notrack") == 2


def test_what_they_do_for_forwarded_packets_stays() -> None:
    text = ruleset(ESTABLISHED, NEW_WEB, chains=":FORWARD ACCEPT [0:0]", more=ONE_WAY)
    after = rewrite(text)
    assert changed(after, "-") == ["-A PREROUTING -p tcp -m tcp --dport 80 -j NOTRACK"]
    assert "-A PREROUTING -m addrtype ! --dst-type LOCAL -p tcp -m tcp --dport 80 -j NOTRACK" in added(after)
    assert rewrite(after.text).text == after.text


def test_that_answers_from_others_are_tracked_again_is_said() -> None:
    raw = "*raw\n-A PREROUTING -p tcp -m tcp --sport 80 -j NOTRACK\nCOMMIT\n"
    after = rewrite(ruleset(ESTABLISHED, NEW_WEB, more=raw))
    assert "-j NOTRACK" not in after.text
    assert [(warning.code, warning.rule and warning.rule.line.number) for warning in after.warnings] == [("W", 8)]


def test_rules_for_others_that_clients_may_send_from_are_no_reason() -> None:
    raw = "*raw\n-A PREROUTING -p tcp -m tcp --sport 443 -j NOTRACK\nCOMMIT\n"
    assert rewrite(ruleset(ESTABLISHED, NEW_WEB, more=raw)).refusals == ()


def test_files_that_insert_rules_get_theirs_in_front_of_all() -> None:
    after = rewrite(ruleset(ESTABLISHED, NEW_WEB, "-I INPUT -s 192.0.2.1 -j DROP")).text
    assert re.search(r"^-I INPUT 1 ! -i lo -p tcp", after, re.MULTILINE)
    assert after.index("-I INPUT -s 192.0.2.1") < after.index("-I INPUT 1 ")


def test_chains_that_test_no_state_are_not_copied() -> None:
    allowed = "-A allowed -s 192.0.2.0/24 -j ACCEPT\n-A allowed -s 198.51.100.0/24 -j ACCEPT"
    text = ruleset(
        ESTABLISHED,
        "-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j allowed",
        allowed,
        chains=":allowed - [0:0]",
    )
    lines = added(rewrite(text))
    assert [line for line in lines if line.startswith(":NT-")] == [":NT-tcp-80-in - [0:0]"]
    assert [line.split()[-1] for line in lines if line.startswith("-A NT-tcp-80-in")] == ["allowed"] * 3


def test_chains_of_other_programs_are_called_even_if_they_are_empty() -> None:
    text = ruleset("-A INPUT -p tcp -j f2b-web", ESTABLISHED, NEW_WEB, chains=":f2b-web - [0:0]")
    calls = [line.split()[1] for line in added(rewrite(text)) if line.endswith("-j f2b-web")]
    assert calls == ["NT-tcp-80-new-INPUT"]
    assert sum(line.endswith("-j NT-tcp-80-new-INPUT") for line in added(rewrite(text))) == 3


def test_rewriting_twice_changes_nothing() -> None:
    first = rewrite(ruleset(ESTABLISHED, NEW_WEB, NEW_DNS), WEB, DNS).text
    assert rewrite(first, WEB, DNS).text == first


def new(service: str, *words: str) -> str:
    """The accept of a service's new connections."""
    protocol, port = service.split("/")
    return " ".join((f"-A INPUT -p {protocol} -m state --state NEW -m {protocol} --dport {port}", *words, "-j ACCEPT"))


def nat(*rules: str) -> str:
    lines = "\n".join(rules)
    return f"*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n{lines}\nCOMMIT\n"


HELPER_OF_ALL = (
    "*raw\n:h - [0:0]\n-A PREROUTING -j h\n-A OUTPUT -j h\n-A h -p tcp --dport 1723 -j CT --helper pptp\nCOMMIT"
)
ALL_TCP_UNTRACKED = "*raw\n-A PREROUTING -p tcp -j NOTRACK\nCOMMIT"
NTP, SQUID = "-A INPUT -p udp -m udp --dport 123 -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 3128 -j ACCEPT"
MASQUERADE = nat("-A POSTROUTING -o eth0 -j MASQUERADE")
DNAT_OF = nat("-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.5")
DNAT_TO = nat("-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 192.0.2.1:80")
REDIRECT_TO = nat("-A PREROUTING -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80")

REFUSED = {
    "DNAT of the port": ("R1", "tcp/80", ruleset(NEW_WEB, more=DNAT_OF)),
    "DNAT to the port": ("R1", "tcp/80", ruleset(NEW_WEB, more=DNAT_TO)),
    "REDIRECT to the port": ("R1", "tcp/80", ruleset(NEW_WEB, more=REDIRECT_TO)),
    "control port of a helper": ("R2", "tcp/21", ruleset(new("tcp/21"))),
    "data port of a helper": ("R2", "tcp/20", ruleset(new("tcp/20"))),
    "connlimit": ("R3", "tcp/80", ruleset(new("tcp/80", "-m connlimit --connlimit-upto 9"))),
    "another test beside the state": (
        "R3",
        "tcp/80",
        ruleset("-A INPUT -m conntrack --ctstate NEW --ctdir REPLY -j ACCEPT"),
    ),
    "a state that is none": ("R3", "tcp/80", ruleset("-A INPUT -m conntrack --ctstate DNAT -j ACCEPT", NEW_WEB)),
    "limit on UDP": ("R4", "udp/53", ruleset(ESTABLISHED, new("udp/53", "-m limit --limit 9/sec"))),
    "UDP whose first packet is long": (
        "R4",
        "udp/53",
        ruleset(ESTABLISHED, new("udp/53", "-m length --length 100:512")),
    ),
    "UDP whose later packets are refused": ("R4", "udp/53", ruleset(NEW_DNS)),
    "a queue": ("R6", "tcp/80", ruleset("-A INPUT -p tcp -m tcp --dport 80 -j NFQUEUE", NEW_WEB)),
    "the time of day": ("R6", "tcp/80", ruleset(new("tcp/80", "-m time --timestart 08:00"))),
    "an unknown match": ("R6", "tcp/80", ruleset(new("tcp/80", "-m fancy --level 3"))),
    "a chain of another program that tests states": (
        "R6",
        "tcp/80",
        ruleset("-A INPUT -j ufw-in", "-A ufw-in -m state --state NEW -j ACCEPT", chains=":ufw-in - [0:0]"),
    ),
    "the administration service": ("R7", "tcp/22", ruleset(new("tcp/22"))),
    "what asks from its own port": ("R8", "udp/123", ruleset(ESTABLISHED, NTP)),
    "a high port beside MASQUERADE": ("R8", "tcp/3128", ruleset(SQUID, more=MASQUERADE)),
    "what nat exempts for some": (
        "R1",
        "tcp/80",
        ruleset(
            ESTABLISHED,
            NEW_WEB,
            more=nat("-A PREROUTING -s 10.0.0.0/8 -j RETURN", "-A PREROUTING -p tcp -j REDIRECT --to-ports 3128"),
        ),
    ),
    "what is untracked with others": ("R9", "tcp/80", ruleset(ESTABLISHED, NEW_WEB, more=ALL_TCP_UNTRACKED)),
}


@pytest.mark.parametrize(("code", "service", "text"), REFUSED.values(), ids=REFUSED)
def test_refused_with_the_reason_and_nothing_written(code: str, service: str, text: str) -> None:
    result = rewrite(text, parse_endpoint(service))
    assert code in {refusal.code for refusal in result.refusals}
    assert not result.changed


def test_a_translation_of_the_first_packet_is_one_reason() -> None:
    same_port = nat("-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.5:80")
    result = rewrite(ruleset(ESTABLISHED, NEW_WEB, more=same_port), parse_endpoint("tcp/80"))
    assert [refusal.code for refusal in result.refusals] == ["R1"]


UNCONCERNED = {
    "a helper of RELATED": ruleset(
        "-A INPUT -m helper --helper ftp -m state --state RELATED -j ACCEPT", ESTABLISHED, NEW_WEB
    ),
    "connlimit of UDP": ruleset("-A INPUT -p udp -m connlimit --connlimit-above 9 -j DROP", ESTABLISHED, NEW_WEB),
    "DNAT of UDP": ruleset(ESTABLISHED, NEW_WEB, more=nat("-A PREROUTING -p udp -j DNAT --to-destination 10.0.0.5")),
    "DNAT to another machine's port": ruleset(
        ESTABLISHED,
        NEW_WEB,
        "-A FORWARD -d 10.0.0.5/32 -p tcp --dport 80 -j ACCEPT",
        chains=":FORWARD DROP [0:0]",
        more=nat("-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.5:80"),
    ),
    "what nat exempts": ruleset(
        ESTABLISHED,
        NEW_WEB,
        more=nat(
            "-A PREROUTING -p tcp -m tcp --dport 80 -j RETURN", "-A PREROUTING -p tcp -j REDIRECT --to-ports 3128"
        ),
    ),
    "web beside MASQUERADE": ruleset(ESTABLISHED, NEW_WEB, more=MASQUERADE),
    "a helper of another port": ruleset(ESTABLISHED, NEW_WEB, more=HELPER_OF_ALL),
}


@pytest.mark.parametrize("text", UNCONCERNED.values(), ids=UNCONCERNED)
def test_what_does_not_concern_the_service_is_no_reason(text: str) -> None:
    result = rewrite(text)
    assert result.refusals == ()
    assert result.changed
    assert proof_of(result, deadline=time.monotonic() + 60).equal


def test_masquerade_of_another_protocol_is_no_reason() -> None:
    tcp = nat("-A POSTROUTING -s 10.0.0.0/24 -p tcp -j MASQUERADE")
    assert rewrite(ruleset(ESTABLISHED, NEW_DNS, more=tcp), DNS).refusals == ()


def test_the_administration_service_is_untracked_when_asked_for_twice() -> None:
    text = ruleset(ESTABLISHED, "-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT")
    assert rewrite(text, SSH, even_administration=True).changed


def test_a_service_that_nothing_accepts_is_left_alone() -> None:
    result = rewrite(ruleset(ESTABLISHED, NEW_WEB), parse_endpoint("tcp/8443"))
    assert not result.changed
    assert [warning.code for warning in result.warnings] == ["R0"]


def test_a_ruleset_that_tracks_nothing_is_left_alone() -> None:
    result = rewrite(ruleset("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT"))
    assert (result.changed, [warning.code for warning in result.warnings]) == (False, ["R0"])


def test_thousands_of_rules_for_others_leave_no_copy() -> None:
    others = [f"-A INPUT -p tcp -m state --state NEW -m tcp --dport {port} -j ACCEPT" for port in range(1000, 3000)]
    assert len(added(rewrite(ruleset(ESTABLISHED, *others, NEW_WEB)))) < 20


@pytest.mark.parametrize("reason", ["tcp-reset", "tcp-rst", "tcp-r"])
def test_copied_reset_names_its_protocol(reason: str) -> None:
    own = (
        "-A own -m state --state NEW -s 198.51.100.7 -j RETURN",
        "-A own -m limit --limit 1/s -j LOG",
        f"-A own -p tcp -j REJECT --reject-with {reason}",
    )
    result = rewrite(ruleset(ESTABLISHED, "-A INPUT -s 198.51.100.0/24 -j own", *own, NEW_WEB, chains=":own - [0:0]"))
    copies = [line for line in added(result) if "REJECT" in line]
    assert copies
    assert all(" -p tcp " in line for line in copies)
