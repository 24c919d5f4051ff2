from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bundle_hosts import HOSTS
from running import GOOD, Command, Put

from ruleset_lint.rewrite.bundle import TOP

WEB = ("--service", "tcp/80", "--service", "tcp/443", "--ram", "16G")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A machine in the folder where commands run, as `web`."""
    shutil.copytree(HOSTS / "busy-web", tmp_path / "web")
    return tmp_path / "web"


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_bundle_is_written(command: Command, host: Path):
    before = _files(host)
    ran = command("rewrite", "web", "--goal", "notrack", *WEB, "--output", "out")
    assert ran.code == 0
    assert {path.name for path in (host.parent / "out").iterdir()} == TOP
    assert _files(host) == before


def test_it_says_what_is_proven(command: Command, host: Path):
    ran = command("rewrite", "web", *WEB, "--output", "out")
    assert "etc/sysconfig/iptables: proven: 2^" in ran.err
    assert "etc/sysconfig/ip6tables: proven: 2^" in ran.err


def test_goal_that_is_chosen_is_told_with_its_reason(command: Command, host: Path):
    assert "goal notrack: services are named that can leave" in command("rewrite", "web", *WEB, "--output", "out").err
    assert "goal tune: no service is named" in command("rewrite", "web").err


def test_goal_that_is_asked_for_is_not_told(command: Command, host: Path):
    assert "goal" not in command("rewrite", "web", "--goal", "tune").err


def test_configuration_names_services_and_ram(command: Command, host: Path):
    shutil.copy(HOSTS / "busy-web.toml", host.parent / "ruleset-lint.toml")
    command("rewrite", "web", "--output", "configured")
    command("rewrite", "web", *WEB, "--isolated", "--output", "told")
    assert [*_files(host.parent / "configured").values()] == [*_files(host.parent / "told").values()]


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--diff",), 1)], ids=["plain", "diff"])
def test_without_output_nothing_is_written(options: tuple[str, ...], code: int, command: Command, host: Path):
    before = _files(host.parent)
    ran = command("rewrite", "web", *WEB, *options)
    assert ran.code == code
    assert "+options nf_conntrack hashsize=262144" in ran.out
    assert _files(host.parent) == before


def test_file_of_a_machine_brings_the_machine_along(command: Command, host: Path):
    ran = command("rewrite", "web/etc/sysconfig/iptables", *WEB)
    assert "+++ b/etc/sysconfig/iptables-config" in ran.out


def test_second_time_nothing_changes(command: Command, host: Path):
    command("rewrite", "web", *WEB, "--output", "out")
    shutil.copytree(host.parent / "out/etc", host / "etc", dirs_exist_ok=True)
    ran = command("rewrite", "web", *WEB, "--output", "again")
    assert (ran.code, ran.out) == (0, "nothing changes: the files are as a rewrite would leave them\n")
    assert not (host.parent / "again").exists()


def test_diff_of_what_is_as_it_should_be_is_empty(command: Command, host: Path):
    command("rewrite", "web", *WEB, "--in-place")
    assert command("rewrite", "web", *WEB, "--diff").code == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--service", "tcp/22"), 1, "administration service"),
        (("--service", "tcp/81"), 1, "no rule accepts a new connection to it"),
        (("--service", "tcp/80", "--service", "tcp/22"), 1, "nothing is written"),
        (("--goal", "notrack"), 2, "no service is named"),
        ((*WEB, "--goal", "tune"), 2, "not what --goal tune does"),
        ((*WEB, "--goal", "stateless"), 2, "not what --goal stateless does"),
        (("--goal", "stateless"), 1, "accept that with --accept-exposure"),
        ((*WEB, "--diff"), 2, "--output and --diff are two ways"),
        ((*WEB, "--in-place"), 2, "--output and --in-place are two ways"),
        (("--rate", "sctp=5"), 2, "is no rate"),
        (("--conntrack", "web/etc/os-release"), 2, "no entry of a conntrack table"),
        (("--service", "http"), 2, "names no service"),
        ((*WEB, "--ram", "much"), 2, "--ram: a size"),
        ((*WEB, "--connections", "0"), 2, "0 connections"),
        ((*WEB, "--profile", "el4"), 2, "no profile 'el4'"),
        ((*WEB, "--output", "web"), 2, "holds other files"),
        ((*WEB, "--output", "web/etc/os-release"), 2, "not a folder"),
        ((*WEB, "--output", "link"), 2, "a symbolic link"),
        ((*WEB, "--output", "web/etc/os-release/below"), 2, "file exists"),
        ((*WEB, "--output", "a\0b"), 2, "no folder can have this name"),
    ],
    ids=lambda value: None if isinstance(value, tuple | int) else value,
)
def test_refused_or_wrong(words: tuple[str, ...], code: int, message: str, command: Command, host: Path):
    (host.parent / "link").symlink_to("elsewhere")
    before = _files(host.parent)
    output = () if "--output" in words else ("--output", "out")
    ran = command("rewrite", "web", *words, *output)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err
    assert _files(host.parent) == before
    assert not (host.parent / "out").exists()


def test_force_writes_beside_what_is_there(command: Command, host: Path):
    (host.parent / "mine").mkdir()
    (host.parent / "mine/notes").write_text("notes")
    assert command("rewrite", "web", *WEB, "--output", "mine", "--force").code == 0
    assert {path.name for path in (host.parent / "mine").iterdir()} == {*TOP, "notes"}


def test_one_machine_at_a_time(command: Command, host: Path):
    shutil.copytree(host, host.parent / "other")
    ran = command("rewrite", ".", *WEB)
    assert ran.code == 2
    assert "one machine is rewritten at a time" in ran.err


def test_loose_ruleset_goes_where_the_release_has_it(command: Command, put: Put):
    tracked = GOOD.replace("COMMIT", "-A INPUT -m state --state NEW -p tcp --dport 80 -j ACCEPT\nCOMMIT")
    put("rules", "# Generated by iptables-save v1.4.21 on Mon Jun  1 06:40:02 2015\n" + tracked)
    assert command("rewrite", "rules", "--service", "tcp/80", "--output", "out").code == 0
    assert Path("out/etc/sysconfig/iptables").exists()


def test_control_characters_stay_off_the_terminal(command: Command, host: Path):
    rules = host / "etc/sysconfig/iptables"
    rules.write_text(rules.read_text().replace("--dport 80 ", "--dport 80 -m connlimit --connlimit-above 9 "))
    rules.write_text(rules.read_text().replace("-j BLOCKED", '-j BLOCKED -m comment --comment "\x1b[2J"'))
    ran = command("rewrite", "web", *WEB)
    assert "\x1b" not in ran.err


def test_exposure_is_listed_as_packets(command: Command, host: Path):
    told = command("rewrite", "web", "--goal", "stateless").err
    assert "etc/sysconfig/iptables: lets in incoming: tcp" in told
    assert "etc/sysconfig/iptables: keeps out incoming: " in told


def test_exposure_that_is_accepted_is_written_and_reported(command: Command, host: Path):
    ran = command("rewrite", "web", "--goal", "stateless", "--accept-exposure", "--output", "out")
    assert ran.code == 0
    assert "more kinds of packets, see REPORT.md" in ran.err
    assert "lets in what it refused before" in (host.parent / "out/REPORT.md").read_text()


def test_dump_of_the_table_names_the_busiest_service(command: Command, host: Path, put: Put):
    entry = (
        "tcp 6 99 TIME_WAIT src=192.0.2.1 dst=192.0.2.2 sport={} dport=80 src=192.0.2.2 dst=192.0.2.1 sport=80 dport={}"
    )
    put("dump", "".join(entry.format(port, port) + " [ASSURED] use=1\n" for port in range(40000, 40100)))
    assert (
        "tcp/80 (http) has 100 % of the entries in the dump: --service tcp/80 would take them out"
        in command("rewrite", "web", "--conntrack", "dump").err
    )


def test_chains_of_other_programs_are_left_alone_and_told(command: Command, host: Path):
    rules = host / "etc/sysconfig/iptables"
    rules.write_text(rules.read_text().replace("COMMIT", ":f2b-sshd - [0:0]\n-A f2b-sshd -j RETURN\nCOMMIT", 1))
    ran = command("rewrite", "web", *WEB, "--output", "out")
    assert "note: etc/sysconfig/iptables: chain f2b-sshd left alone: fail2ban makes and changes such chains" in ran.err
    assert "chain f2b-sshd left alone" in (host.parent / "out/REPORT.md").read_text()
