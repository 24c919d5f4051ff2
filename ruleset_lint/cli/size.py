"""`ruleset-lint size`: the conntrack table that a machine should have."""

from __future__ import annotations

from pathlib import Path

from ruleset_lint.cli.requests import SizeRequest
from ruleset_lint.cli.terminal import complain, put
from ruleset_lint.gather import gather_root
from ruleset_lint.lint.configuration_values import parse_size
from ruleset_lint.netfilter.profiles import PROFILES, Profile, UnknownProfileError, profile
from ruleset_lint.rewrite.sizing import Advice, SizeError, advise


def run(request: SizeRequest) -> int:
    """Print the size and where each value goes."""
    try:
        if request.ram is None and request.connections is None:
            raise SizeError("give --ram (16G) or --connections (500000), or both")
        release, why = _release(request.profile)
        ram = None if request.ram is None else parse_size(request.ram)
        advice = advise(release, ram=ram, connections=request.connections)
    except (ValueError, UnknownProfileError) as error:
        complain(str(error))
        return 2
    put("".join(f"{line}\n" for line in _lines(advice, release, why)))
    return 0


def complete(incomplete: str) -> list[str]:
    """Names of profiles that begin so."""
    return [known.name for known in PROFILES if known.name.startswith(incomplete)]


def _release(name: str | None) -> tuple[Profile, str]:
    """The release that is asked for, else the one that this machine says it is, else the newest."""
    if name is not None:
        return profile(name), "as asked for"
    host = gather_root(Path("/")).host
    if len(host.profiles) == 1:
        return host.profiles[0], f"this machine: {host.profile_reason}"
    return PROFILES[-1], "the newest known, for want of --profile"


def _lines(advice: Advice, release: Profile, why: str) -> list[str]:
    size, carriers = advice.size, advice.carriers
    return [
        f"{release.title} ({why})",
        f"  {size.maximum} connections in {size.buckets} buckets, {size.mean_chain:g} entries a bucket when full",
        f"  memory: {_mebibytes(size.table_bytes)} at once, {_mebibytes(size.total_bytes)} when full",
        f"{release.paths.modprobe_file}",
        f"  {carriers.modprobe_line}",
        f"{release.paths.sysctl_file}",
        *(f"  {key} = {value}" for key, value in carriers.sysctls),
        "at once",
        *(f"  echo {value} > {path}" for path, value in carriers.live_files),
        *(f"note: {warning}" for warning in advice.warnings),
    ]


def _mebibytes(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"
