"""The conntrack table as the kernel and conntrack-tools print it; forms against the grammar alone."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset_lint.syntax.conntrack import Entry, Node, parse, parse_plainly
from ruleset_lint.syntax.document import Blank, Comment, Unparsed
from ruleset_lint.syntax.grammars import LONGEST_LINE

CORPUS = Path(os.environ.get("RULESET_LINT_CORPUS", Path(__file__).parent.parent.parent / "shared" / "corpus"))
REAL = sorted((CORPUS / "files" / "proc").rglob("*conntrack_-L*"))

TCP = "src=10.0.0.1 dst=192.0.2.10 sport=40000 dport=80"
BACK = "src=192.0.2.10 dst=10.0.0.1 sport=80 dport=40000"
LINES = {
    "proc": f"ipv4     2 tcp      6 431999 ESTABLISHED {TCP} {BACK} [ASSURED] mark=0 zone=0 use=2",
    "proc-counters": f"ipv4     2 tcp      6 9 CLOSE {TCP} packets=3 bytes=164 {BACK} packets=1 bytes=60 mark=0 use=2",
    "proc-ip_conntrack": f"tcp      6 119 SYN_SENT {TCP} [UNREPLIED] {BACK} mark=0 secmark=0 use=1",
    "list": f"tcp      6 119 SYN_SENT {TCP} [UNREPLIED] {BACK} mark=0 use=1",
    "list-id": f"udp      17 28 {TCP} {BACK} mark=0 use=1 id=2993018128",
    "extended": f"ipv4     2 udp      17 28 {TCP} {BACK} [ASSURED] mark=0 use=1",
    "v6": "ipv6     10 udp      17 28 src=fe80::1 dst=2001:db8::2 sport=1 dport=53 "
    "src=2001:db8::2 dst=fe80::1 sport=53 dport=1 use=1",
    "icmp": "icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 "
    "src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=7 mark=0 use=1",
    "gre": "gre      47 179 timeout=30, stream_timeout=180 src=1.2.3.4 dst=4.3.2.1 srckey=0x0 dstkey=0x1f "
    "src=4.3.2.1 dst=1.2.3.4 srckey=0x1f dstkey=0x0 [ASSURED] mark=0 use=1",
    "unknown": "unknown  112 598 src=10.0.0.1 dst=224.0.0.18 [UNREPLIED] src=224.0.0.18 dst=10.0.0.1 mark=0 use=1",
    "offloaded": f"tcp      6 ESTABLISHED {TCP} {BACK} [OFFLOAD] mark=0 use=3",
    "context": f"tcp      6 5 CLOSE {TCP} {BACK} mark=0 secctx=system_u:object_r:unlabeled_t:s0 use=1",
    "times": f"tcp      6 5 CLOSE {TCP} {BACK} [ASSURED] mark=0 delta-time=7 [start=Thu Oct 27 14:04:50 2011] use=1",
}


def only(text: str) -> Node:
    (line,) = parse("nf_conntrack", text).lines
    return line.node


def entry(name: str) -> Entry:
    node = only(LINES[name])
    assert isinstance(node, Entry)
    return node


@pytest.mark.parametrize("name", LINES)
def test_every_format_is_an_entry(name: str) -> None:
    assert isinstance(only(LINES[name] + "\n"), Entry)


def test_head_of_an_entry() -> None:
    form = entry("proc").form
    assert (form.family, form.protocol, form.state, form.flags) == ("ipv4", "tcp", "ESTABLISHED", ("[ASSURED]",))
    assert form.timeout is not None
    assert (entry("proc").value(form.number), entry("proc").value(form.timeout)) == ("6", "431999")


def test_directions_of_an_entry() -> None:
    node = entry("proc-counters")
    assert (
        " ".join(f"{key}={value}" for key, value in node.values(node.form.original).items())
        == f"{TCP} packets=3 bytes=164"
    )
    assert (
        " ".join(f"{key}={value}" for key, value in node.values(node.form.reply).items())
        == f"{BACK} packets=1 bytes=60"
    )
    assert node.values(node.form.attributes) == {"mark": "0", "use": "2"}


def test_offloaded_entries_have_no_timeout() -> None:
    assert entry("offloaded").form.timeout is None


def test_id_of_icmp_and_id_of_an_entry() -> None:
    icmp, listed = entry("icmp"), entry("list-id")
    assert icmp.values(icmp.form.reply)["id"] == "7"
    assert listed.values(listed.form.attributes)["id"] == "2993018128"


def test_details_of_gre() -> None:
    node = entry("gre")
    assert node.values(node.form.details) == {"timeout": "30,", "stream_timeout": "180"}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.", Comment),
        ("\r", Blank),
        ("bogus", Unparsed),
        ("tcp      6 5 CLOSE src= dst=1.2.3.4", Unparsed),
        (f"tcp      6 5 CLOSE {TCP}", Unparsed),
        ("tcp " * LONGEST_LINE, Unparsed),
    ],
    ids=["summary", "blank", "bogus", "cut", "one-direction", "endless"],
)
def test_other_lines(line: str, kind: type) -> None:
    assert isinstance(only(line), kind)


def test_forms_are_shared() -> None:
    text = "".join(LINES["proc"].replace("40000", str(port)) + "\n" for port in range(1000, 1100))
    nodes = [line.node for line in parse("x", text).lines]
    assert len({id(node.form) for node in nodes if isinstance(node, Entry)}) == 1


@settings(deadline=None)
@given(st.lists(st.sampled_from([*LINES.values(), "bogus"]), min_size=1), st.randoms(use_true_random=False))
def test_forms_agree_with_the_grammar_alone(lines: list[str], chance: random.Random) -> None:
    text = "\n".join(_varied(line, chance) for line in lines * 3)
    document = parse("x", text)
    assert [line.node for line in document.lines] == [parse_plainly(document.content(line)) for line in document.lines]


def _varied(line: str, chance: random.Random) -> str:
    """The line with a digit changed, or a character lost, doubled or put in."""
    place = chance.randrange(len(line))
    change = chance.choice(["digit", "lose", "double", "put"])
    if change == "digit":
        return line.translate(str.maketrans("0123456789", "".join(chance.choices("0123456789", k=10))))
    return (
        line[:place]
        + {"lose": "", "double": line[place] * 2, "put": chance.choice("=[] ax1.:\r")}[change]
        + line[place + 1 :]
    )


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("tcp6 =.1[]\r\n\x00\u2028\udc80")) | st.text())
def test_lines_tile_any_text(text: str) -> None:
    document = parse("x", text)
    assert "".join(document.source(line.span) for line in document.lines) == text


@pytest.mark.skipif(not REAL, reason="no corpus of real files")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.parent.name)
def test_real_files_are_understood(path: Path) -> None:
    nodes = [line.node for line in parse(path.name, path.read_text()).lines]
    assert any(isinstance(node, Entry) for node in nodes)
    assert not any(isinstance(node, Unparsed) for node in nodes)
