"""What settings mean in the end: order of files, names of one variable, the shell's last word, spellings of modules."""

from __future__ import annotations

import pytest

from ruleset_lint.model.origin import drop_in_order
from ruleset_lint.model.precedence import module_options, modules_load, service_config, sysctl_order, sysctls
from ruleset_lint.model.settings import ModuleOptions, ServiceConfig, Setting, SysctlReader, Sysctls
from ruleset_lint.syntax import assignments, modprobe, modules, sysctl
from ruleset_lint.text import Span


def values(*texts: str) -> Sysctls:
    return sysctls([sysctl.parse(f"{number}.conf", text) for number, text in enumerate(texts)])


def service(text: str, family: int = 4) -> ServiceConfig:
    return service_config(assignments.parse("etc/sysconfig/iptables-config", text), family)


def options(text: str) -> ModuleOptions:
    return module_options([modprobe.parse("etc/modprobe.d/a.conf", text)])


def text_at(setting: Setting | None) -> str:
    assert setting is not None
    return setting.document.source(setting.value_span)


MAX = "net.netfilter.nf_conntrack_max"


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        pytest.param([f"{MAX}=1\n{MAX}=2"], "2", id="last-line"),
        pytest.param([f"{MAX}=1", "net.nf_conntrack_max=2"], "2", id="other-name-last-file"),
        pytest.param(["net/nf_conntrack_max=2", f"{MAX}=1"], "1", id="slashes"),
        pytest.param([f"{MAX}=1", "net.netfilter.*=2"], "1", id="pattern-yields-to-a-name"),
        pytest.param(["net.netfilter.*_max=1", "net.*.*=2"], "2", id="last-pattern"),
        pytest.param([f"net.netfilter.*=2\n-{MAX}"], None, id="excluded"),
        pytest.param([f"#{MAX}=1", "net.*=2"], None, id="pattern-stops-at-a-separator"),
    ],
)
def test_effective_sysctl(texts: list[str], value: str | None) -> None:
    setting = values(*texts).effective(MAX)
    assert (setting.value if setting else None) == value


def test_el5_names_of_the_table_size() -> None:
    found = values("net.ipv4.ip_conntrack_max=1\nnet.ipv4.netfilter.ip_conntrack_max=2")
    assert [setting.value for setting in found.settings("net.ipv4.ip_conntrack_max")] == ["1", "2"]


def test_place_of_a_sysctl() -> None:
    setting = values("# c\n", f"\n {MAX} = 12\n").effective(MAX)
    assert setting is not None
    assert (setting.origin.document.path, setting.origin.line.number, setting.span) == ("1.conf", 2, Span(2, 37))
    assert text_at(setting) == "12"


PATHS = [
    "h/etc/sysctl.conf",
    "h/usr/lib/sysctl.d/50-default.conf",
    "h/etc/sysctl.d/90-b.conf",
    "h/run/sysctl.d/50-default.conf",
    "h/lib/sysctl.d/99-z.conf",
    "h/etc/sysctl.d/note.txt",
    "h/opt/sysctl.d/10-x.conf",
]


@pytest.mark.parametrize(
    ("reader", "order"),
    [
        (SysctlReader.SYSTEMD, ["run/sysctl.d/50-default.conf", "etc/sysctl.d/90-b.conf", "lib/sysctl.d/99-z.conf"]),
        (
            SysctlReader.SYSTEMD_LINKED,
            ["run/sysctl.d/50-default.conf", "etc/sysctl.d/90-b.conf", "etc/sysctl.conf", "lib/sysctl.d/99-z.conf"],
        ),
        (
            SysctlReader.PROCPS,
            ["run/sysctl.d/50-default.conf", "etc/sysctl.d/90-b.conf", "lib/sysctl.d/99-z.conf", "etc/sysctl.conf"],
        ),
        (SysctlReader.CONF, ["etc/sysctl.conf"]),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, SysctlReader) else "",
)
def test_order_of_sysctl_files(reader: SysctlReader, order: list[str]) -> None:
    documents = [sysctl.parse(path, "") for path in PATHS]
    assert [document.path.removeprefix("h/") for document in sysctl_order(documents, reader)] == order


def test_link_that_was_read_as_a_file_is_not_applied_twice() -> None:
    documents = [sysctl.parse(path, "") for path in ("etc/sysctl.conf", "etc/sysctl.d/99-sysctl.conf")]
    assert [document.path for document in sysctl_order(documents, SysctlReader.SYSTEMD_LINKED)] == [documents[1].path]


