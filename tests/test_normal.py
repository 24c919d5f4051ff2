from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from corpus import CORPUS, needs_corpus, rows, unescaped
from hypothesis import given, settings
from written_rules import rules

import ruleset_lint
from ruleset_lint import NotLoadedError, normalise
from ruleset_lint.model.blocks import family_of
from ruleset_lint.netfilter.matches import MATCHES
from ruleset_lint.netfilter.normal_matches import MATCH_FIELDS, MATCH_PRINTERS
from ruleset_lint.netfilter.normal_targets import TARGET_FIELDS, TARGET_PRINTERS
from ruleset_lint.netfilter.targets import TARGETS

Backend = Literal["nft", "legacy"]
BACKENDS: tuple[Backend, ...] = ("nft", "legacy")
EXCEPTIONS = {
    "unterminated quote": "the comment ends in the line break, and save prints what restore refuses",
    "very long line 9000": "the table of the corpus has only the beginning of the line",
}
OF_ANOTHER_FILE = "rockethome+rover/sysconfig__iptables"  # what the corpus has saved for it are not its rules


def one(
    rule: str, chain: str = "FORWARD", table: str = "filter", family: Literal[4, 6] = 4, backend: Backend = "nft"
) -> str:
    """The lines that a rule becomes, without the command."""
    text = normalise(f"*{table}\n:own - [0:0]\n-A {chain} {rule}\nCOMMIT\n", family=family, backend=backend)
    head = f"-A {chain}"
    return "\n".join(line.removeprefix(head).strip() for line in text.splitlines() if line.startswith(head))


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        pytest.param(
            "-p tcp --dport ssh -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT", id="protocol brings its match"
        ),
        pytest.param("-m tcp --dport 1 -p 6", "-p tcp -m tcp --dport 1", id="parameters first, protocol by name"),
        pytest.param("-p 253", "-p 253", id="protocol without a name"),
        pytest.param("-p all -i + -s 0/0", "", id="what any packet is"),
        pytest.param("! --src 10.1.2.3/255.0.0.0", "! -s 10.0.0.0/8", id="host bits, mask, alias"),
        pytest.param("-s 10.11.12.13/255.0.255.0", "-s 10.0.12.0/255.0.255.0", id="mask that is no prefix"),
        pytest.param("-s 192.0.2.1,192.0.2.2", "-s 192.0.2.1/32\n-s 192.0.2.2/32", id="list of addresses"),
        pytest.param("-p tcp --syn", "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", id="syn"),
        pytest.param("-p tcp --dport :", "-p tcp -m tcp", id="all ports"),
        pytest.param("-m limit --limit 60/minute", "-m limit --limit 1/sec", id="rate in its unit"),
        pytest.param("-m limit --limit-burst 5", "-m limit --limit 3/hour", id="limit's defaults"),
        pytest.param("-m state --state estab,new", "-m state --state NEW,ESTABLISHED", id="states in order"),
        pytest.param("-p icmp --icmp-type ping", "-p icmp -m icmp --icmp-type 8", id="icmp name"),
        pytest.param("-m mark --mark 5/0xffffffff", "-m mark --mark 0x5", id="whole mask"),
        pytest.param("-m comment --comment a.b", '-m comment --comment "a.b"', id="quotes"),
        pytest.param('-m comment --comment "it\'s"', '-m comment --comment "it\\\'s"', id="escapes"),
        pytest.param("-m comment --comment " + "x" * 300, "-m comment --comment " + "x" * 255, id="cut off"),
        pytest.param("-m recent --set", "-m recent --set --name DEFAULT --mask 255.255.255.255 --rsource", id="recent"),
        pytest.param(
            "-m connlimit ! --connlimit-above 2",
            "-m connlimit --connlimit-upto 2 --connlimit-mask 32 --connlimit-saddr",
            id="connlimit",
        ),
        pytest.param(
            "-m hashlimit --hashlimit 60/min --hashlimit-name x --hashlimit-htable-expire 1000",
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 5 --hashlimit-name x",
            id="hashlimit",
        ),
        pytest.param(
            "-m time --timestart 9:00 --weekdays Tu,1",
            "-m time --timestart 09:00:00 --timestop 23:59:59 --weekdays Mon,Tue --datestop 2038-01-19T03:14:07",
            id="time",
        ),
        pytest.param(
            "-m addrtype --dst-type local,unicast", "-m addrtype --dst-type UNICAST,LOCAL", id="types in order"
        ),
        pytest.param("-p udp --sport 010:65546", "-p udp -m udp --sport 10", id="ports as getaddrinfo reads them"),
        pytest.param("-m conntrack --ctorigsrc 10.1/255", "-m conntrack --ctorigsrc 10.0.0.1", id="odd mask"),
        pytest.param('-m length --length ""', "-m length --length 0", id="no number is 0"),
        pytest.param("-p ipcomp -m ipcomp", "-p ipcomp -m ipcomp --ipcompspi 0", id="ipcomp"),
        pytest.param("-m dscp --dscp-class AF43x", "-m dscp --dscp 0x26", id="class with more behind it"),
        pytest.param("-m mac --mac-source 1:2:3:4:5:", "-m mac --mac-source 01:02:03:04:05:00", id="last byte missing"),
        pytest.param(
            '-m bpf --bytecode "1, 6 0 256 -1 x"', '-m bpf --bytecode "1,6 0 0 4294967295"', id="bits that bpf keeps"
        ),
        pytest.param(
            "-m hashlimit --hashlimit 4096mb/s --hashlimit-name x",
            "-m hashlimit --hashlimit-upto 4581298432b/s --hashlimit-name x",
            id="rate in bytes, rounded",
        ),
        pytest.param(
            "-m hashlimit --hashlimit 5/s --hashlimit-burst 1kb --hashlimit-name x",
            "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 1024 --hashlimit-name x",
            id="burst with a factor",
        ),
        pytest.param(
            "-m connlimit --connlimit-above 2 --connlimit-mask 255.0.255.0",
            "-m connlimit --connlimit-above 2 --connlimit-mask 32 --connlimit-saddr",
            id="mask that is no prefix is a full one",
        ),
        pytest.param(
            "-m recent --rcheck --seconds 4294967295 --mask 24",
            "-m recent --rcheck --seconds -1 --name DEFAULT --mask 0.0.0.24 --rsource",
            id="recent's mask is an address",
        ),
        pytest.param(
            '-m string --algo bm --hex-string "|41|\\\\b|"',
            '-m string --string "A\\\\b" --algo bm',
            id="bars and backslashes",
        ),
        pytest.param(
            "-p sctp -m sctp --chunk-types any I_DATA:I,DATA:Bb",
            "-p sctp -m sctp --chunk-types any DATA:B,I_DATA",
            id="flags of chunks",
        ),
        pytest.param(
            "-m time ! --monthdays 010 --weekdays 0x2,33",
            "-m time --monthdays " + ",".join(str(day) for day in range(2, 32)) + " --weekdays Mon,Tue "
            "--datestop 2038-01-19T03:14:07",
            id="days as libxt_time cuts them",
        ),
        pytest.param(
            "-m time --timestart : --datestart 2024- --datestop 1970",
            "-m time --datestart 2023-12-01T00:00:00",
            id="numbers left out of a date",
        ),
        pytest.param("-m physdev --physdev-in !a'b", "-m physdev --physdev-in !a'b", id="odd name of an interface"),
        pytest.param("-j CONNMARK --mask 3 --set-mark 1/7", "-j CONNMARK --set-xmark 0x1/0x7", id="the last mask"),
        pytest.param(
            "-m recent --set --rdest --rsource",
            "-m recent --set --name DEFAULT --mask 255.255.255.255 --rsource",
            id="the last side",
        ),
        pytest.param(
            "-p tcp -m tcp ! --tcp-flags NONE SYN --tcp-option 1",
            "-p tcp -m tcp --tcp-option 1 ! --tcp-flags NONE SYN",
            id="flags beside an option",
        ),
        pytest.param("-m policy --dir in --pol none --proto esp", "-m policy --dir in --pol none", id="no policy"),
        pytest.param("-j CONNMARK --set-mark 1/7 --mask 3", "-j CONNMARK --set-xmark 0x1/0x3", id="mask of a mark"),
        pytest.param(
            "-j TEE --gateway 10.1 --oif " + "x" * 16, "-j TEE --gateway 10.0.0.1 --oif " + "x" * 15, id="tee"
        ),
        pytest.param("-m conntrack --ctproto mptcp", "-m conntrack --ctproto 6", id="eight bits of a protocol"),
        pytest.param("-j REJECT", "-j REJECT --reject-with icmp-port-unreachable", id="reject's default"),
        pytest.param("-j LOG --log-level warning --log-prefix a:", '-j LOG --log-prefix "a:"', id="log's default"),
        pytest.param("-j own", "-j own", id="chain"),
        pytest.param("-g own", "-g own", id="goto"),
        pytest.param(
            "-s host.example -p tcp --dport http", "-s host.example -p tcp --dport http", id="host name stays"
        ),
        pytest.param("-m geoip --src-cc DE,AT -j DROP", "-m geoip --src-cc DE,AT -j DROP", id="unknown match stays"),
    ],
)
def test_rule(rule: str, wanted: str) -> None:
    assert one(rule) == wanted


