"""Rules as people write them, any spelling that loads: hypothesis strategies for each match and target by itself."""

from __future__ import annotations

from hypothesis import strategies as st

BANG = st.sampled_from(["", "! "])
BYTE = st.integers(0, 255)
WORD = st.integers(0, 0xFFFF)
LONG = st.integers(0, 0xFFFFFFFF)
NAME = st.text("abcdefgh019_-", min_size=1, max_size=8).map(lambda name: "n" + name)


def spelled(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[str]:
    """A number in one of the ways strtoul reads it."""
    return st.builds(lambda number, form: form(number), numbers, st.sampled_from([str, hex, lambda n: f"0{n:o}"]))


def between(most: int, *, ordered: bool = True) -> st.SearchStrategy[str]:
    """`5`, `5:9`, `:9`, `5:`."""
    ends = st.lists(st.one_of(st.sampled_from([0, most]), st.integers(0, most)), min_size=2, max_size=2)
    pairs = ends.map(sorted) if ordered else ends
    form = st.sampled_from(["{0}", "{0}:{1}", ":{1}", "{0}:", "{0}:{0}"])
    return st.builds(lambda shape, pair: shape.format(*pair), form, pairs)


def listed(*names: str) -> st.SearchStrategy[str]:
    """Some of the names with commas between, in any order."""
    return st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True).map(",".join)