def test_etc_hides_usr() -> None:
    documents = [modprobe.parse(f"{folder}/modprobe.d/a.conf", "") for folder in ("usr/lib", "etc", "usr/local/lib")]
    assert drop_in_order(documents) == (documents[1],)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("", "no", id="default"),
        pytest.param("IPTABLES_SAVE_ON_STOP=no\nIPTABLES_SAVE_ON_STOP=yes", "yes", id="last"),
        pytest.param("IPTABLES_SAVE_ON_STOP = yes", "no", id="spaced"),
        pytest.param("IPTABLES_SAVE_ON_STOP=yes sir", "no", id="command"),
        pytest.param("IPTABLES_SAVE_ON_STOP=”yes”", "”yes”", id="typographic"),
        pytest.param("A=ye\nIPTABLES_SAVE_ON_STOP=${A}s", "yes", id="variable"),
        pytest.param("IPTABLES_SAVE_ON_STOP=y\nIPTABLES_SAVE_ON_STOP+=es", "yes", id="append"),
        pytest.param('A="\nIPTABLES_SAVE_ON_STOP=yes', "no", id="behind-an-open-quote"),
        pytest.param("#IPTABLES_SAVE_ON_STOP=yes", "no", id="comment"),
        pytest.param("IP6TABLES_SAVE_ON_STOP=yes", "no", id="other-family"),
    ],
)
def test_value_of_a_service_variable(text: str, value: str) -> None:
    assert service(text).value("SAVE_ON_STOP") == value


@pytest.mark.parametrize(
    ("value", "yes"), [('"yes"', True), ("Yes", False), ("true", False), ("yes\r", False), ("”yes”", False)]
)
def test_yes_is_spelled_exactly(value: str, *, yes: bool) -> None:
    assert service(f"IPTABLES_SAVE_ON_STOP={value}\n").is_yes("SAVE_ON_STOP") is yes


def test_family_decides_the_prefix() -> None:
    assert service("IP6TABLES_MODULES=a", 6).value("MODULES") == "a"


def test_words_know_their_places() -> None:
    words = service('# x\nIPTABLES_MODULES="nf_nat nf_nat_ftp"\nIPTABLES_MODULES+=" x"').words("MODULES")
    assert [word.value for word in words] == ["nf_nat", "nf_nat_ftp", "x"]
    assert [text_at(word) for word in words] == ["nf_nat", "nf_nat_ftp", "x"]


def test_word_that_comes_from_elsewhere_has_the_place_of_the_value() -> None:
    (word,) = service('A=x\nIPTABLES_MODULES="$A"').words("MODULES")
    assert (word.value, text_at(word)) == ("x", '"$A"')


def test_doubling_a_variable_line_by_line_is_bounded() -> None:
    text = "A=aaaaaaaa\n" + "A=$A$A\n" * 64 + "IPTABLES_MODULES=$A\n"
    assert len(service(text).value("MODULES")) < 100_000


def test_options_of_a_module_by_any_spelling() -> None:
    found = options("options nf-conntrack hashsize=1 acct\noptions nf_conntrack hashsize=2\noptions other hashsize=3")
    assert [(option.key, option.value) for option in found.options("nf_conntrack")] == [
        ("hashsize", "1"),
        ("acct", None),
        ("hashsize", "2"),
    ]
    assert text_at(found.option("nf-conntrack", "hashsize")) == "2"


def test_alias_blacklist_and_install() -> None:
    found = options("alias ip-x nf_y\nblacklist nf-z\ninstall nf_z /bin/true\ninstall nf_* /bin/false")
    assert [(alias.key, alias.value) for alias in found.aliases] == [("ip_x", "nf_y")]
    assert text_at(found.blacklisted("nf_z")) == "nf-z"
    assert found.blacklisted("nf_y") is None
    assert text_at(found.install("nf-z")) == "/bin/true"
    assert text_at(found.install("nf_y")) == "/bin/false"


@pytest.mark.parametrize(
    ("text", "loads"),
    [("nf_conntrack", True), ("nf-conntrack", True), ("#nf_conntrack", False), ("nf_conntrack hashsize=9", False)],
)
def test_modules_loaded_at_boot(text: str, *, loads: bool) -> None:
    found = modules_load([modules.parse("etc/modules-load.d/a.conf", text)])
    assert (found.loads("nf_conntrack") is not None) is loads
