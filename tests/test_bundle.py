from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from bundle_hosts import CASES, LOADED, OTHER_GOALS, Case
from machines import files_after, write
from wanted import needs_namespaces, needs_shellcheck

from ruleset_lint.gather import gather_root
from ruleset_lint.rewrite.bundle import MARKER, TOP, BundledFile, bundle
from ruleset_lint.rewrite.folders import write_bundle
from ruleset_lint.rewrite.plan import plan
from ruleset_lint.rewrite.writing import WriteError

GOLDEN = Path(__file__).parent / "golden/bundle"
BACKENDS = ("nft", "legacy")

ALL = (*CASES, *OTHER_GOALS)
each_case = pytest.mark.parametrize("case", ALL, ids=[case.name for case in ALL])


def _written(case: Case, folder: Path) -> Path:
    write_bundle(folder, bundle(case.plan()))
    return folder


@each_case
def test_bundle_is_as_expected(case: Case, update: bool):
    golden = GOLDEN / case.name
    files = {file.path: file.text for file in bundle(case.plan()) if not file.path.startswith("before/")}
    if update:
        shutil.rmtree(golden, ignore_errors=True)
        for path, text in files.items():
            (golden / path).parent.mkdir(parents=True, exist_ok=True)
            (golden / path).write_text(text)
    assert {str(path.relative_to(golden)): path.read_text() for path in golden.rglob("*") if path.is_file()} == files


@each_case
def test_host_is_the_release_that_it_is_there_for(case: Case):
    assert case.plan().profile.name == case.profile


@each_case
def test_files_before_are_those_of_the_host(case: Case):
    before = {file.path.removeprefix("before/"): file.text for file in bundle(case.plan()) if "before/" in file.path}
    assert before == {path: (case.root / path).read_text() for path in before}


@each_case
def test_rewriting_twice_changes_nothing(case: Case, tmp_path: Path):
    shutil.copytree(case.root, tmp_path / "host")
    write(tmp_path / "host", files_after(case.plan()))
    again = plan(gather_root(tmp_path / "host").host, case.wishes)
    assert (again.files, again.refusals) == ((), ())


@each_case
@needs_shellcheck
def test_scripts_are_clean(case: Case, tmp_path: Path):
    folder = _written(case, tmp_path / "out")
    scripts = [folder / "apply.sh", folder / "rollback.sh"]
    checked = subprocess.run(["shellcheck", "-s", "sh", *scripts], check=False, capture_output=True, text=True)
    assert checked.stdout == ""


@each_case
def test_no_raw_table_is_loaded_before_what_accepts(case: Case):
    script = next(file.text for file in bundle(case.plan()) if file.path == "apply.sh")
    loads = [line for line in script.split("\n") if "-restore" in line and line.endswith("|| return 1")]
    assert loads == sorted(loads, key=lambda line: "-raw.rules" in line)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_scripts_delete_entries_of_addresses_only(case: Case):
    script = next(file.text for file in bundle(case.plan()) if file.path == "apply.sh")
    deletions = [line for line in script.split("\n") if "conntrack -D" in line]
    assert deletions
    assert all("--orig-dst" in line for line in deletions)


# ---- in a namespace of their own, with the machine's files in a folder

_PREPARE = """
set -eu
fails() { if "$@"; then echo "went well: $*" >&2; exit 1; fi; }  # `!` alone never ends the script
ip link set lo up
mkdir bin
for tool in iptables-restore iptables-save ip6tables-restore ip6tables-save; do
    ln -s "$(command -v "${tool%-*}-$1-${tool#*-}")" "bin/$tool"
done
PATH=$PWD/bin:$PATH
RULESET_LINT_ROOT=$PWD/root
export PATH RULESET_LINT_ROOT
snapshot() { { iptables-save; ip6tables-save; } | sed '/^#/d; s/ \\[[0-9:]*\\]$//' | sort; }
load() { for rules in $2; do [ ! -e "root/$rules" ] || "$1" "root/$rules"; done; }
load iptables-restore 'etc/sysconfig/iptables etc/iptables/rules.v4'
load ip6tables-restore 'etc/sysconfig/ip6tables etc/iptables/rules.v6'
printf '*raw\\n:PREROUTING ACCEPT [0:0]\\n:OUTPUT ACCEPT [0:0]\\nCOMMIT\\n' | iptables-restore
printf '*raw\\n:PREROUTING ACCEPT [0:0]\\n:OUTPUT ACCEPT [0:0]\\nCOMMIT\\n' | ip6tables-restore
snapshot > 0
"""


def _in_namespace(case: Case, folder: Path, backend: str, script: str) -> str:
    """What a script prints in a network namespace where the host's rules are loaded; its bundle lies in `out`."""
    _written(case, folder / "out")
    shutil.copytree(case.root, folder / "root")
    command = ["unshare", "-nm", "sh", "-c", _PREPARE + script, "sh", backend]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_namespaces
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", LOADED, ids=[case.host for case in LOADED])
def test_rules_load(case: Case, backend: str, tmp_path: Path):
    script = (
        "for part in out/live/v4-first.rules out/live/v4-raw.rules; do [ ! -e $part ] || iptables-restore $part; done"
    )
    script += "\nfor part in out/live/v6-*.rules; do [ ! -e $part ] || ip6tables-restore $part; done\nsnapshot"
    assert "UNTRACKED" in _in_namespace(case, tmp_path, backend, script) or case.host.endswith("dns")


@needs_namespaces
@pytest.mark.parametrize("script", ["apply.sh", "rollback.sh"])
def test_dry_run_changes_nothing(script: str, tmp_path: Path):
    _in_namespace(CASES[0], tmp_path, "nft", f"sh out/{script} --dry-run\nsnapshot > 1\ncmp 0 1\n[ ! -e out/rollback ]")


