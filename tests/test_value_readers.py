"""Values at the edge of what iptables takes, as measured with iptables 1.8.9 on both backends."""

from __future__ import annotations

import ipaddress

import pytest

from ruleset_lint.model.loading import load
from ruleset_lint.model.validity import refusals
from ruleset_lint.netfilter.values import networks
from ruleset_lint.syntax.iptables_save import parse


def _is_refused(words: str, table: str = "filter", chain: str = "INPUT", family: int = 4) -> bool:
    text = f"*{table}\n-A {chain} {words}\nCOMMIT\n"
    return any(refusals(load(parse("x", text), family, fragment=False)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10/8", "10.0.0.0"),
        ("10", "10.0.0.0"),
        ("10.1", "10.1.0.0"),
        ("192.168/16", "192.168.0.0"),
        ("010.0.0.1", "8.0.0.1"),
        ("0x0a.1.2.3", "10.1.2.3"),
        ("10.257", "10.0.1.1"),
        ("167772161", "10.0.0.1"),
        ("1.2.3.4/010", "1.0.0.0"),
    ],
)
def test_short_and_odd_addresses_read_as_libxtables_has_them(text: str, expected: str) -> None:
    assert str(ipaddress.IPv4Address(networks(text, 4)[0].address)) == expected


@pytest.mark.parametrize(
    ("takes", "refuses"),
    [
        ("-m u32 --u32 0&1&2&3&4&5&6&7&8&9=1", "-m u32 --u32 0&1&2&3&4&5&6&7&8&9&10=1"),
        ("-m u32 --u32 0>>31=1:2,3", "-m u32 --u32 0>>32=1"),
        ('-m u32 --u32 "0 >> 22 & 0x3C @ 12 >> 26 & 1 = 1 && 2=3"', '-m u32 --u32 "0=1 &&"'),
        ("-m u32 --u32 0=4294967295", "-m u32 --u32 0=4294967296"),
        ("-m limit --limit 1/day --limit-burst 49", "-m limit --limit 1/day --limit-burst 50"),
        ("-m limit --limit 1/day --limit-burst 1", "-m limit --limit 1/day"),
        ("-m limit --limit 1/hour --limit-burst 10000", "-m limit --limit 1/hour --limit-burst 1194"),
        ("-p sctp -m sctp --chunk-types any DATA:uBe,", "-p sctp -m sctp --chunk-types any INIT:t"),
        ("-p sctp -m sctp --chunk-types any ALL", "-p sctp -m sctp --chunk-types any ALL,DATA"),
        ("-m recent --set --name a", "-m recent --set --name a/b"),
        ("-m time --datestart 2020-2-1", "-m time --datestart 2020-13-01"),
        ("-m time --datestart 2020-02-01T", "-m time --datestart 1960"),
        ("-p tcp --tcp-option 1", "-p tcp --tcp-option 0"),
        ("-m conntrack --ctorigsrc 10.0.0.0/8", "-m conntrack --ctorigsrc 10.0.0.0/8,11.0.0.0/8"),
        ("-m policy --dir in --pol ipsec --proto esp", "-m policy --dir in --pol ipsec --proto tcp"),
        (
            "-j HMARK --hmark-src-prefix 24 --hmark-tuple src --hmark-mod 5 --hmark-rnd 1",
            "-j HMARK --hmark-tuple src --hmark-src-prefix 24 --hmark-mod 5 --hmark-rnd 1",
        ),
        ("-j NFLOG --nflog-size 6", "-j NFLOG --nflog-size 6 --nflog-range 5"),
        ("-p udp -m udp --sport 65536", "-p udp -m udp --sport 0x50"),
        ("-p udp -m udp --sport 4294967297", "-p udp -m udp --sport 2147483648"),
        ("-m conntrack --ctorigsrcport 08", "-m conntrack --ctorigsrcport 0x8"),
        ("-m conntrack --ctorigsrc 10.0.0.1/33", "-m conntrack --ctorigsrc 10.0.0.1/-1"),
        ('-m length --length ""', '-m mark --mark ""'),
        ("-p ah -m ah --ahspi 3", "-m ah --ahspi 3"),
        ("-p tcp -m multiport --dports 5:6", "-p tcp -m multiport --dports 5:5"),
        ("-m dscp --dscp-class EFX", "-m dscp --dscp-class LE"),
        ("-p dccp -m dccp --dccp-types REQUEST,", "-p dccp -m dccp --dccp-types REQ"),
        ("-m devgroup --src-group 1/0xff", "-m devgroup --dst-group 1"),
        ("-m devgroup --src-group lan", "-m devgroup --src-group 1/"),
        (
            "-m connlimit --connlimit-above 3 --connlimit-mask 1.0",
            "-m connlimit --connlimit-above 3 --connlimit-mask x",
        ),
        ("-m hashlimit --hashlimit 2/day --hashlimit-name x", "-m hashlimit --hashlimit 1/day --hashlimit-name x"),
        ("-m hashlimit --hashlimit 1gb/s --hashlimit-name x", "-m hashlimit --hashlimit 0b/s --hashlimit-name x"),
        (
            "-m hashlimit --hashlimit 5kb/s --hashlimit-burst 5k --hashlimit-name x",
            "-m hashlimit --hashlimit 5kb/s --hashlimit-burst 4kb --hashlimit-name x",
        ),
        (
            "-m hashlimit --hashlimit 5/s --hashlimit-burst 976kb --hashlimit-name x",
            "-m hashlimit --hashlimit 5/s --hashlimit-burst 1mb --hashlimit-name x",
        ),
        ('-m bpf --bytecode "1,6 0 0 -1 x"', "-m bpf --bytecode 0x1,6"),
        ('-m string --algo bm --hex-string "a\\\\|b"', '-m string --algo bm --hex-string "||"'),
        ('-m string --algo bm --hex-string "41|"', '-m string --algo bm --hex-string "|41"'),
        ("-m mac --mac-source 00:11:22:33:44:", "-m mac --mac-source 00:11:22:33:44"),
        (
            "-m statistic --mode random --probability 0.1",
            "-m statistic --mode nth --every 3 --packet 1 --probability 0.1",
        ),
        (
            "-m policy --dir in --pol ipsec --strict --proto esp --next --proto ah",
            "-m policy --dir in --pol ipsec --strict --proto esp --proto ah",
        ),
        ("-m time --weekdays Mon-Fri,33", "-m time --weekdays MON"),
        ("-m time --monthdays 0,5", "-m time --monthdays 0x5"),
        ("-m time --timestart :", "-m time --timestart 9"),
        ("-m time --datestart 2024-01-01T", "-m time --datestart 2024-01T12:00"),
        ("-p tcp --tcp-flags ALL,SYN ,SYN", "-p tcp --tcp-flags ECE SYN"),
        ("-p tcp --syn", "-p tcp --syn --tcp-flags ALL NONE"),
        ("-p udp -m multiport --dport 1,2", "-p udp -m udp --dport 3 -m multiport --dport 1,2"),
        ("-s 10.0.0.1/255.0xff.0.0", "-s 10.0.0.1/255.255"),
        ("-i eth0", "--in-interface=eth0"),
        ("-m string --algo bm --string !x", "-m conntrack --ctstate !NEW"),
        ("-c -1 2x", "-c 1 x"),
        ("-mcomment --comment x", "-ptcp"),
        ("-p icmpv6", "-p icmp6"),
        ("-m iprange --src-range 10.1-10.2", "-m iprange --src-range 167772161"),
        ("-j TEE --gateway 10.1", "-j TEE --gateway 0.0.0.0"),
        ("-j IDLETIMER --timeout 2147482 --label x", "-j IDLETIMER --timeout 2147483 --label x"),
        ("-j CONNMARK --set-mark 1 --left-shift-mark 31", "-j CONNMARK --set-mark 1 --left-shift-mark 32"),
        ("-j CONNMARK --save-mark --mask 3", "-j CONNMARK --save-mark --mask 3 --nfmask 1"),
        ("-j HMARK --hmark-src-prefix 24 --hmark-mod 5 --hmark-rnd 1", "-j HMARK --hmark-tuple src --hmark-mod 5"),
        ("-m ttl --ttl-eq 1", "-m ah"),
        ("-p tcp -m osf --genre Linux --ttl 2", "-p tcp -m osf --genre Linux --ttl 3"),
        ("-m time --timestart 9:00 --timestop 8:00 --contiguous", "-m time --timestart 9:00 --contiguous"),
        ("-m time --kerneltz --localtz", "-m time --kerneltz --utc"),
        ("-m string --algo bm --string x --from 5 --to 5", "-m string --algo bm --string x --from 5 --to 3"),
        ("-m policy --dir in --pol none --tunnel-src 10.0.0.1", "-m policy --dir in --pol ipsec --tunnel-src 10.0.0.1"),
        (
            "-m policy --dir in --pol ipsec --mode tunnel --tunnel-src 10.0.0.1",
            "-m policy --dir in --pol ipsec --mode transport --tunnel-src 10.0.0.1",
        ),
        (
            "-m policy --dir in --pol ipsec ! --mode transport --tunnel-src 10.0.0.1",
            "-m policy --dir in --pol ipsec ! --mode tunnel --tunnel-src 10.0.0.1",
        ),
        ("-j CONNMARK --ctmask 3 --set-mark 1", "-j CONNMARK --set-mark 1 --or-mark 3"),
        ("-m helper --helpe ftp -m comment --comm x", "-m helper --he ftp"),
    ],
)
def test_values_at_the_edge(takes: str, refuses: str) -> None:
    assert (_is_refused(takes), _is_refused(refuses)) == (False, True)


