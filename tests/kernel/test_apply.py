"""apply.sh may be killed at any moment: the machine is old or new as a whole, and its connections live."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from .apply_machine import Machine, Trial, bundle_of, files_of, load_rules, machine, made_host, trial
from .apply_steps import Kill, Outcome, State, await_end, commands, every_kill, launched, play, start, state_of
from .namespaces import missing
from .rulesets import BACKENDS, Backend

OLD = State("old", "old", "old", "both", ())
NEW = State("new", "new", "new", "both", ("rollback",))
BACK = OLD._replace(left=("rollback.done",))

pytestmark = pytest.mark.skipif(
    missing() is not None or not all(map(shutil.which, ("bash", "setsid"))), reason=str(missing() or "bash or setsid")
)
each_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(scope="module", name="made", params=BACKENDS)
def fixture_made(request: pytest.FixtureRequest) -> Iterator[Machine]:
    with machine(request.param) as made:
        yield made


@pytest.fixture(scope="module", name="nft")
def fixture_nft() -> Iterator[Machine]:
    with machine("nft") as made:
        yield made


def _while_loading(kill: Kill, kills: Sequence[Kill]) -> bool:
    """Between the first rule that is loaded and the last, there and on the way back."""
    numbers = [one.number for one in kills if one.script == kill.script and "-restore" in one.command]
    return min(numbers) <= kill.number <= max(numbers) + 1


def _spread(kills: Sequence[Kill], backend: Backend) -> list[Kill]:
    """All steps while rules are loaded, and every third of the others with one backend or the other.

    `python -m benchmarks.apply_steps` takes all.
    """
    mine = 3 * BACKENDS.index(backend)
    return [kill for kill in kills if kill.number % 6 == mine or _while_loading(kill, kills)]


def _faults(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f"{one.kill.script} {one.kill.number} {one.kill.command}: {fault}" for one in outcomes for fault in one.faults
    ]


@each_backend
def test_a_kill_leaves_all_old_or_all_new(backend: Backend):
    with machine(backend) as made:
        kills = _spread(every_kill(made), backend)
    assert _faults(play(kills, backend)) == []


def test_other_signals_leave_all_old_or_all_new():
    with machine("nft") as made:
        kills = [kill for kill in every_kill(made) if kill.number % 20 == 0 or kill.command.startswith("ask")]
    signals = itertools.cycle(("HUP", "INT", "TERM"))
    assert _faults(play([kill._replace(signal=next(signals)) for kill in kills], "nft")) == []


@each_backend
def test_with_the_watcher_gone_as_well_rollback_brings_all_back(backend: Backend):
    with machine(backend) as made:
        kills = [kill for kill in every_kill(made) if kill.script == "apply.sh"]
    trapped = next(kill.number for kill in kills if "trap" in kill.command)
    chosen = [kill for kill in kills if kill.number > trapped and kill.number % 24 == 12 * BACKENDS.index(backend)]
    assert _faults(play([kill._replace(victim="script and watcher") for kill in chosen], backend)) == []


def test_a_power_cut_leaves_each_file_whole(made: Machine):
    moves = [number for number, command in enumerate(commands(made, "apply.sh"), 1) if "put_file: mv" in command]
    for number in (moves[1], moves[-1]):
        with trial(made) as one:
            start(one, "apply.sh", **Kill(number, "", victim="script and watcher").variables)
            await_end(one)
            assert _torn(one) == []
            load_rules(made, files_of(one.root))
            start(one, "rollback.sh")
            assert state_of(one) == BACK


def _torn(one: Trial) -> list[str]:
    """Files that are neither the old nor the new one."""
    found = files_of(one.root)
    texts = {path: (one.old_files.get(path), one.new_files.get(path)) for path in found}
    return [path for path, text in found.items() if text not in texts[path] and not path.endswith(".ruleset-lint")]


_SLOW = """#!/bin/sh
case "$*" in
    *live/{part}) grep -q -e --trial "/proc/$PPID/cmdline" || {{ kill -KILL "$PPID"; sleep 0.5; }} ;;
esac
exec {real} "$@"
"""


@pytest.mark.parametrize("part", ["v4-first.rules", "v6-first.rules", "v4-raw.rules", "v6-raw.rules"])
def test_a_restore_that_outlives_the_script_changes_nothing(part: str, made: Machine):
    with trial(made) as one:
        for name in ("iptables-restore", "ip6tables-restore"):
            real = (made.home / "bin" / name).readlink()
            _tool(one, name, _SLOW.format(part=part, real=real))
        done = start(one, "apply.sh")
        await_end(one)
        assert (done.returncode, state_of(one)) == (-signal.SIGKILL, BACK)


def _tool(one: Trial, name: str, text: str) -> None:
    """Put a tool of ours before the machine's."""
    path = one.folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


SHELLS = ("dash", "bash", "busybox sh")


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_installs_and_goes_back(shell: str, made: Machine):
    if shutil.which(shell.split(maxsplit=1)[0]) is None:
        pytest.skip(f"{shell} is not installed")
    with trial(made) as one:
        done = start(one, "apply.sh", SHELL_WORDS=shell)
        assert (done.returncode, state_of(one)) == (0, NEW), done.stdout + done.stderr
        assert start(one, "rollback.sh", SHELL_WORDS=shell).returncode == 0
        assert state_of(one) == BACK