@needs_namespaces
@pytest.mark.parametrize("backend", BACKENDS)
def test_yes_installs_the_files(backend: str, tmp_path: Path):
    _in_namespace(CASES[0], tmp_path, backend, "echo yes | sh out/apply.sh")
    files = CASES[0].plan().files
    assert {file.path: file.after for file in files} == {
        file.path: (tmp_path / "root" / file.path).read_text() for file in files
    }


@needs_namespaces
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_loaded_is_what_is_installed(backend: str, tmp_path: Path):
    script = (
        "echo yes | sh out/apply.sh\nsnapshot > 1\niptables-restore root/etc/sysconfig/iptables\nsnapshot > 2\ncmp 1 2"
    )
    _in_namespace(CASES[0], tmp_path, backend, script)


@needs_namespaces
@pytest.mark.parametrize("backend", BACKENDS)
def test_roll_back_undoes_all(backend: str, tmp_path: Path):
    script = "echo yes | sh out/apply.sh\nsnapshot > 1\nfails cmp -s 0 1\nsh out/rollback.sh\nsnapshot > 2\ncmp 0 2"
    _in_namespace(CASES[0], tmp_path, backend, script)
    read = {path: path.read_text() for path in CASES[0].root.rglob("*") if path.is_file()}
    found = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "root"): path.read_text() for path in found} == {
        path.relative_to(CASES[0].root): text for path, text in read.items()
    }


@needs_namespaces
def test_rules_go_back_without_an_answer(tmp_path: Path):
    script = "sleep 3 | fails sh out/apply.sh --timeout 1\nsnapshot > 1\ncmp 0 1\n[ ! -e out/rollback ]"
    _in_namespace(CASES[0], tmp_path, "nft", script)


@needs_namespaces
def test_rules_go_back_when_the_script_is_killed(tmp_path: Path):
    script = "sleep 9 | sh out/apply.sh --timeout 2 & sleep 1\nkill -KILL $!\nsleep 4\nsnapshot > 1\ncmp 0 1"
    _in_namespace(CASES[0], tmp_path, "nft", script)


@needs_namespaces
def test_apply_refuses_a_file_that_has_changed(tmp_path: Path):
    script = "echo '# mine' >> root/etc/sysconfig/iptables\necho yes | fails sh out/apply.sh\nsnapshot > 1\ncmp 0 1"
    _in_namespace(CASES[0], tmp_path, "nft", script)


@needs_namespaces
def test_apply_refuses_a_new_file_that_is_there(tmp_path: Path):
    make = "mkdir -p root/etc/modules-load.d\n: > root/etc/modules-load.d/nf_conntrack.conf\n"
    script = f"{make}echo yes | fails sh out/apply.sh"
    _in_namespace(CASES[0], tmp_path, "nft", script)


# ---- writing the folder

_FILES = (
    BundledFile("REPORT.md", f"{MARKER}\n"),
    BundledFile("etc/x.conf", "x\n"),
    BundledFile("apply.sh", "", executable=True),
)


def test_new_folder_has_all_files(tmp_path: Path):
    write_bundle(tmp_path / "deep/out", _FILES)
    assert {path.name for path in (tmp_path / "deep/out").iterdir()} <= TOP
    assert os.access(tmp_path / "deep/out/apply.sh", os.X_OK)


def test_earlier_bundle_is_replaced_whole(tmp_path: Path):
    write_bundle(tmp_path / "out", _FILES)
    write_bundle(tmp_path / "out", _FILES[:1])
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "REPORT.md"]


def test_bundle_that_was_rolled_back_is_replaced(tmp_path: Path):
    write_bundle(tmp_path / "out", _FILES)
    (tmp_path / "out/rollback.done").mkdir()
    write_bundle(tmp_path / "out", _FILES[:1])
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "REPORT.md"]


def _folder_with(*names: str):
    def make(folder: Path) -> None:
        write_bundle(folder, _FILES)
        for name in names:
            (folder / name).mkdir()

    return make


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda folder: folder.write_text(""), id="a file"),
        pytest.param(lambda folder: folder.symlink_to(folder.parent), id="a link"),
        pytest.param(lambda folder: (folder / "mine").mkdir(parents=True), id="other files"),
        pytest.param(_folder_with("mine"), id="a bundle beside other files"),
        pytest.param(_folder_with("rollback"), id="a bundle that was applied"),
        pytest.param(_folder_with("rollback", "rollback.done"), id="a bundle that was applied twice"),
        pytest.param(_folder_with("rollback.done", "running"), id="a bundle that is at work"),
    ],
)
def test_other_folders_are_left_alone(make, tmp_path: Path):
    make(tmp_path / "out")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(WriteError):
        write_bundle(tmp_path / "out", _FILES)
    assert sorted(tmp_path.rglob("*")) == before


def test_force_keeps_what_is_there(tmp_path: Path):
    (tmp_path / "mine").write_text("mine")
    write_bundle(tmp_path, _FILES, force=True)
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "etc/x.conf").read_text() == "x\n"


def test_force_follows_no_link(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/etc").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WriteError):
        write_bundle(tmp_path / "out", _FILES, force=True)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_full_disk_leaves_the_earlier_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_bundle(tmp_path / "out", _FILES)
    monkeypatch.setattr("ruleset_lint.rewrite.folders.write_file", _full_disk)
    with pytest.raises(WriteError, match="no space"):
        write_bundle(tmp_path / "out", _FILES[:1])
    assert (tmp_path / "out/etc/x.conf").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _full_disk(*_arguments: object, **_options: object) -> None:
    raise WriteError("no space left on device")
