from __future__ import annotations

import pytest
from corpus import dump, needs_corpus, rows

from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.loadability import breaks
from ruleset_lint.model.loading import load
from ruleset_lint.model.refusal import Kind, Refusal
from ruleset_lint.model.validity import refusals, span_of
from ruleset_lint.syntax.iptables_save import parse

# What only the machine can say: objects and kernel modules that the machine of the oracle did not have.
MACHINE = {
    "libxt_ipvs.t": "no ip_vs in the kernel",
    "libxt_rateest.t": "no estimator of that name",
    "libxt_LED.t": "no LED target in the kernel",
    "libxt_SET.t": "no set of that name",
    "libxt_nfacct.t:8": "no accounting object of that name",
    "libxt_connlabel.t:7": "no label of that name",
}
LOADS_ONLY_ELSEWHERE = {
    "host/network": "a name that the machine could not resolve",
    "owner: Bad value": "a user or group that the machine did not have",
    "does not exist": "a fragment: its chains are made elsewhere",
    "line 1 failed": "a snippet without a table line",
    "line 2 failed": "a snippet without a table line",
}


def refused(line: str, table: str = "filter", family: int = 4) -> list[Refusal]:
    return list(refusals(load(parse("x", f"*{table}\n{line}\nCOMMIT\n"), family, fragment=False)))


@pytest.mark.parametrize(
    ("line", "word"),
    [
        pytest.param("-A INPUT -p tcp --dport 22,80", "22,80", id="list of ports"),
        pytest.param("-A INPUT -p tcp --dport 4:3", "4:3", id="range the wrong way round"),
        pytest.param("-A INPUT -s 192.0.2.0/33", "192.0.2.0/33", id="prefix too long"),
        pytest.param("-A INPUT -s 10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9", id="range for an address"),
        pytest.param('-A INPUT -m comment --comment "a b" -p foo', "foo", id="protocol behind quotes"),
        pytest.param("[1:2] -A INPUT -m state --state NEW,", "NEW,", id="open list, behind counters"),
        pytest.param("-A INPUT -p icmp --icmp-type echo", "echo", id="ambiguous type"),
        pytest.param(
            "-A INPUT -j REJECT --reject-with icmp6-no-route", "icmp6-no-route", id="type of the other family"
        ),
        pytest.param("-A INPUT -j LOG --log-level warn", "warn", id="log level"),
    ],
)
def test_a_value_that_does_not_read_is_shown_where_it_stands(line: str, word: str) -> None:
    document = parse("x", f"*filter\n{line}\nCOMMIT\n")
    (found,) = refusals(load(document, fragment=False))
    assert (document.source(span_of(document, found.line, found.item)), found.kind) == (word, Kind.VALUE)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        pytest.param("-A INPUT -p tcp --dport 65536", "65536", id="port"),
        pytest.param("-A INPUT -m limit --limit 10001/s", "10001/s", id="rate"),
        pytest.param("-A INPUT -i a-long-interface", "a-long-interface", id="interface name"),
        pytest.param("-A INPUT -j " + "c" * 29, "c" * 29, id="chain name"),
        pytest.param(":" + "c" * 29 + " - [0:0]", ":" + "c" * 29, id="chain line"),
        pytest.param("-A INPUT -m limit --limit-burst 0", "0", id="burst of none, legacy"),
        pytest.param("-A INPUT -m limit --limit 2/d --limit-burst 99", "99", id="burst that overflows, legacy"),
        pytest.param("-A INPUT -m u32 --u32 0>>32=1", "0>>32=1", id="shift"),
    ],
)
def test_a_value_beyond_its_limit_is_a_limit(line: str, word: str) -> None:
    document = parse("x", f"*filter\n{line}\nCOMMIT\n")
    (found,) = refusals(load(document, fragment=False))
    assert (document.source(span_of(document, found.line, found.item)), found.kind) == (word, Kind.LIMIT)