@pytest.mark.parametrize("shell", SHELLS)
def test_no_answer_brings_all_back(shell: str, nft: Machine):
    if shutil.which(shell.split(maxsplit=1)[0]) is None:
        pytest.skip(f"{shell} is not installed")
    with trial(nft) as one, launched(one, "apply.sh", "--timeout", "1", SHELL_WORDS=shell) as running:
        assert running.wait(10) == 1
        await_end(one)
        assert "no answer in 1 seconds" in running.stderr.read()
        assert state_of(one) == BACK


def test_a_no_brings_all_back(made: Machine):
    with trial(made) as one:
        assert start(one, "apply.sh", answer="no\n").returncode == 1
        assert state_of(one) == BACK


@pytest.mark.parametrize("answer", ["no\n", "yes\n"])
def test_connections_that_went_on_while_it_asked_live_on(answer: str, made: Machine):
    with trial(made) as one, launched(one, "apply.sh") as running:
        _await_question(one)
        assert one.alive() == "both"
        running.communicate(answer, timeout=20)
        assert state_of(one) == (NEW if answer == "yes\n" else BACK)
        start(one, "rollback.sh")
        assert state_of(one) == BACK


def test_a_machine_without_ipv6_rules_needs_no_ip6tables():
    files = {path: text for path, text in made_host().items() if "ip6tables" not in path}
    texts = {file.path: file.text for file in bundle_of(files)}
    assert "ip6tables" not in texts["apply.sh"] + texts["rollback.sh"]


def test_rules_that_only_the_kernel_refuses_are_not_loaded(made: Machine):
    with trial(made) as one:
        with (one.out / "live/v4-first.rules").open("a") as file:
            file.write("*nat\n-A PREROUTING -j SNAT --to-source 192.0.2.1\nCOMMIT\n")
        done = start(one, "apply.sh")
        assert (done.returncode, state_of(one)) == (1, OLD)
        assert "the kernel refuses the rules" in done.stderr


def test_without_namespaces_the_rules_are_tested_and_it_is_said(made: Machine):
    with trial(made) as one:
        _tool(one, "unshare", "#!/bin/sh\nexit 1\n")
        done = start(one, "apply.sh")
        assert (done.returncode, state_of(one)) == (0, NEW)
        assert "cannot be loaded on trial here" in done.stdout


def test_rules_that_another_loads_in_between_are_noticed(made: Machine):
    with trial(made) as one:
        real = (made.home / "bin/ip6tables-restore").readlink()
        other = real.with_name(real.name.removesuffix("-restore"))
        text = '#!/bin/sh\n{real} "$@" || exit\ncase "$*" in *-raw.rules) {other} -I INPUT -j ACCEPT ;; esac\n'
        _tool(one, "ip6tables-restore", _not_on_trial(text.format(real=real, other=other), real))
        done = start(one, "apply.sh")
        assert done.returncode == 1
        assert "what is loaded is not what was meant" in done.stderr


def _not_on_trial(text: str, real: Path) -> str:
    first, rest = text.split("\n", 1)
    return f'{first}\ngrep -q -e --trial "/proc/$PPID/cmdline" && exec {real} "$@"\n{rest}'


def test_old_entries_of_the_service_are_deleted_and_counted(made: Machine):
    with trial(made) as one:
        assert "tcp/80 to 192.0.2.10: 1 entries deleted" in start(one, "apply.sh").stdout


def test_rollback_waits_until_the_script_has_its_answer(nft: Machine):
    with trial(nft) as one, launched(one, "apply.sh") as running:
        _await_question(one)
        refused = start(one, "rollback.sh")
        assert (refused.returncode, one.rules()) == (1, "new")
        assert "is at work here" in refused.stderr
        running.terminate()
        running.wait(10)
        await_end(one)
        assert state_of(one) == BACK


@pytest.mark.parametrize("answer", ["yes\n", "no\n"])
def test_without_its_watcher_the_script_brings_all_back_itself(answer: str, nft: Machine):
    with trial(nft) as one, launched(one, "apply.sh") as running:
        _await_question(one)
        subprocess.run(["kill", "-KILL", (one.out / "running/watcher").read_text().strip()], check=True)
        running.communicate(answer, timeout=20)
        assert (running.returncode, state_of(one)) == (1, BACK)


def _await_question(one: Trial) -> None:
    end = time.monotonic() + 10
    while not (one.out / "running/loaded").exists() or one.values() == "old":
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_second_run_is_refused_until_the_first_is_rolled_back(nft: Machine):
    with trial(nft) as one:
        start(one, "apply.sh")
        assert "from an earlier run" in start(one, "apply.sh").stderr
        assert state_of(one) == NEW


def test_a_file_that_was_changed_since_is_kept_beside(nft: Machine):
    with trial(nft) as one:
        start(one, "apply.sh")
        with (one.root / "etc/sysconfig/iptables").open("a") as file:
            file.write("# mine\n")
        start(one, "rollback.sh")
        assert (one.root / "etc/sysconfig/iptables.changed").read_text().endswith("# mine\n")
        assert one.rules() == "old"


def test_a_file_that_is_changed_before_the_answer_is_not_replaced(nft: Machine):
    with trial(nft) as one, launched(one, "apply.sh") as running:
        _await_question(one)
        with (one.root / "etc/sysconfig/iptables").open("a") as file:
            file.write("# mine\n")
        running.communicate("yes\n", timeout=20)
        assert running.returncode == 1
        assert (one.root / "etc/sysconfig/iptables").read_text().endswith("# mine\n")
        assert one.rules() == "old"
