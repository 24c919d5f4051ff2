from __future__ import annotations

import pytest

from ruleset_lint.netfilter.profiles import PROFILES, profile
from ruleset_lint.rewrite.dialects import common_dialect, dialect_of
from ruleset_lint.rewrite.service_packets import Dialect

OLD = {"el5", "el6"}
NAMES = [known.name for known in PROFILES]


@pytest.mark.parametrize("name", NAMES)
def test_old_releases_have_their_own_spelling(name: str):
    dialect = dialect_of(profile(name), 4)
    assert (dialect.notrack == ("-j", "NOTRACK")) is (name in OLD)
    assert (dialect.state == ("-m", "state", "--state")) is (name in OLD)


@pytest.mark.parametrize("name", NAMES)
def test_u32_is_missing_on_el5_only(name: str):
    assert dialect_of(profile(name), 4).has_u32 is (name != "el5")


@pytest.mark.parametrize("name", NAMES)
def test_addrtype_for_ipv6_is_missing_on_old_kernels(name: str):
    assert dialect_of(profile(name), 4).has_addrtype
    assert dialect_of(profile(name), 6).has_addrtype is (name not in OLD)


@pytest.mark.parametrize(
    ("names", "dialect"),
    [
        (("el7", "el7.7"), Dialect()),
        (("el6", "el7"), Dialect(notrack=("-j", "NOTRACK"), state=("-m", "state", "--state"))),
        (("el5", "el9"), Dialect(notrack=("-j", "NOTRACK"), state=("-m", "state", "--state"), has_u32=False)),
    ],
    ids=["alike", "one without CT", "one without u32"],
)
def test_common_dialect_loads_on_all(names: tuple[str, ...], dialect: Dialect):
    assert common_dialect(list(map(profile, names)), 4) == dialect
