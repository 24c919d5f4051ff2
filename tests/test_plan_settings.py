"""What a rewrite makes of a machine's settings: sysctl, modprobe, modules-load."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import GIB, HTTP, LOAD, MAX, RELEASES, RULES, V4, Planner, files_after, write

from ruleset_lint.gather import gather_root
from ruleset_lint.rewrite.plan import SizeError, Wishes, plan

CONFIG = "etc/sysconfig/iptables-config"


# ---- sysctl

SYSCTL = "etc/sysctl.d/50-mine.conf"
ESTABLISHED = "net.netfilter.nf_conntrack_tcp_timeout_established"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{MAX} = 524288\n{ESTABLISHED} = 9000\n", None),
        (f"{MAX}=9\n{ESTABLISHED} = 9000\n", f"{MAX}=262144\n{ESTABLISHED} = 9000\n"),
        (f"{MAX} = 524288\n{ESTABLISHED} = 432000 # days\n", f"{MAX} = 524288\n{ESTABLISHED} = 7440\n"),
        (f"# a\nnet.nf_conntrack_max = 524288\n{ESTABLISHED} = 9000\n", None),
        (
            f"net.ipv4.netfilter.ip_conntrack_max = 524288\n{ESTABLISHED} = 9000\n",
            f"{MAX} = 524288\n{ESTABLISHED} = 9000\n",
        ),
        (
            f"net.ipv4.ip_conntrack_max = 9\n{MAX} = 524288\n{ESTABLISHED} = 9000\n",
            f"{MAX} = 524288\n{ESTABLISHED} = 9000\n",
        ),
        (
            f"net/netfilter/nf_conntrack_max = 9\n{ESTABLISHED} = 9000\n",
            f"{MAX} = 262144\n{ESTABLISHED} = 9000\n",
        ),
        (
            f"{MAX} = 524288\nnet.netfilter.nf_conntrack_buckets = 9\n{ESTABLISHED} = 9000\n",
            f"{MAX} = 524288\n{ESTABLISHED} = 9000\n",
        ),
    ],
    ids=[
        "kept",
        "too small",
        "the kernel's default",
        "the other name of the kernel",
        "a name of EL5",
        "a name of EL5 beside",
        "slashes, which the load list does not match",
        "buckets cannot be written",
    ],
)
def test_sysctl_of_el7(before: str, after: str | None, for_http: Planner):
    assert files_after(for_http("el7", {V4: RULES, SYSCTL: before}, ram=4 * GIB)).get(SYSCTL) == after


def test_new_settings_go_to_a_file_of_their_own(for_http: Planner):
    written = files_after(for_http("el8", {V4: RULES}, ram=4 * GIB))["etc/sysctl.d/90-conntrack.conf"]
    assert written == f"# written by ruleset-lint\n{MAX} = 262144\n{ESTABLISHED} = 7440\n"


def test_slashes_stay_where_the_modules_do(for_http: Planner):
    written = f"net/netfilter/nf_conntrack_max = 300000\n{ESTABLISHED} = 9000\n"
    assert SYSCTL not in files_after(for_http("el8", {V4: RULES, SYSCTL: written}))


def test_el5_has_one_file_and_other_names(for_http: Planner):
    written = files_after(for_http("el5", {V4: RULES, "etc/sysctl.conf": "kernel.sysrq = 0"}, connections=100000))
    assert written["etc/sysctl.conf"].startswith("kernel.sysrq = 0\nnet.ipv4.netfilter.ip_conntrack_max = ")


def test_buckets_where_they_can_be_written_agree_with_hashsize(for_http: Planner):
    made = for_http("el8", {V4: RULES, SYSCTL: "net.netfilter.nf_conntrack_buckets = 1024\n"}, connections=100000)
    buckets = made.table.size.buckets if made.table.size else 0
    assert files_after(made)[SYSCTL] == f"net.netfilter.nf_conntrack_buckets = {buckets}\n"


def test_nothing_known_leaves_sizes_alone(for_http: Planner):
    made = for_http("el8", {V4: RULES})
    assert list(files_after(made)) == [V4]
    assert made.table.arithmetic == ("neither RAM nor connections nor a size are given: sizes stay as they are",)


def test_maximum_alone_gets_buckets_that_fit(for_http: Planner):
    made = for_http("el8", {V4: RULES, SYSCTL: f"{MAX} = 500000\n"})
    assert files_after(made)["etc/modprobe.d/nf_conntrack.conf"].endswith("options nf_conntrack hashsize=250368\n")
    assert SYSCTL not in files_after(made)


def test_connections_raise_the_maximum(for_http: Planner):
    made = for_http("el8", {V4: RULES, SYSCTL: f"{MAX} = 1000\n"}, connections=1_000_000)
    assert made.table.size
    assert made.table.size.maximum >= 1_250_000
    assert "1000 is too small" in made.table.arithmetic[0]


def test_short_time_out_is_kept_and_told(for_http: Planner):
    made = for_http("el8", {V4: RULES, SYSCTL: f"{ESTABLISHED} = 600\n{MAX} = 500000\n"})
    assert SYSCTL not in files_after(made)
    assert any("RFC 5382" in warning.text for warning in made.warnings)


def test_other_short_time_outs_are_kept_and_told(for_http: Planner):
    made = for_http("el8", {V4: RULES, SYSCTL: "net.netfilter.nf_conntrack_udp_timeout_stream = 20\n"})
    assert [warning.text for warning in made.warnings] == [
        "UDP flows are forgotten after 20 seconds, RFC 4787 wants 120"
    ]


@pytest.mark.parametrize(
    "wishes",
    [{"ram": 0}, {"connections": 0}, {"connections": 1 << 40}, {"established": 0}, {"established": 1 << 40}],
    ids=str,
)
def test_no_size_is_an_error(wishes: dict[str, int], for_http: Planner):
    with pytest.raises(SizeError):
        for_http("el8", {V4: RULES}, **wishes)


# ---- modprobe

MODPROBE = "etc/modprobe.d/mine.conf"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("options nf_conntrack hashsize=131072\n", None),
        ("options nf_conntrack hashsize=1024 # a\n", "options nf_conntrack hashsize=131072 # a\n"),
        ("options nf_conntrack hashsize = 131072\n", "options nf_conntrack hashsize=131072\n"),
        ("options nf_conntrack acct=1 hashsize= 1024\n", "options nf_conntrack acct=1 hashsize=131072\n"),
        ("options nf-conntrack  hashsize =131072\n", "options nf-conntrack hashsize=131072\n"),
        ("options ip_conntrack hashsize=131072\n", "options nf_conntrack hashsize=131072\n"),
        ("options nf_conntrack_ipv4 hashsize=131072\n", None),
        ("options nf_conntrack hashsize=131072 nf_conntrack_max=9\n", "options nf_conntrack hashsize=131072\n"),
        ("# a\noptions ip_conntrack ip_conntrack_max=9\n", "# a\n"),
    ],
    ids=[
        "kept",
        "too small",
        "blanks",
        "a blank behind =",
        "a blank before =",
        "an alias",
        "the other module",
        "a sysctl",
        "a sysctl alone",
    ],
)
def test_modprobe_of_el7(before: str, after: str | None, for_http: Planner):
    files = {V4: RULES, MODPROBE: before, SYSCTL: f"{MAX} = 262144\n"}
    assert files_after(for_http("el7", files)).get(MODPROBE) == after


@pytest.mark.parametrize(
    ("release", "path", "line"),
    [
        ("el5", "etc/modprobe.conf", "options ip_conntrack hashsize="),
        ("el6", "etc/modprobe.d/nf_conntrack.conf", "options nf_conntrack hashsize="),
        ("el9", "etc/modprobe.d/nf_conntrack.conf", "options nf_conntrack hashsize="),
    ],
)
def test_new_line_for_modprobe(release: str, path: str, line: str, for_http: Planner):
    assert line in files_after(for_http(release, {V4: RULES}, connections=100000))[path]


# ---- modules-load


@pytest.mark.parametrize(
    ("release", "settings", "module"),
    [
        ("el5", ESTABLISHED, None),
        ("el6", ESTABLISHED, None),
        ("el7", f"{ESTABLISHED} = 9000\n{MAX}", "nf_conntrack_ipv4"),
        ("el7", "net.netfilter.nf_conntrack_log_invalid", "nf_conntrack"),
        ("el8", ESTABLISHED, "nf_conntrack"),
    ],
)
def test_module_whose_keys_are_set_is_loaded_at_boot(
    release: str, settings: str, module: str | None, for_http: Planner
):
    written = files_after(for_http(release, {V4: RULES, "etc/sysctl.conf": f"{settings} = 9000\n"})).get(LOAD)
    assert written == (module if module is None else f"# written by ruleset-lint\n{module}\n")


@pytest.mark.parametrize("module", ["nf_conntrack_ipv4", "nf_conntrack_ipv6"])
def test_module_that_is_loaded_is_not_named_again(module: str, for_http: Planner):
    files = {V4: RULES, SYSCTL: f"{ESTABLISHED} = 9000\n", "etc/modules-load.d/mine.conf": f"{module}\n"}
    assert LOAD not in files_after(for_http("el7", files))


# ---- whatever the settings say

_KEYS = ("net.netfilter.nf_conntrack_max", "net.nf_conntrack_max", "net/netfilter/nf_conntrack_buckets", ESTABLISHED)
_OLD_KEYS = ("net.ipv4.ip_conntrack_max", "net.ipv4.netfilter.ip_conntrack_tcp_timeout_established")
_VALUES = st.sampled_from(("0", "9", "0x100", "600", "432000", "4194304", "99999999999", "much", "-1", ""))
_LINES = {
    "etc/sysctl.conf": st.builds(
        "{}{}{}".format, st.sampled_from((*_KEYS, *_OLD_KEYS)), st.sampled_from("= "), _VALUES
    ),
    MODPROBE: st.builds(
        "options {} {}{}{}".format,
        st.sampled_from(("nf_conntrack", "ip_conntrack", "nf-conntrack", "nf_conntrack_ipv4")),
        st.sampled_from(("hashsize", "acct=1 hashsize", "nf_conntrack_max", "hashsize=9 ip_conntrack_max")),
        st.sampled_from(("=", " = ", "= ", " =")),
        _VALUES,
    ),
    CONFIG: st.builds(
        "IPTABLES_{}{}{}".format,
        st.sampled_from(("MODULES", "SYSCTL_LOAD_LIST", "SAVE_ON_STOP")),
        st.sampled_from(("=", "+=", " = ")),
        st.sampled_from(('".nf_conntrack"', "\u201dip_nat_ftp nf_nat\u201d", "ip_nat_ftp", "$A", "'a b'", '"', "a b")),
    ),
    "etc/modules-load.d/mine.conf": st.sampled_from(("nf_conntrack", "nf_conntrack_ipv4", "# none")),
}


@st.composite
def _machines(draw: st.DrawFn) -> dict[str, str]:
    """Files of settings of a machine, right and wrong."""
    chosen = draw(st.sets(st.sampled_from(sorted(_LINES))))
    return {
        name: "\n".join(draw(st.lists(_LINES[name], max_size=4))) + draw(st.sampled_from(("", "\n"))) for name in chosen
    }


@settings(max_examples=50, deadline=None)
@given(release=st.sampled_from(sorted(RELEASES)), files=_machines(), ram=st.sampled_from((None, 1 << 28, 16 * GIB)))
def test_second_rewrite_changes_nothing(release: str, files: dict[str, str], ram: int | None):
    with TemporaryDirectory() as folder:
        given_files = {"etc/redhat-release": RELEASES[release] + "\n", V4: RULES, **files}
        write(Path(folder), given_files)
        write(Path(folder), files_after(plan(gather_root(Path(folder)).host, Wishes(HTTP, ram=ram))))
        again = plan(gather_root(Path(folder)).host, Wishes(HTTP, ram=ram))
    assert (again.refusals, files_after(again)) == ((), {})
