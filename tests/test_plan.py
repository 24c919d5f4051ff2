from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruleset_lint.gather import gather_root, gather_text
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.rewrite.plan import Plan, SizeError, Wishes, plan

RELEASES = {
    "el5": "CentOS release 5.11 (Final)",
    "el6": "CentOS release 6.10 (Final)",
    "el7": "CentOS Linux release 7.4.1708 (Core)",
    "el7.7": "CentOS Linux release 7.9.2009 (Core)",
    "el8": "Rocky Linux release 8.10 (Green Obsidian)",
    "el9": "AlmaLinux release 9.4 (Seafoam Ocelot)",
}
RULES = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT
COMMIT
"""
STATELESS = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
V4, V6 = "etc/sysconfig/iptables", "etc/sysconfig/ip6tables"
CONFIG = "etc/sysconfig/iptables-config"
HTTP = (parse_endpoint("tcp/80"),)
GIB = 1 << 30

Planner = Callable[..., Plan]


@pytest.fixture
def planned(tmp_path: Path) -> Planner:
    """The plan of a machine of a release, of which these files are known."""

    def make(
        release: str, files: Mapping[str, str], services: tuple[Endpoint, ...] = HTTP, **wishes: int | bool | str
    ) -> Plan:
        _write(tmp_path, {"etc/redhat-release": RELEASES[release] + "\n", **files})
        return plan(gather_root(tmp_path).host, Wishes(services, **wishes))

    return make


def _after(made: Plan) -> dict[str, str]:
    return {file.path: file.after for file in made.files}


# ---- rulesets


def test_both_families_are_rewritten(planned: Planner):
    assert {V4, V6} <= set(_after(planned("el7", {V4: RULES, V6: RULES})))


def test_service_of_one_family_is_a_warning_for_the_other(planned: Planner):
    made = planned("el7", {V4: RULES, V6: RULES.replace("--dport 80", "--dport 8080")})
    assert (made.refusals, list(_after(made))) == ((), [V4])
    assert [warning.service for warning in made.warnings] == ["tcp/80"]


def test_service_of_no_family_is_refused(planned: Planner):
    made = planned("el7", {V4: RULES, V6: RULES}, (parse_endpoint("tcp/81"),))
    assert [refusal.code for refusal in made.refusals] == ["R0"]
    assert made.files == ()


def test_ipv6_of_el5_is_left_alone(planned: Planner):
    made = planned("el5", {V4: RULES, V6: RULES})
    assert V6 not in _after(made)
    assert "ip6tables rules stay as they are: EL5 does not track IPv6" in made.notes


def test_family_without_tracking_is_left_alone(planned: Planner):
    made = planned("el7", {V4: RULES, V6: STATELESS})
    assert list(_after(made)) == [V4]
    assert any("ip6tables rules stay" in note for note in made.notes)


@pytest.mark.parametrize(
    ("rules", "services", "reason"),
    [
        (STATELESS, HTTP, "no rule turns connection tracking on"),
        (RULES.replace("--dport 80", "--dport http-or-so"), HTTP, "it does not load"),
        (RULES.replace("COMMIT\n", ""), HTTP, "it does not load"),
        ("-A INPUT -p tcp --dport 80 -m state --state NEW -j ACCEPT\n", HTTP, "a part of a ruleset"),
        (RULES, (parse_endpoint("tcp/22"),), "administration service"),
    ],
    ids=["no tracking", "unknown port", "no COMMIT", "fragment", "ssh"],
)
def test_refused_with_the_reason_and_no_files(
    rules: str, services: tuple[Endpoint, ...], reason: str, planned: Planner
):
    made = planned("el7", {V4: rules}, services, goal="notrack", ram=4 * GIB)
    assert reason in "\n".join(map(str, made.refusals))
    assert made.files == ()


def test_one_refused_service_refuses_all(planned: Planner):
    assert planned("el7", {V4: RULES}, (*HTTP, parse_endpoint("tcp/22"))).files == ()


def test_administration_service_when_asked_for(planned: Planner):
    made = planned("el7", {V4: RULES}, (parse_endpoint("tcp/22"),), even_administration=True)
    assert made.refusals == ()
    assert "--dport 22" in _after(made)[V4].partition("*raw")[2]


def test_bytes_outside_of_edits_stay(planned: Planner):
    odd = RULES.replace("-A INPUT -i lo", "# caf\u00e9\n\n-A  INPUT   -i lo")
    lines = _after(planned("el7", {V4: odd}))[V4].split("\n")
    assert [line for line in lines if line in odd.split("\n")][: len(odd.split("\n")) - 1] == odd.split("\n")[:-1]


# ---- sysctl

SYSCTL = "etc/sysctl.d/50-mine.conf"
MAX = "net.netfilter.nf_conntrack_max"
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
def test_sysctl_of_el7(before: str, after: str | None, planned: Planner):
    assert _after(planned("el7", {V4: RULES, SYSCTL: before}, ram=4 * GIB)).get(SYSCTL) == after


def test_new_settings_go_to_a_file_of_their_own(planned: Planner):
    written = _after(planned("el8", {V4: RULES}, ram=4 * GIB))["etc/sysctl.d/90-conntrack.conf"]
    assert written == f"# written by ruleset-lint\n{MAX} = 262144\n{ESTABLISHED} = 7440\n"


def test_slashes_stay_where_the_modules_do(planned: Planner):
    written = f"net/netfilter/nf_conntrack_max = 300000\n{ESTABLISHED} = 9000\n"
    assert SYSCTL not in _after(planned("el8", {V4: RULES, SYSCTL: written}))


def test_el5_has_one_file_and_other_names(planned: Planner):
    written = _after(planned("el5", {V4: RULES, "etc/sysctl.conf": "kernel.sysrq = 0"}, connections=100000))
    assert written["etc/sysctl.conf"].startswith("kernel.sysrq = 0\nnet.ipv4.netfilter.ip_conntrack_max = ")


def test_buckets_where_they_can_be_written_agree_with_hashsize(planned: Planner):
    made = planned("el8", {V4: RULES, SYSCTL: "net.netfilter.nf_conntrack_buckets = 1024\n"}, connections=100000)
    buckets = made.table.size.buckets if made.table.size else 0
    assert _after(made)[SYSCTL] == f"net.netfilter.nf_conntrack_buckets = {buckets}\n"


def test_nothing_known_leaves_sizes_alone(planned: Planner):
    made = planned("el8", {V4: RULES})
    assert list(_after(made)) == [V4]
    assert made.table.arithmetic == ("neither RAM nor connections nor a size are given: sizes stay as they are",)


def test_maximum_alone_gets_buckets_that_fit(planned: Planner):
    made = planned("el8", {V4: RULES, SYSCTL: f"{MAX} = 500000\n"})
    assert _after(made)["etc/modprobe.d/nf_conntrack.conf"].endswith("options nf_conntrack hashsize=250368\n")
    assert SYSCTL not in _after(made)


def test_connections_raise_the_maximum(planned: Planner):
    made = planned("el8", {V4: RULES, SYSCTL: f"{MAX} = 1000\n"}, connections=1_000_000)
    assert made.table.size
    assert made.table.size.maximum >= 1_250_000
    assert "1000 is too small" in made.table.arithmetic[0]


def test_short_time_out_is_kept_and_told(planned: Planner):
    made = planned("el8", {V4: RULES, SYSCTL: f"{ESTABLISHED} = 600\n{MAX} = 500000\n"})
    assert SYSCTL not in _after(made)
    assert any("RFC 5382" in warning.text for warning in made.warnings)


def test_other_short_time_outs_are_kept_and_told(planned: Planner):
    made = planned("el8", {V4: RULES, SYSCTL: "net.netfilter.nf_conntrack_udp_timeout_stream = 20\n"})
    assert [warning.text for warning in made.warnings] == [
        "UDP flows are forgotten after 20 seconds, RFC 4787 wants 120"
    ]


@pytest.mark.parametrize(
    "wishes",
    [{"ram": 0}, {"connections": 0}, {"connections": 1 << 40}, {"established": 0}, {"established": 1 << 40}],
    ids=str,
)
def test_no_size_is_an_error(wishes: dict[str, int], planned: Planner):
    with pytest.raises(SizeError):
        planned("el8", {V4: RULES}, **wishes)


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
def test_modprobe_of_el7(before: str, after: str | None, planned: Planner):
    files = {V4: RULES, MODPROBE: before, SYSCTL: f"{MAX} = 262144\n"}
    assert _after(planned("el7", files)).get(MODPROBE) == after


@pytest.mark.parametrize(
    ("release", "path", "line"),
    [
        ("el5", "etc/modprobe.conf", "options ip_conntrack hashsize="),
        ("el6", "etc/modprobe.d/nf_conntrack.conf", "options nf_conntrack hashsize="),
        ("el9", "etc/modprobe.d/nf_conntrack.conf", "options nf_conntrack hashsize="),
    ],
)
def test_new_line_for_modprobe(release: str, path: str, line: str, planned: Planner):
    assert line in _after(planned(release, {V4: RULES}, connections=100000))[path]


# ---- modules-load

LOAD = "etc/modules-load.d/nf_conntrack.conf"


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
def test_module_whose_keys_are_set_is_loaded_at_boot(release: str, settings: str, module: str | None, planned: Planner):
    written = _after(planned(release, {V4: RULES, "etc/sysctl.conf": f"{settings} = 9000\n"})).get(LOAD)
    assert written == (module if module is None else f"# written by ruleset-lint\n{module}\n")


@pytest.mark.parametrize("module", ["nf_conntrack_ipv4", "nf_conntrack_ipv6"])
def test_module_that_is_loaded_is_not_named_again(module: str, planned: Planner):
    files = {V4: RULES, SYSCTL: f"{ESTABLISHED} = 9000\n", "etc/modules-load.d/mine.conf": f"{module}\n"}
    assert LOAD not in _after(planned("el7", files))


# ---- the service's configuration

LIST = "IPTABLES_SYSCTL_LOAD_LIST"


@pytest.mark.parametrize(
    ("release", "before", "after"),
    [
        ("el7.7", f"{LIST}=\u201d.nf_conntrack .bridge-nf\u201d\n", f'{LIST}=".nf_conntrack .bridge-nf"\n'),
        ("el7", f"{LIST}=\u201d.bridge-nf\u201d\n", f'{LIST}=".bridge-nf .nf_conntrack"\n'),
        ("el7", f'{LIST}=".bridge-nf" # a\n', f'{LIST}=".bridge-nf .nf_conntrack" # a\n'),
        ("el7", f'{LIST}="nf_conntrack_"\n', None),
        ("el7", f"{LIST}=$OTHER\n", f'{LIST}=".nf_conntrack"\n'),
        ("el7", "A=1", f'A=1\n{LIST}=".nf_conntrack"\n'),
        ("el7.7", "A=1", None),
        ("el5", "A=1\n", f'A=1\n{LIST}=".ip_conntrack"\n'),
        ("el8", 'IPTABLES_MODULES="ip_nat_ftp ip_conntrack_ftp"\n', 'IPTABLES_MODULES="nf_nat_ftp ip_conntrack_ftp"\n'),
        ("el5", 'IPTABLES_MODULES="ip_nat_ftp"\n', f'IPTABLES_MODULES="ip_nat_ftp"\n{LIST}=".ip_conntrack"\n'),
    ],
    ids=[
        "quotes",
        "quotes and a text that is missing",
        "a text that is missing",
        "another text that matches",
        "a variable",
        "not set",
        "modules stay loaded",
        "the text for EL5",
        "a module that is gone",
        "a module that is there",
    ],
)
def test_service_configuration(release: str, before: str, after: str | None, planned: Planner):
    settings = {V4: RULES, "etc/sysctl.conf": f"{MAX} = 300000\nnet.ipv4.netfilter.ip_conntrack_max = 300000\n"}
    assert _after(planned(release, {**settings, CONFIG: before})).get(CONFIG) == after


def test_each_family_has_its_own_variable(planned: Planner):
    written = _after(planned("el7", {V4: RULES, V6: RULES, SYSCTL: f"{MAX} = 300000\n"}))
    assert written["etc/sysconfig/ip6tables-config"].endswith('IP6TABLES_SYSCTL_LOAD_LIST=".nf_conntrack"\n')


# ---- what is said


def test_each_file_says_why(planned: Planner):
    made = planned("el7", {V4: RULES, CONFIG: "A=1\n", MODPROBE: "options ip_conntrack hashsize = 9\n"}, ram=4 * GIB)
    assert len(made.files) > 3
    assert all(file.reasons for file in made.files)


def test_other_rulesets_are_left_alone_and_told(planned: Planner):
    made = planned("el7", {V4: RULES, "etc/iptables.rules": RULES})
    assert list(_after(made)) == [V4]
    assert "etc/iptables.rules is left alone: another file is loaded at boot" in made.notes


@pytest.mark.parametrize("name", ["SAVE_ON_STOP", "SAVE_ON_RESTART"])
def test_service_that_writes_over_the_rules_is_told(name: str, planned: Planner):
    made = planned("el7", {V4: RULES, CONFIG: f"IPTABLES_{name}=yes\n"})
    assert any(note.startswith(f"IPTABLES_{name} is yes") for note in made.notes)


@pytest.mark.parametrize(
    ("release", "path", "missing"),
    [("el5", V4, "u32"), ("el6", V6, "addrtype")],
)
def test_match_that_a_release_lacks_is_told(release: str, path: str, missing: str, planned: Planner):
    made = planned(release, {V4: RULES, V6: RULES})
    assert [warning.path for warning in made.warnings if f"without the {missing} match" in warning.text] == [path]


def test_release_that_is_not_known_is_told():
    made = plan(gather_text(RULES, "rules.v4"), Wishes(HTTP))
    assert list(_after(made)) == ["etc/iptables/rules.v4"]
    assert any("name the right one with --profile" in note for note in made.notes)


def test_place_of_the_rules_tells_the_family_of_releases(tmp_path: Path):
    (tmp_path / "etc/sysconfig").mkdir(parents=True)
    (tmp_path / V4).write_text(RULES)
    made = plan(gather_root(tmp_path).host, Wishes(HTTP, connections=100000))
    assert made.profile.name == "el9"
    assert "etc/sysctl.d/90-conntrack.conf" in _after(made)


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
        _write(Path(folder), given_files)
        _write(Path(folder), _after(plan(gather_root(Path(folder)).host, Wishes(HTTP, ram=ram))))
        again = plan(gather_root(Path(folder)).host, Wishes(HTTP, ram=ram))
    assert (again.refusals, _after(again)) == ((), {})


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