@pytest.mark.parametrize(
    ("rule", "nft", "legacy"),
    [
        pytest.param("! -i +", "! -i +", "", id="no interface"),
        pytest.param(
            "-p tcp -m tcp ! --sport 0:5",
            "-p tcp -m tcp --sport 6:65535",
            "-p tcp -m tcp ! --sport 0:5",
            id="turned range",
        ),
        pytest.param("-p tcp -m tcp ! --dport :", "-p tcp", "-p tcp -m tcp", id="nothing left to ask"),
        pytest.param("-p tcp --tcp-flags NONE SYN", "-p tcp", "-p tcp -m tcp", id="flags of which none is looked at"),
        pytest.param("-j NFLOG --nflog-range 9", "-j NFLOG", "-j NFLOG --nflog-range 9", id="nflog-range"),
        pytest.param(
            "-p tcp -m tcp --dport 1 -m tcp --sport 2",
            "-p tcp -m tcp --sport 2 --dport 1",
            "-p tcp -m tcp --dport 1 -m tcp --sport 2",
            id="two of one match",
        ),
    ],
)
def test_rule_that_the_backends_print_differently(rule: str, nft: str, legacy: str) -> None:
    assert (one(rule, backend="nft"), one(rule, backend="legacy")) == (nft, legacy)


