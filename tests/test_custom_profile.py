"""Profiles given as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruleset_lint.netfilter.profiles import PROFILES, Profile, UnknownProfileError, profile


def _names_of_custom(text: str) -> tuple[str, str]:
    made = profile(text)
    return made.name, made.release


@pytest.mark.parametrize(
    ("text", "name", "release"),
    [
        ("kernel=5.14 iptables=1.8.8", "kernel=5.14 iptables=1.8.8 backend=nft init=systemd", "el9"),
        (" INIT=systemd  backend=NFT kernel=5.14 ", "kernel=5.14 iptables=1.8.10 backend=nft init=systemd", "el9"),
        ("kernel=2.6.32", "kernel=2.6.32 iptables=1.4.7 backend=legacy init=sysv", "el6"),
        ("kernel=2.4.21", "kernel=2.4.21 iptables=1.3.5 backend=legacy init=sysv", "el5"),
        ("kernel=6.12 backend=legacy", "kernel=6.12 iptables=1.8.11 backend=legacy init=systemd", "debian13"),
        ("kernel=6.5 iptables=1.8.8", "kernel=6.5 iptables=1.8.8 backend=nft init=systemd", "amazon2023"),
        ("iptables=1.8.4", "kernel=4.18 iptables=1.8.4 backend=nft init=systemd", "el8"),
        ("iptables=1.8.4 backend=legacy", "kernel=5.10 iptables=1.8.4 backend=legacy init=systemd", "amazon2-5.10"),
        ("kernel=3.10.0 init=sysv", "kernel=3.10 iptables=1.4.21 backend=legacy init=sysv", "el7.7"),
    ],
)  # fmt: skip
def test_a_custom_profile_is_the_nearest_release_where_it_says_nothing(text: str, name: str, release: str) -> None:
    assert _names_of_custom(text) == (name, release)


@pytest.mark.parametrize(
    ("text", "names", "insert_limit"),
    [
        ("kernel=4.18", "merged", None),
        ("kernel=4.16", "split", None),
        ("kernel=5.13", "merged", None),
        ("kernel=5.14", "merged", 8),
        ("kernel=6.0", "merged", 8),
        ("kernel=6.18", "merged", 50),
    ],
)
def test_a_kernel_that_no_release_has_is_that_of_kernel_org(text: str, names: str, insert_limit: int | None) -> None:
    made = profile(text)
    assert (made.names, made.insert_limit) == (names, insert_limit)


@given(st.sampled_from(PROFILES))
def test_the_name_of_a_custom_profile_is_that_profile(known: Profile) -> None:
    made = profile(f"iptables={known.iptables[0]} kernel={'.'.join(map(str, known.kernel))}")
    assert profile(made.name) == made


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kernel=", "'' as kernel of a profile, a version such as 5.14 expected"),
        ("kernel=5", "'5' as kernel of a profile, a version such as 5.14 expected"),
        ("kernel=٥.4", "'٥.4' as kernel of a profile, a version such as 5.14 expected"),
        ("kernel=5.4 iptables=new", "'new' as iptables of a profile, a version such as 1.8.8 expected"),
        ("kernel=5.4 backend=bpf", "'bpf' as backend of a profile, nft or legacy expected"),
        ("kernel=5.4 init=upstart", "'upstart' as init of a profile, systemd or sysv expected"),
        (
            "kernel=5.4 distribution=x",
            "'distribution=x' in a profile, words are kernel=, iptables=, backend= and init=",
        ),
        ("kernel=5.4 debian12", "'debian12' in a profile, words are kernel=, iptables=, backend= and init="),
        ("kernel=5.4 kernel=5.5", "kernel= twice in a profile"),
        ("backend=nft", "a profile of one's own wants kernel= or iptables="),
        ("iptables=1.4.21 backend=nft", "iptables 1.4.21 in a profile has no backend nft, 1.8 was the first with one"),
    ],
)
def test_what_is_no_custom_profile_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(UnknownProfileError) as raised:
        profile(text)
    assert str(raised.value) == reason


@given(st.text("kerniptablsc=0123456789. ", max_size=60))
def test_any_text_is_a_profile_or_refused(text: str) -> None:
    try:
        made = profile(text)
    except UnknownProfileError:
        return
    assert profile(made.name) == made
