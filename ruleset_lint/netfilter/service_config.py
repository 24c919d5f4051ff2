"""The variables of iptables-config and ip6tables-config, and what each release does with them. Reads no file."""

import difflib
import re
from typing import Literal, NamedTuple

from ruleset_lint.netfilter.releases import Profile

Kind = Literal["yes-no", "modules", "patterns", "seconds", "microseconds"]
Use = Literal["read", "some-packages", "ignored"]


class ConfigVariable(NamedTuple):
    """A variable of the firewall service, by its name without the IPTABLES_ or IP6TABLES_ in front.

    `default` is what the script takes when it is not set. `since` names the RPM of each release that began to read it
    ("" where all do), `ignored` the releases that do not read it.
    """

    name: str
    kind: Kind
    default: str
    effect: str
    since: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()


# iptables.init of iptables-1.4.7-9 to -19.el6, 1.4.21-18.3 to -33.el7, 1.8.4-22.el8, and the RPM changelogs
VARIABLES: tuple[ConfigVariable, ...] = (
    ConfigVariable("MODULES", "modules", "", "loads these modules after the rules"),
    ConfigVariable(
        "MODULES_UNLOAD",
        "yes-no",
        "yes",
        "unloads the netfilter modules when the service stops",
        # what the earlier packages of Amazon Linux 2 do is not known
        since=(("amazon2", "iptables-1.8.4.amzn2"), ("amazon2-5.10", "iptables-1.8.4.amzn2")),
        ignored=("el7.7", "el8", "el9", "el10", "amazon2023"),
    ),
    ConfigVariable("SAVE_ON_STOP", "yes-no", "no", "writes the running rules over the rules file before it stops"),
    ConfigVariable(
        "SAVE_ON_RESTART", "yes-no", "no", "writes the running rules over the rules file before it restarts"
    ),
    ConfigVariable("SAVE_COUNTER", "yes-no", "no", "saves and restores counters"),
    ConfigVariable("STATUS_NUMERIC", "yes-no", "yes", "shows addresses and ports as numbers"),
    ConfigVariable("STATUS_VERBOSE", "yes-no", "no", "shows counters and interfaces"),
    ConfigVariable("STATUS_LINENUMBERS", "yes-no", "yes", "shows the numbers of rules"),
    ConfigVariable(
        "SYSCTL_LOAD_LIST",
        "patterns",
        "",
        "applies the sysctl lines that hold one of these texts again after start",
        since=(("el5", "1.3.5-9.1.el5"), ("el6", "1.4.7-7.el6")),
    ),
    ConfigVariable(
        "RESTORE_WAIT",
        "seconds",
        "600",
        "waits so long for the lock when it restores rules",
        since=(("el7", "1.4.21-19.el7"),),
        ignored=("el5", "el6"),
    ),
    ConfigVariable(
        "RESTORE_WAIT_INTERVAL",
        "microseconds",
        "1000000",
        "asks for the lock that often",
        since=(("el7", "1.4.21-19.el7"),),
        ignored=("el5", "el6"),
    ),
)

SCRIPT_PATHS: frozenset[str] = frozenset({"DATA", "FALLBACK_DATA"})
"""Variables of the script's own, set before it sources the file: one of these names there moves the rules file."""

_NAME = re.compile(r"(IPTABLES|IP6TABLES)_([A-Z0-9_]{1,60})")


def family_of(name: str) -> Literal[4, 6] | None:
    """The family whose script reads variables of this name; None if neither does."""
    found = _NAME.fullmatch(name)
    if not found:
        return None
    return 4 if found[1] == "IPTABLES" else 6


def variable(name: str) -> ConfigVariable | None:
    """The variable of that full name ("IPTABLES_MODULES"), in either family; None if no release reads it."""
    found = _NAME.fullmatch(name)
    return next((known for known in VARIABLES if found and known.name == found[2]), None)


def full_name(known: ConfigVariable, family: Literal[4, 6]) -> str:
    """The name as the file of that family has it."""
    return f"{'IPTABLES' if family == 4 else 'IP6TABLES'}_{known.name}"


def use(known: ConfigVariable, profile: Profile) -> Use:
    """Whether the service of this profile reads the variable, some of its packages do, or none does."""
    if profile.paths.service_config is None or profile.release in known.ignored:
        return "ignored"
    return "some-packages" if profile.release in dict(known.since) else "read"


def is_yes(value: str) -> bool:
    """Whether the script takes the value for yes: it compares with that word, so `Yes` and `1` are no."""
    return value == "yes"


def looks_like_yes(value: str) -> bool:
    """Whether somebody meant yes and did not write it: `Yes`, `true`, `1`, `on`, or a CR behind it."""
    return not is_yes(value) and value.strip().lower() in {"yes", "y", "true", "t", "1", "on", "enable", "enabled"}


def problem(known: ConfigVariable, value: str) -> str | None:
    """What is wrong with a value, in words; None if the script takes it as it reads."""
    if known.kind == "yes-no":
        return None if value in {"yes", "no", ""} else "counts as no, only yes in lower case is yes"
    if known.kind in {"seconds", "microseconds"}:
        return None if re.fullmatch("[0-9]{1,9}", value) else "is no whole number, and waiting is off"
    if known.kind == "modules" and "," in value:
        return "has commas, modules are separated by spaces"
    return None


def nearest_name(name: str, family: Literal[4, 6]) -> str | None:
    """The variable of that family that was probably meant; None if nothing is near."""
    names = [full_name(known, family) for known in VARIABLES]
    return next(iter(difflib.get_close_matches(name[:80].upper(), names, n=1, cutoff=0.75)), None)
