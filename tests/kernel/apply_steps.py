"""apply.sh and rollback.sh killed before a step, and what the machine is then. Knows what such a machine owes.

A step is a command that can change something (apply_hook.bash says which). Every kill is judged twice: when all that
the script has started has ended, and after rollback.sh was run.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from .apply_machine import Machine, Trial, machine, trial
from .namespaces import inside
from .rulesets import Backend

Script = Literal["apply.sh", "rollback.sh"]
Victim = Literal["script", "script and watcher"]
SCRIPTS: tuple[Script, ...] = ("apply.sh", "rollback.sh")
_HOOK = Path(__file__).parent / "apply_hook.bash"
_HOOKED = {"SHELL_WORDS": "bash", "BASH_ENV": str(_HOOK)}
_LOOKS = 3
_WAIT = 20.0  # seconds until a watcher counts as hanging


class Kill(NamedTuple):
    """The script is sent a signal before step `number` (from 1), which is `command`; `watched`: it has its watcher."""

    number: int
    command: str
    script: Script = "apply.sh"
    signal: str = "KILL"
    victim: Victim = "script"
    watched: bool = True

    @property
    def variables(self) -> dict[str, str]:
        """What makes a script be killed so, for `start`."""
        both = "no" if self.victim == "script" else "yes"
        return _HOOKED | {"KILL_AT": str(self.number), "KILL_WITH": self.signal, "KILL_WATCHER": both}


class State(NamedTuple):
    """What a machine is: "old", "new" or "mixed"; which connections live; what is left beside the bundle."""

    rules: str
    values: str
    files: str
    connections: str
    left: tuple[str, ...]


class Outcome(NamedTuple):
    """A kill, and what the machine was when all had ended, and after rollback.sh."""

    kill: Kill
    after: State
    back: State

    @property
    def faults(self) -> list[str]:
        """What is not as it has to be; none is right."""
        unfinished = self.kill.victim != "script" or self.kill.script != "apply.sh"
        faults = _lost(self.after) if unfinished else list(_faults(self.after, may_leave=not self.kill.watched))
        return [*faults, *(f"after rollback.sh: {fault}" for fault in _wrong_back(self.back))]


def state_of(one: Trial) -> State:
    """The machine as it is now."""
    return State(one.rules(), one.values(), one.files(), one.alive(), one.left())


def _lost(state: State) -> list[str]:
    return [] if state.connections == "both" else [state.connections]


def _faults(state: State, *, may_leave: bool = False) -> Iterator[str]:
    """What a machine should not be; `may_leave`: a folder without meaning, which the next run clears away."""
    yield from _lost(state)
    parts = {state.rules, state.values, state.files}
    if parts not in ({"old"}, {"new"}):
        yield f"rules are {state.rules}, values {state.values}, files {state.files}"
    allowed = {"old": ((), ("rollback.done",), *([("running",)] if may_leave else [])), "new": (("rollback",),)}
    if state.left not in allowed.get(state.rules, ()):
        yield f"left behind: {', '.join(state.left) or 'nothing'}"


def _wrong_back(state: State) -> Iterator[str]:
    yield from _faults(state)
    if state.rules != "old":
        yield f"rules are {state.rules}"


def start(
    one: Trial, script: Script, *words: str, answer: str = "yes\n", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a script of the bundle on the machine; `more` are variables of its environment, SHELL_WORDS among them."""
    with launched(one, script, *words, **more) as running:
        stdout, stderr = running.communicate(answer, timeout=60)
        return subprocess.CompletedProcess(running.args, running.returncode, stdout, stderr)


@contextmanager
def launched(one: Trial, script: Script, *words: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """The same, and it waits for its answer."""
    command = [*more.pop("SHELL_WORDS", "sh").split(), str(one.out / script), *words]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with inside(one.machine.site.host):
        process = subprocess.Popen(command, env=os.environ | _environment(one) | more, text=True, **pipes)
    with process as running:
        yield running


def _environment(one: Trial) -> dict[str, str]:
    home = one.machine.home
    return {
        "PATH": f"{one.folder / 'bin'}:{home / 'bin'}:{os.environ['PATH']}",
        "RULESET_LINT_ROOT": str(one.root),
        "XTABLES_LOCKFILE": str(home / "lock"),
    }


def await_end(one: Trial) -> None:
    """Wait until nothing runs any more that belongs to the bundle. Raises TimeoutError."""
    end = time.monotonic() + _WAIT
    quiet = 0
    while quiet < _LOOKS:  # a process that becomes another program shows no words for a moment
        quiet = 0 if any(str(one.out).encode() in words for words in _command_lines()) else quiet + 1
        if time.monotonic() > end:
            raise TimeoutError(f"still running below {one.out}")
        time.sleep(0.01)


def _command_lines() -> Iterator[bytes]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:
                continue


def commands(made: Machine, script: Script) -> list[str]:
    """The steps of a script that is not killed, in order."""
    with trial(made) as one:
        listed = one.folder / "steps"
        if script == "rollback.sh":
            start(one, "apply.sh")
        done = start(one, script, **_HOOKED, KILL_LIST=str(listed))
        assert done.returncode == 0, done.stdout + done.stderr
        return [line.replace(str(one.folder), "") for line in listed.read_text().splitlines()]


def killed(made: Machine, kill: Kill) -> Outcome:
    """What comes of a kill."""
    with trial(made) as one:
        if kill.script == "rollback.sh":
            start(one, "apply.sh")
        start(one, kill.script, **kill.variables)
        await_end(one)
        after = state_of(one)
        start(one, "rollback.sh")
        await_end(one)
        return Outcome(kill, after, state_of(one))


def every_kill(made: Machine, signal: str = "KILL") -> list[Kill]:
    """A kill before each step of both scripts."""
    return [kill for script in SCRIPTS for kill in _kills(commands(made, script), script, signal)]


def _kills(steps: Sequence[str], script: Script, signal: str) -> Iterator[Kill]:
    watched = script == "rollback.sh"
    for number, command in enumerate(steps, 1):
        yield Kill(number, command, script, signal, watched=watched)
        watched = watched or "--watch" in command


def play(kills: Sequence[Kill], backend: Backend, workers: int = 4) -> list[Outcome]:
    """What comes of each kill, on several machines at a time, in order."""

    def work(number: int) -> list[tuple[int, Outcome]]:
        with machine(backend) as made:
            return [(place, killed(made, kills[place])) for place in range(number, len(kills), workers)]

    with ThreadPoolExecutor(workers) as pool:
        found = [pair for pairs in pool.map(work, range(workers)) for pair in pairs]
    return [outcome for _, outcome in sorted(found, key=lambda pair: pair[0])]