@pytest.mark.parametrize(
    ("table", "line", "kind"),
    [
        pytest.param("filter", "-A OUTPUT -i eth0", Kind.PLACE, id="-i in OUTPUT"),
        pytest.param("filter", "-A INPUT -o eth0", Kind.PLACE, id="-o in INPUT"),
        pytest.param("filter", "-A INPUT -j NOTRACK", Kind.PLACE, id="target of another table"),
        pytest.param("nat", "-A PREROUTING -j MASQUERADE", Kind.PLACE, id="target of another hook"),
        pytest.param(
            "nat",
            ":A - [0:0]\n-A PREROUTING -j A\n-A A -j SNAT --to-source 192.0.2.1",
            Kind.PLACE,
            id="through a chain",
        ),
        pytest.param("nat", "-A PREROUTING -j DROP", Kind.PLACE, id="DROP in nat"),
        pytest.param("filter", "-A INPUT -m owner --uid-owner 0", Kind.PLACE, id="match of another hook"),
        pytest.param("filter", "-A INPUT -m tcp --dport 22", Kind.PROTOCOL, id="match without its protocol"),
        pytest.param(
            "filter", "-A INPUT -j REJECT --reject-with tcp-reset", Kind.PROTOCOL, id="value without its protocol"
        ),
        pytest.param(
            "nat", "-A OUTPUT -j DNAT --to-destination 192.0.2.1:80", Kind.PROTOCOL, id="port without protocol"
        ),
        pytest.param(
            "filter", "-A INPUT -p tcp -m multiport --sports 1 --dports 2", Kind.TOGETHER, id="options exclude"
        ),
        pytest.param("filter", "-A INPUT -m recent --set --rttl", Kind.TOGETHER, id="option wants another"),
        pytest.param("filter", "-A INPUT ! -s 192.0.2.1,192.0.2.2", Kind.TOGETHER, id="negated list"),
        pytest.param("filter", "-A INPUT ! -p all", Kind.TOGETHER, id="negated all"),
        pytest.param("filter", "-P INPUT REJECT", Kind.CHAIN, id="policy"),
        pytest.param("filter", ":FOO - [0:0]\n-P FOO DROP", Kind.CHAIN, id="policy of a chain of one's own"),
        pytest.param("filter", ":INPUT drop [0:0]", Kind.CHAIN, id="policy in lower case"),
        pytest.param("filter", "-N LOG", Kind.CHAIN, id="chain named like a target"),
        pytest.param("filter", '-N "a b"', Kind.CHAIN, id="chain with a blank"),
        pytest.param("filter", "-A INPUT -j DROP\n-D INPUT 1 -j DROP", Kind.WORDS, id="number and rule"),
        pytest.param(
            "filter", "-A INPUT -j DROP\n-R INPUT 1 -s 10.0.0.1,10.0.0.2", Kind.TOGETHER, id="one by two rules"
        ),
        pytest.param("filter", "-F INPUT -j DROP", Kind.WORDS, id="rule with a command that takes none"),
        pytest.param("filter", "-A INPUT -n", Kind.WORDS, id="option of listing"),
        pytest.param("filter", ":A - [0:0]\n-A INPUT -j A --foo", Kind.TOGETHER, id="option of a chain"),
        pytest.param("fitler", "", Kind.LINE, id="table"),
        pytest.param("filter", "-A INPUT --dport 22", Kind.PROTOCOL, id="port without any protocol"),
        pytest.param("filter", "-A INPUT -p udp --icmp-type 8", Kind.PROTOCOL, id="option of another protocol"),
        pytest.param("nat", "-P OUTPUT DROP", Kind.NAT_POLICY, id="policy in nat"),
        pytest.param("raw", "-A OUTPUT -p udp -j CT --helper ftp", Kind.PROTOCOL, id="helper of another protocol"),
    ],
)
def test_what_does_not_go_together_is_refused(table: str, line: str, kind: Kind) -> None:
    assert [found.kind for found in refused(line, table)] == [kind]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param("-A INPUT -j ACCEPT # x", Kind.REMARK, id="remark behind a rule"),
        pytest.param("-A INPUT -p tcp --dport 22 #ssh -j ACCEPT", Kind.REMARK, id="remark that swallows the target"),
        pytest.param("  # x", Kind.REMARK, id="remark indented"),
        pytest.param('-A INPUT -j ACCEPT "# x"', Kind.WORDS, id="quoted"),
        pytest.param("-A INPUT -s ! 192.0.2.1", Kind.NEGATION, id="old negation"),
        pytest.param("-A INPUT -i ! eth0", Kind.NEGATION, id="old negation of an interface"),
        pytest.param("-A INPUT -s !192.0.2.1", Kind.NEGATION, id="glued negation"),
    ],
)
def test_the_first_mistake_of_a_line_has_its_kind(line: str, kind: Kind) -> None:
    assert min(refused(line), key=lambda found: found.item or 0).kind is kind


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("-A INPUT -i eth*/0", id="odd interface name"),
        pytest.param(":A - [0:0]\n-A A -i eth0 -o eth1\n-A INPUT -j A", id="interfaces in a chain of one's own"),
        pytest.param(":A - [0:0]\n-A A -m owner --uid-owner 0", id="chain that nothing calls"),
        pytest.param("-A INPUT -p udp --dport 90:80", id="udp range the wrong way round"),
        pytest.param("-A INPUT -p tcp --dport :", id="open range"),
        pytest.param("-A INPUT -m state --state est,REL", id="beginnings of states"),
        pytest.param("-A INPUT -s 10/8,1.2.3.4/255.255.0.255", id="short address, odd mask"),
        pytest.param("-A INPUT -s 0x01020304 -d 010.0.0.1", id="hexadecimal, octal"),
        pytest.param("-A INPUT -m limit --limit 5x/MIN", id="rate with letters"),
        pytest.param("-A INPUT -m connlimit --connlimit-above 5 --connlimit-mask 33", id="mask too long"),
        pytest.param("-A INPUT -p esp -m esp --espspi :", id="range without ends"),
        pytest.param("-A INPUT -m recent --set --rsource --rdest", id="the last one counts"),
        pytest.param("-A INPUT -p icmp -j REJECT --reject-with icmp", id="beginning of a type"),
        pytest.param("-6 -A INPUT -s 2001:db8::1", id="line of the other family"),
        pytest.param("-A INPUT -m geoip --src-cc DE", id="unknown match"),
    ],
)
def test_what_loads_is_not_refused(line: str) -> None:
    assert refused(line) == []