@pytest.mark.parametrize(
    ("rule", "chain", "table", "wanted"),
    [
        pytest.param(
            "-p tcp -j DNAT --to-destination [2001:DB8::0:1]:http",
            "PREROUTING",
            "nat",
            "-p tcp -j DNAT --to-destination [2001:db8::1]:80",
            id="address and port",
        ),
        pytest.param("-s 2001:db8:1::5/48", "FORWARD", "filter", "-s 2001:db8:1::/48", id="host bits"),
        pytest.param(
            "-p icmpv6 --icmpv6-type no-route",
            "INPUT",
            "filter",
            "-p ipv6-icmp -m icmp6 --icmpv6-type 1/0",
            id="icmp name",
        ),
        pytest.param("-j REJECT", "INPUT", "filter", "-j REJECT --reject-with icmp6-port-unreachable", id="reject"),
        pytest.param("-m owner --uid-owner 1:5", "OUTPUT", "filter", "-m owner --uid-owner 1-5", id="range of users"),
        pytest.param(
            "-p tcp -j SNAT --to-source :80-90/100",
            "POSTROUTING",
            "nat",
            "-p tcp -j SNAT --to-source :80-90/0",
            id="no shifted ports",
        ),
        pytest.param(
            "-m srh --srh-hdr-len-lt 1 --srh-hdr-len-gt 5",
            "INPUT",
            "filter",
            "-m srh --srh-hdr-len-gt 5 --srh-hdr-len-lt 5",
            id="one length",
        ),
        pytest.param("-m ah ! --ahlen 0", "INPUT", "filter", "-m ah ! --ahlen 0", id="negated zero"),
        pytest.param("-m hbh --hbh-opts -1:256", "INPUT", "filter", "-m hbh --hbh-opts 255:0", id="lower byte"),
        pytest.param(
            "-p mh -m mh --mh-type hot",
            "INPUT",
            "filter",
            "-p mobility-header -m mh --mh-type 3",
            id="whole name first",
        ),
    ],
)
def test_rule_for_ipv6(rule: str, chain: str, table: str, wanted: str) -> None:
    assert one(rule, chain, table, family=6) == wanted


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("-D FORWARD -s 10.1.1.1/8", "-p tcp -m tcp --dport 22"),
        ("-D FORWARD -p tcp --dport ssh", "-s 10.0.0.0/8"),
        ("-D FORWARD 0x2", "-s 10.0.0.0/8"),
        ("-DFORWARD 1", "-p tcp -m tcp --dport 22"),
    ],
)
def test_a_rule_is_deleted_by_what_it_is_once_loaded(command: str, left: str) -> None:
    text = normalise(f"*filter\n-A FORWARD -s 10.0.0.0/8\n-A FORWARD -p tcp --dport 22\n{command}\nCOMMIT\n")
    found = [line.removeprefix("-A FORWARD ") for line in text.splitlines() if line.startswith("-A")]
    assert "\n".join(found) == left


def test_a_policy_that_is_not_said_stays() -> None:
    assert ":INPUT DROP [0:0]" in normalise("*filter\n:INPUT DROP [0:0]\n:INPUT - [0:0]\nCOMMIT\n").splitlines()


