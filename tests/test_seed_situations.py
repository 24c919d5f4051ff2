"""Five machines whose administrators did what articles of their time told them, and what still goes wrong there.

Each is found out by name, and the bundle for the machine mends it: what is left to say of the mended machine does not
contain the findings any more. The snapshot of the kernel is changed as `apply.sh` changes the kernel.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from bundle_hosts import HOSTS

from ruleset_lint import check_host
from ruleset_lint.cli.app import run
from ruleset_lint.gather import gather_root
from ruleset_lint.packets.endpoints import parse_endpoint
from ruleset_lint.rewrite.bundle import bundle
from ruleset_lint.rewrite.goals import Goal
from ruleset_lint.rewrite.plan import Plan, Wishes, plan

GIB = 1 << 30


class Situation(NamedTuple):
    """A machine, what its bundle is asked for, and the findings that explain what goes wrong: rule, file and line."""

    host: str
    profile: str
    services: str
    explained_by: frozenset[tuple[str, str, int]]

    @property
    def root(self) -> Path:
        return HOSTS / self.host

    def wishes(self, goal: Goal) -> Wishes:
        services = self.services.split() if goal == "notrack" else ()
        return Wishes(tuple(map(parse_endpoint, services)), goal=goal, ram=4 * GIB)


def _situation(host: str, profile: str, services: str, *findings: str) -> Situation:
    parts = (finding.replace(":", " ").split() for finding in findings)
    return Situation(host, profile, services, frozenset((rule, path, int(line)) for rule, path, line in parts))


RESTART = _situation(
    "seed-0-restart-keeps-old-hashsize",
    "el6",
    "tcp/80",
    "modules/kept-by-other-family etc/modprobe.d/nf_conntrack.conf:2",
    "sysctl/chain-length etc/sysctl.conf:3",
)
MAXIMUM = _situation(
    "seed-1-maximum-without-buckets",
    "el7",
    "tcp/443",
    "sysctl/chain-length etc/sysctl.d/conntrack.conf:3",
    "sysctl/before-module etc/sysctl.d/conntrack.conf:2",
    "sysctl/runtime-differs etc/sysctl.d/conntrack.conf:3",
    "modules/unload-resets etc/sysconfig/iptables-config:2",
)
QUOTES = _situation(
    "seed-2-restart-resets-the-maximum",
    "el5",
    "tcp/80",
    "service/typographic-quotes etc/sysconfig/iptables-config:4",
    "sysctl/chain-length etc/sysctl.conf:2",
)
RECIPE = _situation(
    "seed-3-router-recipe-on-a-server",
    "el6",
    "tcp/80 tcp/81 tcp/82",
    "syntax/typography etc/sysconfig/iptables:14",
    "notrack/one-sided etc/sysconfig/iptables:5",
    "notrack/open-source-port etc/sysconfig/iptables:17",
    "sysctl/read-only etc/sysctl.conf:3",
    "modules/unload-resets etc/sysconfig/iptables-config:3",
)
BLANKS = _situation(
    "seed-4-options-with-blanks",
    "el5",
    "tcp/80",
    "modules/spaced-option etc/modprobe.conf:2",
    "sysctl/chain-length etc/sysctl.conf:2",
)
SITUATIONS = (RESTART, MAXIMUM, QUOTES, RECIPE, BLANKS)
MENDED_BY_FILES = (MAXIMUM, QUOTES, BLANKS)

each = pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.host)
either_goal = pytest.mark.parametrize("goal", ["tune", "notrack"])


def found(root: Path) -> set[tuple[str, str, int]]:
    """Rule, file and line of what is worth a warning."""
    report = check_host(root)
    said = (finding for finding in report.findings if str(finding.severity) in ("warning", "error"))
    return {(one.rule, Path(one.path).relative_to(root).as_posix(), one.line) for one in said}


def bundled(situation: Situation, root: Path, goal: Goal = "notrack") -> Plan:
    """Put the files of the bundle into a copy of the machine, and tell its kernel what `apply.sh` would."""
    made = plan(gather_root(root).host, situation.wishes(goal))
    for file in made.files:
        (root / file.path).parent.mkdir(parents=True, exist_ok=True)
        (root / file.path).write_text(file.after, "utf-8")
    for key, value, _ in made.keys:
        _tell(root / "proc/sys" / key.replace(".", "/"), value)
    if made.table.size:
        _tell(root / f"sys/module/{made.module}/parameters/hashsize", made.table.size.buckets)
    return made


def _tell(variable: Path, value: int) -> None:
    if variable.exists():
        variable.write_text(f"{value}\n", "utf-8")


@pytest.fixture
def machine(situation: Situation, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(situation.root, tmp_path / "machine"))


@each
def test_release_is_known(situation: Situation) -> None:
    assert plan(gather_root(situation.root).host, situation.wishes("tune")).profile.name == situation.profile


@each
def test_what_goes_wrong_is_found(situation: Situation) -> None:
    assert situation.explained_by <= found(situation.root)


@either_goal
@pytest.mark.parametrize("situation", MENDED_BY_FILES, ids=lambda situation: situation.host)
def test_bundle_leaves_nothing_to_say(situation: Situation, machine: Path, goal: Goal) -> None:
    assert bundled(situation, machine, goal).refusals == ()
    assert found(machine) == set()


@either_goal
@pytest.mark.parametrize("situation", [RESTART])
def test_old_hashsize_is_replaced_in_the_running_table(situation: Situation, machine: Path, goal: Goal) -> None:
    made = bundled(situation, machine, goal)
    assert made.table.size
    script = next(file.text for file in bundle(made) if file.path == "apply.sh")
    assert "/sys/module/nf_conntrack/parameters/hashsize" in script
    assert str(made.table.size.buckets) in script
    assert {rule for rule, _, _ in found(machine)} & {"sysctl/chain-length", "modules/unload-resets"} == set()


@pytest.mark.parametrize("situation", [RECIPE])
def test_recipe_is_refused_while_it_does_not_load(situation: Situation, machine: Path) -> None:
    made = bundled(situation, machine)
    assert made.files == ()
    assert [(reason.line, "syntax/typography" in reason.text) for reason in made.refusals] == [(14, True)]


@pytest.mark.parametrize("situation", [RECIPE])
def test_recipe_that_loads_shuts_the_service_and_its_clients_off(situation: Situation, machine: Path) -> None:
    assert run(["fix", "--select", "syntax", str(machine)]) in (0, 1)
    rules = {(rule, line) for rule, path, line in found(machine) if path == "etc/sysconfig/iptables"}
    assert {("notrack/not-accepted", 5), ("notrack/drops-clients", 6), ("notrack/one-sided", 5)} <= rules


@pytest.mark.parametrize("situation", [RECIPE])
def test_recipe_that_loads_is_mended_by_the_bundle(situation: Situation, machine: Path) -> None:
    run(["fix", "--select", "syntax", str(machine)])
    assert bundled(situation, machine).refusals == ()
    left = {rule for rule, _, _ in found(machine)}
    assert left == {"notrack/blanket-accept", "safety/path-mtu"}  # about FORWARD, which is none of the services'


@pytest.mark.parametrize("situation", [RECIPE])
def test_fix_keeps_the_accept_of_the_service_that_raw_untracks(situation: Situation, machine: Path) -> None:
    run(["fix", str(machine)])
    run(["fix", str(machine)])  # the first makes it load, and then more is known
    assert "--dport 80,81,82 -j ACCEPT" in (machine / "etc/sysconfig/iptables").read_text("utf-8")
    assert "notrack/not-accepted" in {rule for rule, _, _ in found(machine)}