@pytest.mark.parametrize(
    ("takes", "refuses"),
    [
        ("-m addrtype --src-type LOCAL", "-m addrtype --src-type BROADCAST"),
        ("-m dst --dst-opts 1:2,4", "-m dst --dst-opts 0:0"),
        ("-m hbh --hbh-opts -1", "-m hbh --hbh-opts 1,"),
        ("-m rt --rt-type 0 --rt-0-res", "-m rt --rt-0-res --rt-type 0"),
        ("-m rt --rt-type 0 --rt-0-addrs ::1", "-m rt --rt-type 0 --rt-0-addrs ::1/64"),
        ("-m ipv6header --header hop,", "-m ipv6header --header proto"),
        ("-m srh --srh-next-hdr 6", "-m srh --srh-next-hdr tcp"),
        ("-m ah --ahspi 3", "-m hl --hl-eq 256"),
        ("-m frag --fragmore", "-m frag --fragmore --fraglast"),
        ("-m recent --set --mask ffff::", "-m recent --set --mask 64"),
    ],
)
def test_values_at_the_edge_for_ipv6(takes: str, refuses: str) -> None:
    assert (_is_refused(takes, family=6), _is_refused(refuses, family=6)) == (False, True)


@pytest.mark.parametrize(
    ("helper", "protocol", "family", "refused"),
    [
        ("ftp", "tcp", 4, False),
        ("ftp", "udp", 4, True),
        ("sip", "udp", 6, False),
        ("pptp", "tcp", 6, True),
        ("rpc", "udp", 4, False),
    ],
)
def test_helpers_have_their_protocol(helper: str, protocol: str, family: int, refused: bool) -> None:
    words = f"-p {protocol} -j CT --helper {helper}"
    assert _is_refused(words, "raw", "PREROUTING", family) is refused


