from __future__ import annotations

from pathlib import Path

import pytest
from machines import GIB, HTTP, MAX, PLAIN, V4, V6, Planner, files_after

from ruleset_lint.gather import gather_root, gather_text
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.rewrite.plan import Wishes, plan

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
CONFIG = "etc/sysconfig/iptables-config"
SYSCTL = "etc/sysctl.d/50-mine.conf"
MODPROBE = "etc/modprobe.d/mine.conf"


# ---- rulesets


def test_both_families_are_rewritten(for_http: Planner):
    assert {V4, V6} <= set(files_after(for_http("el7", {V4: RULES, V6: RULES})))


def test_service_of_one_family_is_a_warning_for_the_other(for_http: Planner):
    made = for_http("el7", {V4: RULES, V6: RULES.replace("--dport 80", "--dport 8080")})
    assert (made.refusals, list(files_after(made))) == ((), [V4])
    assert [warning.service for warning in made.warnings] == ["tcp/80"]


def test_service_of_no_family_is_refused(for_http: Planner):
    made = for_http("el7", {V4: RULES, V6: RULES}, (parse_endpoint("tcp/81"),))
    assert [refusal.code for refusal in made.refusals] == ["R0"]
    assert made.files == ()


def test_ipv6_of_el5_is_left_alone(for_http: Planner):
    made = for_http("el5", {V4: RULES, V6: RULES})
    assert V6 not in files_after(made)
    assert "ip6tables rules stay as they are: EL5 does not track IPv6" in made.notes


def test_family_without_tracking_is_left_alone(for_http: Planner):
    made = for_http("el7", {V4: RULES, V6: PLAIN})
    assert list(files_after(made)) == [V4]
    assert any("ip6tables rules stay" in note for note in made.notes)


@pytest.mark.parametrize(
    ("rules", "services", "reason"),
    [
        (PLAIN, HTTP, "no rule turns connection tracking on"),
        (RULES.replace("--dport 80", "--dport http-or-so"), HTTP, "it does not load"),
        (RULES.replace("COMMIT\n", ""), HTTP, "it does not load"),
        ("-A INPUT -p tcp --dport 80 -m state --state NEW -j ACCEPT\n", HTTP, "the line stands in no table"),
        ("*filter\n:WEB - [0:0]\n-A WEB -m state --state NEW -j ACCEPT\nCOMMIT\n", HTTP, "a part of a ruleset"),
        (RULES, (parse_endpoint("tcp/22"),), "administration service"),
    ],
    ids=["no tracking", "unknown port", "no COMMIT", "no table", "fragment", "ssh"],
)
def test_refused_with_the_reason_and_no_files(
    rules: str, services: tuple[Endpoint, ...], reason: str, for_http: Planner
):
    made = for_http("el7", {V4: rules}, services, goal="notrack", ram=4 * GIB)
    assert reason in "\n".join(map(str, made.refusals))
    assert made.files == ()


def test_one_refused_service_refuses_all(for_http: Planner):
    assert for_http("el7", {V4: RULES}, (*HTTP, parse_endpoint("tcp/22"))).files == ()


def test_administration_service_when_asked_for(for_http: Planner):
    made = for_http("el7", {V4: RULES}, (parse_endpoint("tcp/22"),), even_administration=True)
    assert made.refusals == ()
    assert "--dport 22" in files_after(made)[V4].partition("*raw")[2]


def test_bytes_outside_of_edits_stay(for_http: Planner):
    odd = RULES.replace("-A INPUT -i lo", "# caf\u00e9\n\n-A  INPUT   -i lo")
    lines = files_after(for_http("el7", {V4: odd}))[V4].split("\n")
    assert [line for line in lines if line in odd.split("\n")][: len(odd.split("\n")) - 1] == odd.split("\n")[:-1]


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
def test_service_configuration(release: str, before: str, after: str | None, for_http: Planner):
    settings = {V4: RULES, "etc/sysctl.conf": f"{MAX} = 300000\nnet.ipv4.netfilter.ip_conntrack_max = 300000\n"}
    assert files_after(for_http(release, {**settings, CONFIG: before})).get(CONFIG) == after


def test_each_family_has_its_own_variable(for_http: Planner):
    written = files_after(for_http("el7", {V4: RULES, V6: RULES, SYSCTL: f"{MAX} = 300000\n"}))
    assert written["etc/sysconfig/ip6tables-config"].endswith('IP6TABLES_SYSCTL_LOAD_LIST=".nf_conntrack"\n')


# ---- what is said


def test_each_file_says_why(for_http: Planner):
    made = for_http("el7", {V4: RULES, CONFIG: "A=1\n", MODPROBE: "options ip_conntrack hashsize = 9\n"}, ram=4 * GIB)
    assert len(made.files) > 3
    assert all(file.reasons for file in made.files)


def test_other_rulesets_are_left_alone_and_told(for_http: Planner):
    made = for_http("el7", {V4: RULES, "etc/iptables.rules": RULES})
    assert list(files_after(made)) == [V4]
    assert "etc/iptables.rules is left alone: another file is loaded at boot" in made.notes


@pytest.mark.parametrize("name", ["SAVE_ON_STOP", "SAVE_ON_RESTART"])
def test_service_that_writes_over_the_rules_is_told(name: str, for_http: Planner):
    made = for_http("el7", {V4: RULES, CONFIG: f"IPTABLES_{name}=yes\n"})
    assert any(note.startswith(f"IPTABLES_{name} is yes") for note in made.notes)


@pytest.mark.parametrize(
    ("release", "path", "missing"),
    [("el5", V4, "u32"), ("el6", V6, "addrtype")],
)
def test_match_that_a_release_lacks_is_told(release: str, path: str, missing: str, for_http: Planner):
    made = for_http(release, {V4: RULES, V6: RULES})
    assert [warning.path for warning in made.warnings if f"without the {missing} match" in warning.text] == [path]


def test_release_that_is_not_known_is_told():
    made = plan(gather_text(RULES, "rules.v4"), Wishes(HTTP))
    assert list(files_after(made)) == ["etc/iptables/rules.v4"]
    assert any("name the right one with --profile" in note for note in made.notes)


def test_place_of_the_rules_tells_the_family_of_releases(tmp_path: Path):
    (tmp_path / "etc/sysconfig").mkdir(parents=True)
    (tmp_path / V4).write_text(RULES)
    made = plan(gather_root(tmp_path).host, Wishes(HTTP, connections=100000))
    assert made.profile.name == "el9"
    assert "etc/sysctl.d/90-conntrack.conf" in files_after(made)