def options(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """At least one of the options, in any order."""
    chosen = st.lists(st.integers(0, len(parts) - 1), min_size=1, max_size=len(parts), unique=True)
    return chosen.flatmap(lambda numbers: st.tuples(*(parts[number] for number in numbers)).map(" ".join))


def option(name: str, *values: st.SearchStrategy[str], bang: bool = True) -> st.SearchStrategy[str]:
    """`! --name value`."""
    return st.tuples(BANG if bang else st.just(""), st.just(name), *values).map(
        lambda words: words[0] + " ".join(words[1:])
    )


def text(most: int) -> st.SearchStrategy[str]:
    """Quoted text with everything that needs care."""
    letters = st.text("aZ9 _-.,:'/!$|", min_size=1, max_size=most)
    return st.one_of(letters.map(lambda value: f'"{value}"'), letters.map(lambda value: f'"\\"{value}\\\\"'))


ADDRESS4 = st.lists(BYTE, min_size=4, max_size=4).map(lambda parts: ".".join(map(str, parts)))
MASK4 = st.one_of(st.integers(1, 32).map(str), st.sampled_from(["255.255.0.0", "255.0.255.0", "255.255.255.255"]))
ADDRESS6 = st.sampled_from(["::1", "fe80::1:2", "2001:db8:0:0::5", "::ffff:1.2.3.4", "2001:DB8:1:2:3:4:5:6", "::"])
MASK6 = st.one_of(st.integers(1, 128).map(str), st.sampled_from(["ffff::", "ffff::ffff"]))
ADDRESS = {4: ADDRESS4, 6: ADDRESS6}
NETWORK = {
    4: st.one_of(ADDRESS4, st.builds("{}/{}".format, ADDRESS4, MASK4)),
    6: st.one_of(ADDRESS6, st.builds("{}/{}".format, ADDRESS6, MASK6)),
}
MARK = st.one_of(spelled(LONG), st.builds("{}/{}".format, spelled(LONG), spelled(LONG)))
STATES = listed("NEW", "established", "REL", "invalid", "UNTRACKED")
PORTS = between(0xFFFF)
SERVICES = st.sampled_from(["http", "ssh", "53", "0x50", "1024"])
FLAGS = st.one_of(st.sampled_from(["ALL", "NONE"]), listed("SYN", "ACK", "fin", "RST", "URG", "PSH"))
UNIT = st.sampled_from(["/s", "/sec", "/second", "/m", "/min", "/hour", "/day", ""])
RATE = st.builds("{}{}".format, st.integers(1, 9999), UNIT)

COMMON = (
    option("-m addrtype --src-type", listed("LOCAL", "unicast", "MULTI"), bang=False),
    option("-m comment --comment", text(300), bang=False),
    option("-m connbytes --connbytes-mode bytes --connbytes-dir both", bang=False).flatmap(
        lambda head: option("--connbytes", between(1 << 40)).map(lambda tail: f"{head} {tail}")
    ),
    option("-m connmark", option("--mark", MARK), bang=False),
    option("-m mark", option("--mark", MARK), bang=False),
    option("-m state", option("--state", STATES), bang=False),
    option(
        "-m conntrack",
        options(
            option("--ctstate", STATES),
            option("--ctproto", st.sampled_from(["tcp", "17", "47"])),
            option("--ctorigsrcport", PORTS),
            option("--ctstatus", listed("ASSURED", "conf", "EXPECTED")),
            option("--ctexpire", between(0xFFFFFFFF)),
            option("--ctdir", st.sampled_from(["reply", "ORIGINAL"]), bang=False),
        ),
        bang=False,
    ),
    option("-m cpu", option("--cpu", spelled(BYTE)), bang=False),
    option("-m dscp", option("--dscp", spelled(st.integers(0, 63))), bang=False),
    option("-m dscp", option("--dscp-class", st.sampled_from(["EF", "cs1", "AF43"])), bang=False),
    option("-m length", option("--length", PORTS), bang=False),
    option("-m limit --limit", RATE, bang=False),
    option("-m limit --limit-burst", st.integers(1, 9999).map(str), bang=False),
    option("-m mac", option("--mac-source", st.sampled_from(["0:1:2:A:b:CC", "00:11:22:33:44:55"])), bang=False),
    option("-m pkttype", option("--pkt-type", st.sampled_from(["bcast", "unicast", "MULTICAST"])), bang=False),
    option("-m quota", option("--quota", spelled(LONG)), bang=False),
    option("-m statistic --mode random", option("--probability", st.floats(0, 1).map("{:.9f}".format)), bang=False),
    option("-m statistic --mode nth --packet 0", option("--every", st.integers(1, 999).map(str)), bang=False),
    option("-m string --algo bm", option("--string", text(60)), bang=False),
    option("-m string --algo kmp --icase --to 500", option("--hex-string", st.just('"|0D 0a|ab"')), bang=False),
    option(
        "-m tos", option("--tos", st.sampled_from(["0x10", "16/0x1f", "Minimize-Cost", "normal-service"])), bang=False
    ),
    option("-m u32", option("--u32", st.just('"0 >> 22 & 0x3C @ 4 = 0:0x10, 7 && 6 & 0xFF = 6"')), bang=False),
    option("-m time --timestart", st.sampled_from(["8:00", "08:1:2"]), bang=False),
    option("-m time", option("--weekdays", listed("Mon", "Tue", "7", "Sa")), bang=False),
    option(
        "-m time --datestop 2030-02-03T04:05 --kerneltz", option("--monthdays", listed("1", "31", "07")), bang=False
    ),
    option("-m physdev --physdev-is-bridged", option("--physdev-in", NAME), bang=False),
    option("-m devgroup", option("--src-group", st.one_of(spelled(BYTE), st.just("3/0xf"))), bang=False),
    option("-m connlimit", option("--connlimit-above", spelled(BYTE)), bang=False),
    option("-m connlimit --connlimit-mask 24 --connlimit-daddr --connlimit-upto", spelled(WORD), bang=False),
    option("-m recent --name", NAME, st.sampled_from(["--set", "--rcheck --seconds 60", "--remove"]), bang=False),
    option("-m hashlimit --hashlimit-name", NAME, st.just("--hashlimit-upto"), RATE, bang=False),
    option(
        "-m hashlimit --hashlimit-name",
        NAME,
        st.just("--hashlimit-mode dstport,srcip --hashlimit-burst 7 --hashlimit-above"),
        st.sampled_from(["512kb/s", "3mb/s", "100b/s", "7/day", "60/minute"]).filter(lambda rate: "b/s" not in rate),
        bang=False,
    ),
    option("-m hashlimit --hashlimit-name", NAME, st.just("--hashlimit-above"), st.just("512kb/s"), bang=False),
    option("-m helper", option("--helper", st.just("ftp-2121")), bang=False),
    option("-m policy --dir in --pol ipsec", option("--reqid", spelled(BYTE)), bang=False),
    option("-m ecn", option("--ecn-ip-ect", st.sampled_from("0123")), bang=False),
    option(
        "-m cluster --cluster-total-nodes 8 --cluster-hash-seed 0xbeef",
        option("--cluster-local-node", st.just("3")),
        bang=False,
    ),
)
BY_FAMILY = {
    4: (
        option("-m ttl", option("--ttl-eq", spelled(BYTE)), bang=False),
        option("-m realm", option("--realm", MARK), bang=False),
        option("-m iprange", option("--src-range", st.just("10.0.0.1-10.0.0.9")), bang=False),
        option("-m conntrack", option("--ctorigsrc", NETWORK[4]), bang=False),
    ),
    6: (
        option("-m hl", option("--hl-eq", spelled(BYTE)), bang=False),
        option("-m frag --fragmore", option("--fragid", between(0xFFFFFFFF)), bang=False),
        option("-m rt", options(option("--rt-type", spelled(BYTE)), option("--rt-len", spelled(BYTE))), bang=False),
        option("-m hbh", option("--hbh-len", spelled(BYTE)), bang=False),
        option("-m ipv6header --soft", option("--header", listed("hop", "frag", "51", "none")), bang=False),
        option("-m conntrack", option("--ctrepldst", NETWORK[6]), bang=False),
    ),
}
TCP = options(
    option("--sport", PORTS),
    st.one_of(option("--dport", SERVICES), option("--destination-port", PORTS)),
    st.one_of(option("--syn"), option("--tcp-flags", FLAGS, FLAGS)),
)
PROTOCOLS = {
    family: st.one_of(
        TCP.map(lambda words: f"-p tcp {words}"),
        TCP.map(lambda words: f"-p 6 -m tcp {words}"),
        options(option("--dport", PORTS), option("--source-port", PORTS)).map(lambda words: f"-p udp {words}"),
        option("-p tcp -m multiport", option("--dports", st.just("ssh,80:90,443")), bang=False),
        option(
            "-p sctp -m sctp",
            options(option("--sport", PORTS), option("--chunk-types any", listed("INIT", "data"))),
            bang=False,
        ),
        option("-p dccp -m dccp", option("--dccp-types", listed("ack", "REQUEST", "Close")), bang=False),
        option("-p esp -m esp", option("--espspi", between(0xFFFFFFFF)), bang=False),
        option("-p", spelled(st.integers(0, 255)), bang=False),
        option(
            "-p icmp",
            option("--icmp-type", st.sampled_from(["ping", "3/4", "host-redirect", "time-e", "8"])),
            bang=False,
        )
        if family == 4
        else option(
            "-p icmpv6", option("--icmpv6-type", st.sampled_from(["ping", "no-route", "packet", "1/3"])), bang=False
        ),
    )
    for family in (4, 6)
}
TARGETS = st.one_of(
    st.sampled_from(["-j ACCEPT", "-j DROP", "-j RETURN", "-g chain", "-j chain", ""]),
    option("-j LOG --log-prefix", text(60), bang=False),
    option("-j LOG --log-uid --log-level", st.sampled_from(["debug", "4", "warning", "0"]), bang=False),
    option("-j NFLOG --nflog-group 3 --nflog-prefix", text(50), bang=False),
    option("-j NFLOG --nflog-size", spelled(WORD), bang=False),
    option("-j MARK", st.sampled_from(["--set-mark", "--set-xmark"]), MARK, bang=False),
    option("-j MARK", st.sampled_from(["--and-mark", "--or-mark", "--xor-mark"]), spelled(LONG), bang=False),
    option("-j CONNMARK", st.sampled_from(["--save-mark", "--restore-mark --mask 0xff", "--set-mark 5/7"]), bang=False),
    option("-j NFQUEUE", st.sampled_from(["", "--queue-num 7", "--queue-balance :5 --queue-bypass"]), bang=False),
    option("-j CLASSIFY --set-class", st.sampled_from(["1:a", "FFFF:10", "0:0"]), bang=False),
    option("-j AUDIT --type", st.sampled_from(["ACCEPT", "drop"]), bang=False),
    option("-j REJECT", bang=False),
)


def _interfaces() -> st.SearchStrategy[str]:
    names = st.one_of(NAME, NAME.map(lambda name: name + "+"), st.just("+"))
    return st.one_of(st.just(""), option("-i", names), option("-o", names))


def rules(family: int) -> st.SearchStrategy[str]:
    """What may stand behind `-A FORWARD` of the filter table, with a chain named `chain`."""
    network = NETWORK[family]
    addresses = st.one_of(
        st.just(""),
        option("-s", network),
        option("-d", network),
        option("-s", st.builds("{},{}".format, network, network), bang=False),
    )
    matches = st.lists(st.one_of(*COMMON, *BY_FAMILY[family]), max_size=2).map(" ".join)
    protocol = st.one_of(st.just(""), PROTOCOLS[family])
    return st.tuples(addresses, protocol, _interfaces(), matches, TARGETS).map(
        lambda words: " ".join(filter(None, words))
    )