@pytest.mark.parametrize(
    ("takes", "refuses", "table", "chain"),
    [
        (
            "-p tcp -j DNAT --to-destination 10.0.0.1:80-90/100",
            "-p tcp -j DNAT --to-destination 10.0.0.1:080",
            "nat",
            "PREROUTING",
        ),
        ("-p tcp -j REDIRECT --to-ports x11-6", "-p tcp -j REDIRECT --to-ports 80-90/100", "nat", "PREROUTING"),
        ("-p tcp -j MASQUERADE --to-ports 80-90/http", "-p tcp -j MASQUERADE --to-ports 80-90/0", "nat", "POSTROUTING"),
        ("-p tcp -j TPROXY --on-port 65536 --on-ip 10.1", "-p tcp -j TPROXY --on-port 0x50", "mangle", "PREROUTING"),
        ("-j CLASSIFY --set-class -1:1x", "-j CLASSIFY --set-class x:1", "mangle", "POSTROUTING"),
        ("-p tcp -j ECN --ecn-tcp-cwr 1", "-p tcp -j ECN --ecn-tcp-cwr 2", "mangle", "POSTROUTING"),
        (
            "-p tcp -j TCPOPTSTRIP --strip-options 2,3",
            "-p tcp -j TCPOPTSTRIP --strip-options mss,2",
            "mangle",
            "FORWARD",
        ),
        ("-m physdev --physdev-is-bridged --physdev-out eth0", "-m physdev --physdev-is-out", "filter", "OUTPUT"),
        ("-m realm --realm 1", "-m realm --realm 1/", "filter", "OUTPUT"),
        ("-p tcp --syn -j TCPMSS --set-mss 3 --clamp-mss-to-pmtu", "-p tcp --syn -j TCPMSS", "mangle", "FORWARD"),
        (
            "-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu --set-mss 3",
            "-p tcp --syn -j TCPMSS --set-mss 3 --clamp-mss-to-pmtu",
            "mangle",
            "PREROUTING",
        ),
        ("-m owner --gid-owner 1 --suppl-groups", "-m owner --suppl-groups --gid-owner 1", "filter", "OUTPUT"),
        ("-j DSCP --set-dscp 1", "-j DSCP --set-dscp 1 --set-dscp-class EF", "mangle", "FORWARD"),
        ('-j CT --helper ""', "-j CT --helper ftp", "raw", "PREROUTING"),
    ],
)
def test_values_at_the_edge_elsewhere(takes: str, refuses: str, table: str, chain: str) -> None:
    assert (_is_refused(takes, table, chain), _is_refused(refuses, table, chain)) == (False, True)


@pytest.mark.parametrize("words", ["-p tcp -m osf --genre Linux", "-m realm --realm 1"])
def test_matches_of_one_family(words: str) -> None:
    assert (_is_refused(words), _is_refused(words, family=6)) == (False, True)
