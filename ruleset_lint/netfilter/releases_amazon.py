"""Amazon Linux: packages as those of Enterprise Linux, kernels as kernel.org has them. Pure data, no look-ups."""

from __future__ import annotations

from ruleset_lint.netfilter.kernels import kernel_of
from ruleset_lint.netfilter.release import Profile
from ruleset_lint.netfilter.releases_redhat import EL8, EL9

# iptables-1.8.4-10.amzn2, before it 1.8.2; `iptables` is the legacy one, iptables-nft is a package of its own. A
# machine has kernel 4.14, or one of the extras 5.4, 5.10 and 5.15
AMAZON2 = EL8._replace(
    name="amazon2",
    title="Amazon Linux 2 with Linux 4.14",
    iptables=("1.8.2", "1.8.4"),
    backends=("legacy", "nft"),
    **kernel_of((4, 14, 0))._asdict(),
)
AMAZON2_510 = AMAZON2._replace(
    name="amazon2-5.10", title="Amazon Linux 2 with Linux 5.10", **kernel_of((5, 10, 0))._asdict()
)
# kernels 6.1, 6.12 and 6.18 by the release notes of 2023.11
AMAZON2023 = EL9._replace(
    name="amazon2023",
    title="Amazon Linux 2023",
    iptables=("1.8.8",),
    backends=("nft", "legacy"),
    **kernel_of((6, 1, 0))._asdict(),
)

AMAZON: tuple[Profile, ...] = (AMAZON2, AMAZON2_510, AMAZON2023)