@pytest.mark.parametrize(
    ("line", "backend"),
    [
        (":FOO ACCEPT [0:0]", "legacy"),
        (":-foo - [0:0]", "nft"),
        ("-A INPUT ! -s 0.0.0.0/0", "nft"),
        ("-A INPUT ! -s 10.0.0.1/0.0.0.0", "nft"),
        ("-A INPUT ! -d 10.0.0.1/+0", "nft"),
        ("-A INPUT ! -s 10.0.0.1/0x00", "nft"),
        ("-A INPUT -j QUEUE", "nft"),
        ("-A INPUT ! -p tcp --dport 22", "legacy"),
        ("-A INPUT ! -p tcp -m tcp --dport 22", "legacy"),
        ("-A FORWARD -j TRACE", "legacy"),
        ("-A FORWARD -p tcp -j TCPMSS --clamp-mss-to-pmtu", "legacy"),
    ],
)
def test_what_one_backend_refuses_says_so(line: str, backend: str) -> None:
    assert [found.backends for found in refused(line)] == [frozenset({backend})]


@needs_corpus
def test_extension_cases_are_judged_like_iptables() -> None:
    cases = {row["id"]: row for row in rows("extensions/cases.tsv")}
    wrong: list[str] = []
    for row in rows("extensions/oracle.tsv"):
        case = cases[row["id"]]
        text = f"*{case['table']}\n-A {row['chain']} {case['rule']}\nCOMMIT\n"
        found = [one for one in breaks(load(parse("x", text), int(row["ipver"]))) if row["backend"] in one.backends]
        excused = not found and (row["id"] in MACHINE or row["id"].split(":")[0] in MACHINE)
        if bool(found) != (row["rc"] != "0") and not excused:
            wrong.append(f"{row['id']} IPv{row['ipver']} {row['backend']} rc {row['rc']}: {case['rule']} {found[:1]}")
    assert not wrong


@needs_corpus
@pytest.mark.parametrize("row", rows("dumps/INDEX.tsv"), ids=lambda row: row["file"][-60:])
@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_dumps_are_judged_like_iptables(row: dict[str, str], backend: str) -> None:
    text = dump(row)
    ruleset = load(parse(row["file"], text), family_of(row["file"], text))
    found = [one for one in breaks(ruleset) if backend in one.backends]
    excused = any(part in row["nft_error"] for part in LOADS_ONLY_ELSEWHERE)
    assert bool(found) == (row[f"{backend}_load_rc"] != "0") or (not found and excused), found[:3]
