"""Bundles of the goals `tune` and `stateless` applied and rolled back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from machines import GIB, RULES, V4, Planner
from wanted import needs_namespaces, needs_shellcheck

from ruleset_lint.rewrite.bundle import BundledFile, bundle
from ruleset_lint.rewrite.folders import write_bundle

EACH = pytest.mark.parametrize(
    "wishes",
    [
        pytest.param({"goal": "tune", "ram": GIB}, id="tune"),
        pytest.param({"goal": "tune", "established": 9000}, id="a time-out"),
        pytest.param({"goal": "stateless", "accept_exposure": True}, id="stateless"),
    ],
)
_PREPARE = """
set -eu
mkdir bin
for tool in iptables-restore iptables-save ip6tables-restore ip6tables-save; do
    ln -s "$(command -v "${tool%-*}-$1-${tool#*-}")" "bin/$tool"
done
PATH=$PWD/bin:$PATH
RULESET_LINT_ROOT=$PWD/root
export PATH RULESET_LINT_ROOT
snapshot() { { iptables-save; ip6tables-save; } | sed '/^#/d; s/ \\[[0-9:]*\\]$//' | sort; }
iptables-restore root/etc/sysconfig/iptables
snapshot > 0
echo yes | sh out/apply.sh
snapshot > 1
sh out/rollback.sh
snapshot > 2
grep -v '^[*:]\\|^COMMIT' 0 > 0.rules
grep -v '^[*:]\\|^COMMIT' 2 > 2.rules
cmp 0.rules 2.rules
"""


@needs_namespaces
@pytest.mark.parametrize("backend", ["nft", "legacy"])
@EACH
def test_bundle_is_applied_and_rolled_back(wishes: dict[str, object], backend: str, planned: Planner, tmp_path: Path):
    files = bundle(planned("el9", {V4: RULES}, **wishes))
    work = tmp_path / "work"
    write_bundle(work / "out", files)
    shutil.copytree(tmp_path / "etc", work / "root/etc")
    command = ["unshare", "-nm", "sh", "-c", _PREPARE, "sh", backend]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tracked = "--ctstate" in (work / "1").read_text() or "--state" in (work / "1").read_text()
    assert tracked is (wishes["goal"] == "tune")


@needs_shellcheck
@EACH
def test_scripts_are_clean(wishes: dict[str, object], planned: Planner, tmp_path: Path):
    write_bundle(tmp_path / "out", bundle(planned("el9", {V4: RULES}, **wishes)))
    scripts = [tmp_path / "out" / name for name in ("apply.sh", "rollback.sh")]
    assert (
        subprocess.run(["shellcheck", "-s", "sh", *scripts], check=False, capture_output=True, text=True).stdout == ""
    )


def test_no_rule_is_loaded_where_none_changes(planned: Planner):
    files: tuple[BundledFile, ...] = bundle(planned("el9", {V4: RULES}, goal="tune", ram=GIB))
    scripts = "".join(file.text for file in files if file.path.endswith(".sh"))
    assert "tables-restore" not in scripts
