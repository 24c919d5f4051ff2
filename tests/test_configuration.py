from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import rule_of_word

from ruleset_lint.lint import Configuration, Severity
from ruleset_lint.lint.configuration import LARGEST, ConfigurationError, find, parse, read
from ruleset_lint.lint.configuration_values import READERS, parse_size
from ruleset_lint.lint.selection import check_names
from ruleset_lint.netfilter.services import Service
from ruleset_lint.packets.endpoints import parse_endpoint

WHOLE = """\
select = ["notrack", "conntrack/state-dependent"]
ignore = ["notrack/missing"]
exclude = ["vendor"]
profile = "EL7.7"
complete = true
services = ["tcp/80", "udp/domain"]
ram = "16G"
admin-service = "tcp/2222"

[per-file-ignores]
"hosts/lb*" = ["notrack"]

[severity]
"notrack/one-sided" = "info"
"""


def test_reads_every_key() -> None:
    assert parse(WHOLE, "ruleset-lint.toml") == Configuration(
        select=("notrack", "conntrack/state-dependent"),
        ignore=("notrack/missing",),
        exclude=("vendor",),
        per_file_ignores=(("hosts/lb*", ("notrack",)),),
        severity=(("notrack/one-sided", Severity.INFO),),
        profile="el7.7",
        complete=True,
        services=(parse_endpoint("tcp/80"), parse_endpoint("udp/53")),
        ram=16 << 30,
        admin_service=Service("tcp", 2222),
        source="ruleset-lint.toml",
    )


def test_every_key_is_a_setting() -> None:
    assert {key.replace("-", "_") for key in READERS} == set(Configuration._fields) - {"source"}


def test_reads_a_table_of_pyproject() -> None:
    text = '[project]\nname = "x"\n[tool.ruleset-lint]\nselect = ["notrack"]\n'
    assert parse(text, "some/pyproject.toml").select == ("notrack",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\nselct = []", "c.toml:2: unknown key selct, did you mean select"),
        ("[per-file-ignore]", "c.toml:1: unknown key per-file-ignore, did you mean per-file-ignores"),
        ("select = 1", "c.toml:1: select: list of texts expected, 1 found"),
        ("select = [1]", "c.toml:1: select: text expected, 1 found"),
        ('\n\ncomplete = "yes"', "c.toml:3: complete: true or false expected, 'yes' found"),
        ('ram = "much"', """c.toml:1: ram: a size such as "16G" expected, 'much' found"""),
        ('profile = "el4"', "c.toml:1: profile: no profile 'el4', there are "),
        ('services = ["80"]', "c.toml:1: services: '80' names no service, write tcp/80 or udp/53"),
        ('[severity]\nnotrack = "bad"', "c.toml:1: severity: error or warning or info expected, 'bad' found"),
        ("severity = 1", "c.toml:1: severity: table expected, 1 found"),
        ("a = ", "c.toml: no TOML: Invalid value (at end of document)"),
        ("select = []\nselect = []", "c.toml: no TOML: Cannot "),
        ('"\x1b[31m" = 1', "c.toml: no TOML: "),
        ('"\\u001b[31m" = 1', r"c.toml: unknown key \x1b[31m, there are admin-service, "),
        ("a." * 17 + "b = 1", "c.toml:1: key with more than 16 dots"),
        ("[" + "a." * 17 + "b]", "c.toml:1: key with more than 16 dots"),
        ("#" * 5000, "c.toml:1: line longer than 4 KiB"),
        ("#\n" * 40000, "c.toml: larger than 64 KiB"),
        ("select = " + "[" * 1000, "c.toml: no TOML: "),
    ],
    ids=lambda value: value[:40],
)
def test_says_where_and_why(text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse(text, "c.toml")
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "bomb",
    [
        ".".join("a" * 30_000) + " = 1\n",
        "\n".join("[" + "a." * 15 + f"k{number}]" for number in range(1500)),
        "\n".join(f"k{number} = {{ {'a.' * 2000}b = 1 }}" for number in range(15)),
        "a = " + "[\n" * 30_000,
    ],
    ids=["one long key", "many tables", "inline tables", "nested arrays"],
)
def test_a_bomb_costs_nothing(bomb: str) -> None:
    start = time.process_time()
    with pytest.raises(ConfigurationError):
        parse(bomb, "c.toml")
    assert time.process_time() - start < 1