def test_chains_come_by_hook_then_by_name_and_counters_are_zero() -> None:
    text = "# a\n*filter\n:zz - [1:2]\n:OUTPUT DROP [3:4]\n:aa -\n[5:6] -A zz -j aa\n-A INPUT -j zz\nCOMMIT\n"
    wanted = (
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n:aa - [0:0]\n:zz - [0:0]\n"
        "-A INPUT -j zz\n-A zz -j aa\nCOMMIT\n"
    )
    assert normalise(text) == wanted


def test_table_without_lines_is_one_with_legacy_only() -> None:
    assert normalise("*nat\nCOMMIT\n") == ""
    assert normalise("*raw\nCOMMIT\n", backend="legacy").splitlines()[:2] == ["*raw", ":PREROUTING ACCEPT [0:0]"]


def test_two_long_lists_of_addresses_stay_lists() -> None:
    many = ",".join(["192.0.2.1"] * 60)
    assert one(f"-s {many} -d {many}") == f"-s {many} -d {many}"


def test_what_does_not_load_has_no_normal_form() -> None:
    with pytest.raises(NotLoadedError, match=r"^line 2: "):
        normalise(b"*filter\n-A INPUT --dport 22\nCOMMIT\n")


def test_every_table_names_an_extension_and_its_options() -> None:
    known = {**MATCHES, **TARGETS}
    assert {*MATCH_PRINTERS, *MATCH_FIELDS, *TARGET_PRINTERS, *TARGET_FIELDS} <= set(known)
    for name, fields in {**MATCH_FIELDS, **TARGET_FIELDS}.items():
        assert [field.option for field in fields if not known[name].option(field.option)] == []


@settings(max_examples=60, deadline=None)
@given(rule=rules(4))
def test_normal_form_is_its_own(rule: str) -> None:
    once = normalise(f"*filter\n:chain -\n-A FORWARD {rule}\nCOMMIT\n")
    assert normalise(once) == once


def _saved(backend: str) -> list[str]:
    folder = CORPUS / "saved" / backend
    return sorted(os.fspath(path.relative_to(folder)) for path in folder.glob("*/*") if path.is_file())


def _read(*parts: str) -> str:
    return Path(CORPUS, *parts).read_bytes().decode("utf-8", "surrogateescape")


def _tables(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            found[line] = []
        elif line and not line.startswith("#"):
            found[list(found)[-1]].append(line)
    return found


@needs_corpus
@pytest.mark.parametrize(
    "name", [name for name in _saved("nft") if name != OF_ANOTHER_FILE], ids=lambda name: name[-80:]
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_ruleset_comes_out_as_saved(name: str, backend: Backend) -> None:
    text = _read("dumps", name)
    family: Literal[4, 6] = 6 if family_of(name, text) == 6 else 4
    once = normalise(text, family=family, backend=backend)
    assert _tables(once) == _tables(_read("saved", backend, name))
    assert normalise(once, family=family, backend=backend) == once


CASES = {row["id"]: row for row in rows("extensions/cases.tsv")}
LOADED = [row for row in rows("extensions/oracle.tsv") if row["rc"] == "0"]


@needs_corpus
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", [4, 6])
def test_extension_cases_come_out_as_saved(family: Literal[4, 6], backend: Backend) -> None:
    wrong = []
    for row in LOADED:
        if (row["backend"], row["ipver"]) == (backend, str(family)):
            case = CASES[row["id"]]
            got = one(case["rule"], row["chain"], case["table"] or "filter", family, backend)
            wrong += [(row["id"], got, row["save"])] if got != row["save"] else []
    assert wrong == []


def _odd_inputs() -> Iterator[tuple[Backend, dict[str, str]]]:
    for row in rows("lexical.tsv"):
        for backend in BACKENDS:
            if row[f"{backend}_rc"] == "0" and row["case"] not in EXCEPTIONS:
                yield backend, row


@needs_corpus
@pytest.mark.parametrize(
    ("backend", "row"), list(_odd_inputs()), ids=lambda one: one if isinstance(one, str) else one["case"]
)
def test_odd_inputs_come_out_as_saved(row: dict[str, str], backend: Backend) -> None:
    found = normalise(unescaped(row["input"]), backend=backend).splitlines()
    shown = [line for line in found if line[0] in ":-" and not (line.endswith(" ACCEPT [0:0]") and line[1:2].isupper())]
    assert shown == [line for line in row[f"{backend}_save"].split(" ⏎ ") if line and line[0] != "["]


def test_normalise_is_handed_on() -> None:
    assert ruleset_lint.normalise is normalise
