"""What a rewrite is for: chosen from the host and explained, and what each goal touches."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from bundle_hosts import HOSTS
from machines import (
    GIB,
    HTTP,
    MAX,
    PLAIN,
    RULES,
    V4,
    V6,
    Planner,
    dump,
    files_after,
)

from ruleset_lint.gather import gather_root
from ruleset_lint.model.counting import conntrack_table
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.rewrite.bundle import bundle
from ruleset_lint.rewrite.goals import choose
from ruleset_lint.rewrite.plan import Plan
from ruleset_lint.syntax.conntrack import parse

SYSCTL = "etc/sysctl.d/90-conntrack.conf"


# ---- chosen


@pytest.mark.parametrize(
    ("files", "services", "goal", "reason"),
    [
        ({V4: RULES}, HTTP, "notrack", "services are named that can leave connection tracking: tcp/80"),
        ({V4: RULES}, (), "tune", "no service is named, and rules need connection tracking"),
        ({V4: PLAIN}, (), "tune", "there is nothing to do for rules"),
        ({V4: PLAIN}, HTTP, "tune", "there is nothing to do for rules"),
        ({}, (), "tune", "no ruleset is given"),
    ],
    ids=["services", "no service", "nothing tracked", "nothing that could leave", "no ruleset"],
)
def test_goal_is_chosen_from_the_host(
    files: Mapping[str, str], services: tuple[Endpoint, ...], goal: str, reason: str, planned: Planner
):
    made = planned("el9", files, services=services)
    assert (made.goal, made.refusals) == (goal, ())
    assert reason in made.goal_reason


def test_goal_that_is_asked_for_is_taken(planned: Planner):
    made = planned("el9", {V4: RULES}, goal="tune", services=HTTP)
    assert (made.goal, made.goal_reason) == ("tune", "as asked for")


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ([80] * 83 + [25] * 17, "(http) has 83 % of the entries in the dump: --service tcp/80 would take them out"),
        ([22] * 9 + [80], "tcp/22 (ssh) has 90 % of the entries in the dump, the most of all"),
        (range(1, 101), "tcp/1 has 1 % of the entries in the dump, the most of all"),
        ([], "a service with many short connections leaves it with --service tcp/80"),
    ],
    ids=["busy", "administration", "spread", "no entries"],
)  # fmt: skip
def test_dump_of_the_table_names_the_service_that_fills_it(ports: list[int], told: str, planned: Planner):
    made = planned("el9", {V4: RULES, "proc/net/nf_conntrack": dump(*ports)})
    assert made.goal_reason.endswith(told)


def test_choice_knows_what_the_administration_service_is():
    host = gather_root(HOSTS / "busy-web").host
    table = conntrack_table(parse("dump", dump(*[8022] * 10)))
    host = type(host)(rulesets=host.rulesets, conntrack=table)
    assert "would take them out" in choose(host, host.rulesets, (), None, Endpoint(HTTP[0].service).service).reason


# ---- stateless


def test_stateless_is_refused_with_what_it_exposes(planned: Planner):
    made = planned("el9", {V4: RULES}, goal="stateless")
    assert [refusal.code for refusal in made.refusals] == ["X"]
    assert made.files == ()
    assert made.exposed[0].exposure.opened


def test_stateless_is_written_if_that_is_accepted(planned: Planner):
    made = planned("el9", {V4: RULES, SYSCTL: f"{MAX} = 1000\n"}, goal="stateless", accept_exposure=True, ram=16 * GIB)
    assert list(files_after(made)) == [V4]
    assert "state" not in files_after(made)[V4].replace("stateless", "")
    assert made.keys == ()


def test_stateless_twice_changes_nothing(planned: Planner):
    made = planned("el9", {V4: RULES, V6: RULES}, goal="stateless", accept_exposure=True)
    again = planned("el9", files_after(made), goal="stateless", accept_exposure=True)
    assert (again.files, again.refusals) == ((), ())


def test_stateless_cannot_be_where_nat_is(planned: Planner):
    nat = "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n"
    made = planned("el9", {V4: nat + RULES}, goal="stateless", accept_exposure=True)
    assert made.refusals
    assert made.files == ()


def test_stateless_knows_the_ports_from_which_the_machine_asks(planned: Planner):
    ports = {"etc/sysctl.d/1.conf": "net.ipv4.ip_local_port_range = 20000 29999\n"}
    made = planned("el9", {V4: RULES, **ports}, goal="stateless", accept_exposure=True)
    assert "20000:29999" in files_after(made)[V4]


# ---- what the report says


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"goal": "tune", "ram": GIB}, ["Goal: tune", "as asked for", "byte for byte", "No rule is loaded"]),
        ({"services": HTTP}, ["Goal: notrack", "services are named", "**Proven**", "## Services"]),
        (
            {"goal": "stateless", "accept_exposure": True},
            ["Goal: stateless", "## What it exposes", "lets in what it refused before", "keeps out"],
        ),
    ],
    ids=["tune", "notrack", "stateless"],
)
def test_report_says_what_for(wishes: dict[str, object], told: list[str], planned: Planner):
    report = _report(planned("el9", {V4: RULES}, **wishes))
    assert [part for part in told if part not in report] == []


def test_servers_behind_the_machine_are_named(planned: Planner):
    forward = "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
    forward += "-A FORWARD -d 10.0.0.5/32 -p tcp -m tcp --dport 443 -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT"
    made = planned("el9", {V4: RULES.replace("COMMIT", forward)}, services=(parse_endpoint("tcp/443@10.0.0.5"),))
    files = {file.path: file.text for file in bundle(made)}
    assert "tcp/443@10.0.0.5: requests and replies are untracked" in files["REPORT.md"]
    assert "forget_entries ipv4 tcp 443 10.0.0.5\n" in files["apply.sh"]
    assert "$(addresses" not in files["apply.sh"]


@pytest.mark.parametrize("goal", ["tune", "stateless", "notrack"])
def test_names_that_are_mark_up_stay_text(goal: str, planned: Planner):
    hostile = "`<b>[x](y)*"
    rules = RULES.replace("COMMIT", f"-N f2b-{hostile}\nCOMMIT").replace("eth0", hostile)
    services = HTTP if goal == "notrack" else ()
    made = planned("el9", {V4: rules}, goal=goal, ram=16 * GIB, accept_exposure=True, services=services)
    assert made.refusals == ()
    assert f"f2b-{hostile}" not in _report(made)
    assert "f2b-\\`\\<b\\>\\[x\\](y)\\*" in _report(made)


def _report(made: Plan) -> str:
    return next(file.text for file in bundle(made) if file.path == "REPORT.md")