@given(st.text(alphabet='[]{}.="\\\n #,abselct1', max_size=60))
def test_raises_nothing_else(text: str) -> None:
    try:
        said = parse(text, "c.toml").source
    except ConfigurationError as error:
        said = str(error)
    assert str(said).startswith("c.toml")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\xff\n", ":1: not UTF-8"), (b"#" * (LARGEST + 1), ": larger than 64 KiB"), (None, ": cannot be read: ")],
    ids=["bytes", "large", "missing"],
)
def test_says_why_a_file_cannot_be_read(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "ruleset-lint.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        read(path)
    assert f"{path}{reason}" in str(error.value)


@pytest.mark.parametrize(
    ("text", "size"), [("16G", 16 << 30), ("512 MiB", 512 << 20), ("2048", 2048), ("1t", 1 << 40), ("64kB", 64 << 10)]
)
def test_reads_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1G", "1.5G", "\u0661G", "99999T", "1" * 40])
def test_refuses_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="a size such as"):
        parse_size(text)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "repository/.git").mkdir(parents=True)
    (tmp_path / "repository/hosts/web/etc").mkdir(parents=True)
    (tmp_path / "ruleset-lint.toml").touch()
    return tmp_path / "repository"


@pytest.mark.parametrize("name", ["ruleset-lint.toml", ".ruleset-lint.toml"])
def test_finds_the_file_of_a_folder_above(name: str, repository: Path) -> None:
    (repository / name).touch()
    assert find(repository / "hosts/web") == repository / name


def test_stops_at_the_root_of_the_repository(repository: Path) -> None:
    assert find(repository / "hosts") is None


def test_takes_the_nearest(repository: Path) -> None:
    (repository / "hosts/.ruleset-lint.toml").touch()
    (repository / "ruleset-lint.toml").touch()
    assert find(repository / "hosts/web") == repository / "hosts/.ruleset-lint.toml"


@pytest.mark.parametrize("text", ["[tool.other]\n", "#" * 100_000], ids=["of others", "large"])
def test_passes_over_a_pyproject_of_others(text: str, repository: Path) -> None:
    (repository / "pyproject.toml").write_text(text)
    assert find(repository) is None


def test_finds_a_pyproject_with_a_table(repository: Path) -> None:
    (repository / "pyproject.toml").write_text("[tool.ruleset-lint]\n")
    assert find(repository) == repository / "pyproject.toml"


@pytest.mark.parametrize("folder", ["hosts/web", "hosts/web/etc"])
def test_never_reads_what_it_audits(folder: str, repository: Path) -> None:
    (repository / "hosts/web/ruleset-lint.toml").touch()
    (repository / "hosts/web/etc/ruleset-lint.toml").touch()
    (repository / "ruleset-lint.toml").touch()
    assert find(repository / folder, [repository / "hosts/web"]) == repository / "ruleset-lint.toml"


@pytest.mark.parametrize(
    "configuration",
    [
        Configuration(select=("verdict/dorps",), source="c.toml"),
        Configuration(ignore=("verdict/dorps",), source="c.toml"),
        Configuration(per_file_ignores=(("*", ("verdict/dorps",)),), source="c.toml"),
        Configuration(severity=(("verdict/dorps", Severity.INFO),), source="c.toml"),
    ],
    ids=["select", "ignore", "per-file-ignores", "severity"],
)
def test_names_of_rules_are_checked(configuration: Configuration) -> None:
    rules = [rule_of_word("verdict/drops", "DROP")]
    with pytest.raises(ConfigurationError, match=r"^c\.toml: no rule or category 'verdict/dorps', did you mean"):
        check_names(configuration, rules)
