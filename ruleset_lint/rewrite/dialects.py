"""How each release spells what a rewrite adds to a ruleset. Knows no ruleset."""

from __future__ import annotations

from collections.abc import Sequence

from ruleset_lint.netfilter.releases import Profile
from ruleset_lint.rewrite.service_packets import Dialect

_U32_SINCE = (2, 6, 23)  # net/netfilter/xt_u32.c
_ADDRTYPE_V6_SINCE = (2, 6, 39)  # net/netfilter/xt_addrtype.c; before it ipt_addrtype.c, for IPv4 only
_OLD_NOTRACK = ("-j", "NOTRACK")
_OLD_STATE = ("-m", "state", "--state")


def dialect_of(profile: Profile, family: int) -> Dialect:
    """The spelling of one release for IPv4 (4) or IPv6 (6)."""
    modern = Dialect()
    return Dialect(
        notrack=modern.notrack if profile.has_ct_target else _OLD_NOTRACK,
        state=modern.state if profile.has_ct_target else _OLD_STATE,
        has_addrtype=family == 4 or profile.kernel >= _ADDRTYPE_V6_SINCE,
        has_u32=profile.kernel >= _U32_SINCE,
    )


def common_dialect(profiles: Sequence[Profile], family: int) -> Dialect:
    """The spelling that loads on all of the releases: old names are still taken, and what one lacks is not used."""
    dialects = [dialect_of(profile, family) for profile in profiles]
    modern = Dialect()
    return Dialect(
        notrack=modern.notrack if all(found.notrack == modern.notrack for found in dialects) else _OLD_NOTRACK,
        state=modern.state if all(found.state == modern.state for found in dialects) else _OLD_STATE,
        has_addrtype=all(found.has_addrtype for found in dialects),
        has_u32=all(found.has_u32 for found in dialects),
    )
