"""What the rules about sysctls have in common."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ruleset_lint.lint import Edit, Judgement, Place, Span, judge
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import Setting, Sysctls
from ruleset_lint.netfilter.profiles import Profile
from ruleset_lint.netfilter.sysctls import exists, is_conntrack, key_of, number, variable_of


def conntrack_settings(sysctl: Sysctls) -> Iterator[Setting]:
    """The settings of connection tracking, in the order in which they are applied; ufw applies its own file itself."""
    return (one for one in sysctl.all if is_conntrack(one.key) and "/ufw/" not in f"/{one.document.path}")


class Judged(NamedTuple):
    """A setting, and on which profiles something holds of its key."""

    setting: Setting
    judgement: Judgement


def judged_settings(
    settings: Iterable[Setting], profiles: Sequence[Profile], test: Callable[[str, Profile], bool]
) -> Iterator[Judged]:
    """The settings of whose key something holds on some profile. Each key is asked for once."""
    known: dict[str, Judgement | None] = {}
    for setting in settings:
        if setting.key not in known:
            known[setting.key] = judge(profiles, partial(test, setting.key))
        judgement = known[setting.key]
        if judgement:
            yield Judged(setting, judgement)


def options_module(profile: Profile) -> str:
    """The module whose options set the size of the table."""
    return "ip_conntrack" if profile.names == "ip_conntrack" else "nf_conntrack"


def place(setting: Setting, note: str = "") -> Place:
    """Where a setting stands."""
    return Place(setting.document, setting.span, note)


def key_span(setting: Setting) -> Span:
    """Where its key stands."""
    before = setting.document.source(Span(setting.span.start, setting.value_span.start))
    return Span(setting.span.start, setting.span.start + len(before.partition("=")[0].rstrip(" \t")))


def with_key(setting: Setting, key: str) -> Edit:
    """The edit that gives a setting another key, with slashes where it has them."""
    span = key_span(setting)
    slashes = "/" in setting.document.source(span)
    return Edit(span, key.replace(".", "/") if slashes else key)


def removal(setting: Setting) -> Edit:
    """The edit that takes a setting's line out."""
    return Edit(setting.line.span, "")


def setting_of(name: str, host: Host, profile: Profile) -> Setting | None:
    """The setting that gives a conntrack variable ("max") its value on this kernel, by its key or by a pattern."""
    found = variable_of(f"net.netfilter.nf_conntrack_{name}")
    key = key_of(found, profile) if found else None
    setting = host.sysctl.effective(key) if host.sysctl and key else None
    return None if setting and is_conntrack(setting.key) and not exists(setting.key, profile) else setting


def is_meant(name: str, host: Host) -> bool:
    """Whether a setting names a conntrack variable by the key of any kernel, whether this one has it or not."""
    found = variable_of(f"net.netfilter.nf_conntrack_{name}")
    return any(variable_of(one.key) is found for one in host.sysctl.all) if host.sysctl and found else False


def hashsize(host: Host, profile: Profile) -> tuple[Setting, int] | None:
    """The option of modprobe.d that says how many buckets the table gets, and the number."""
    option = host.modprobe.option(options_module(profile), "hashsize") if host.modprobe else None
    found = number(option.value or "") if option else None
    return (option, found) if option and found and 0 < found < 1 << 31 else None
