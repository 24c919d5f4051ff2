from __future__ import annotations

from pathlib import Path

import pytest
from running import CONFIG, GOOD, UNUSED, Put

import ruleset_lint
from ruleset_lint import InputError, check_host, check_text
from ruleset_lint.lint.configuration import Configuration, ConfigurationError

FIELDS = ("rule", "severity", "confidence", "message", "path", "line", "column", "end_line", "end_column", "related")


@pytest.mark.parametrize("text", [UNUSED + CONFIG, (UNUSED + CONFIG).encode()], ids=["str", "bytes"])
def test_check_text(text: str | bytes) -> None:
    (finding,) = check_text(text, path="iptables-config").findings
    assert (finding.rule, finding.path, finding.line) == ("lint/unused-suppression", "iptables-config", 1)
    assert all(hasattr(finding, name) for name in (*FIELDS, "fix", "fingerprint"))


def test_check_text_of_a_clean_ruleset() -> None:
    report = check_text(GOOD)
    assert report.findings == ()
    assert report.files == ("-",)


@pytest.mark.parametrize(("profile", "names"), [("el7", ("el7",)), (None, ("el8", "el9", "debian12", "ubuntu24.04"))])
def test_check_text_judges_by_a_profile(profile: str | None, names: tuple[str, ...]) -> None:
    assert check_text(GOOD, profile=profile).profile.names == names


@pytest.mark.parametrize(("text", "profile"), [(b"\x7fELF\0\0", None), (GOOD, "el99")], ids=["binary", "profile"])
def test_check_text_refuses_what_it_cannot_judge(text: str | bytes, profile: str | None) -> None:
    with pytest.raises(InputError):
        check_text(text, profile=profile)


def test_check_host(put: Put, tmp_path: Path) -> None:
    put("etc/sysconfig/iptables-config", UNUSED + CONFIG)
    (finding,) = check_host(tmp_path).findings
    assert finding.path == str(tmp_path / "etc/sysconfig/iptables-config")


@pytest.mark.parametrize("as_file", [True, False], ids=["file", "object"])
def test_check_host_takes_a_configuration(put: Put, tmp_path: Path, as_file: bool) -> None:
    put("web/etc/sysconfig/iptables-config", UNUSED + CONFIG)
    path = put("c.toml", 'ignore = ["lint"]\n')
    assert not check_host(tmp_path / "web", config=path if as_file else Configuration(ignore=("lint",))).findings


def test_check_host_looks_for_no_configuration(put: Put, tmp_path: Path) -> None:
    put("etc/sysconfig/iptables-config", UNUSED + CONFIG)
    put("ruleset-lint.toml", 'ignore = ["lint"]\n')
    assert check_host(tmp_path).findings


def test_check_host_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to check"):
        check_host(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        check_host(tmp_path / "nowhere")


def test_check_host_never_judges_half_of_what_is_there(put: Put, tmp_path: Path) -> None:
    put("etc/sysconfig/iptables-config", CONFIG)
    put("etc/sysconfig/iptables", b"\x7fELF\0\0\0")
    with pytest.raises(InputError, match="binary"):
        check_host(tmp_path)


def test_unknown_rules_in_a_configuration(put: Put, tmp_path: Path) -> None:
    put("etc/sysconfig/iptables-config", CONFIG)
    with pytest.raises(ConfigurationError, match="did you mean"):
        check_host(tmp_path, config=Configuration(select=("lint/unused-supression",)))


def test_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute"):
        getattr(ruleset_lint, "check_" + "nothing")


_OLD = "net.ipv4.netfilter.ip_conntrack_tcp_timeout_established = 600\n"


def test_one_cause_in_four_files_is_one_finding(put: Put, tmp_path: Path) -> None:
    put("etc/os-release", 'ID=debian\nVERSION_ID="12"\n')
    paths = [str(put(f"etc/sysctl.d/{number}.conf", _OLD)) for number in range(4)]
    (finding,) = (found for found in check_host(tmp_path).findings if found.rule == "sysctl/old-key")
    assert [finding.path, *(place.path for place in finding.related)] == paths
    assert finding.fix
    assert [edit.path for edit in finding.fix.edits] == paths
