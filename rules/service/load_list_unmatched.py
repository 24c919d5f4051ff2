"""service/load-list-unmatched"""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ruleset_lint.lint import Edit, Finding, Fix, Judgement, Place, Safety, Severity, at_line, judge, rule
from ruleset_lint.model.host import Host
from ruleset_lint.model.settings import ServiceConfig, Setting, Sysctls
from ruleset_lint.netfilter.profiles import Profile

from . import _shared

_OWN = r"(?:^|/)etc/sysctl(?:\.conf|\.d/[^/]+)$"
_PLAIN = r"[A-Za-z0-9_./*,][A-Za-z0-9_./*,-]*"
_CONF = "etc/sysctl.conf"


class _Said(NamedTuple):
    """A line that sets something; `applied` says whether sysctl applies its file at boot."""

    setting: Setting
    text: str
    applied: bool


@rule(Severity.ERROR, yields_to=("service/typographic-quotes",))
def load_list_unmatched(
    service: ServiceConfig, sysctl: Sysctls, host: Host, profiles: tuple[Profile, ...]
) -> Iterator[Finding]:
    """A text in the list of sysctls to load again matches no line of the files that are searched

    ## What it does
    Searches for each word of `IPTABLES_SYSCTL_LOAD_LIST` as the init script of the release does: as a fixed text, in
    the files that this release looks at. Fires where settings are there that the word was meant for: in another file,
    with slashes instead of dots, under the names of another kernel, or with a pattern or commas in the word.

    ## Why is this bad?
    The script hands the lines it finds to sysctl and is content with none. Nothing is set again, and nothing says so:
    after a restart that unloaded the modules the table has its default size.

    ## Example
    ```
    # on EL6, where the settings are called net.netfilter.nf_conntrack_…
    IPTABLES_SYSCTL_LOAD_LIST=".ip_conntrack"
    ```

    ## Use instead
    ```
    IPTABLES_SYSCTL_LOAD_LIST=".nf_conntrack"
    ```

    ## Fix safety
    Unsafe: settings that were not applied by the service are. Manual where the settings are to be moved.

    ## Since
    All releases that have the list. EL5 searches sysctl.conf, EL6 `sysctl.d/*.conf` as well from 1.4.7-17 on, EL7
    only `sysctl.d/*` from 1.4.21-21 on, EL8 `sysctl.d/*.conf`. Silent where some package of the release finds the line.

    ## Source
    `load_sysctl` of iptables.init in iptables 1.4.7-9 to -19.el6, 1.4.21-18.3 to -33.el7 and 1.8.4-22.el8 of Red Hat.
    """
    lines = tuple(_lines(host, sysctl))
    readers = _shared.readers(profiles)
    words = [word for word in service.words("SYSCTL_LOAD_LIST") if re.fullmatch(_PLAIN, word.value or "")]
    for word in words:
        judgement = judge(readers, partial(_finds_nothing, word.value or "", lines))
        others = [other.value or "" for other in words if other is not word]
        finding = _finding(word, judgement, lines, others) if judgement else None
        if finding:
            yield finding


def _finding(word: Setting, judgement: Judgement, lines: Sequence[_Said], others: Sequence[str]) -> Finding | None:
    """What the word was meant for; None if there is no such setting, or another word finds it."""
    item = word.value or ""
    profile = judgement.holds[-1]
    searched = [one for one in lines if _searches(profile, one)]
    missed = [one for one in lines if not any(other in one.text for other in others if _searches(profile, one))]
    elsewhere = next((one for one in missed if item in one.text), None)
    meant = next(((new, one) for new in _variants(item) for one in missed if one in searched and _has(new, one)), None)
    if meant:
        new, said = meant
        return _made(word, judgement, said, f"it has {_found(new, said)}", _fix(word, new))
    if elsewhere:
        files = " and ".join(profile.paths.load_list_files)
        return _made(
            word,
            judgement,
            elsewhere,
            f"only {files} is searched",
            Fix(f"move it to a file of {files}", safety=Safety.MANUAL),
        )
    return None


def _made(word: Setting, judgement: Judgement, said: _Said, why: str, fix: Fix | None) -> Finding:
    where = f" {judgement.where}" if judgement.where else ""
    return Finding(
        Place(word.document, word.span),
        f"{(word.value or '')[:60]} matches no line that the service searches{where}, so nothing is set again",
        related=(at_line(said.setting.document, said.setting.line, f"this was meant, and {why}"),),
        fix=fix,
        confidence=judgement.confidence,
    )


def _lines(host: Host, sysctl: Sysctls) -> Iterator[_Said]:
    """The lines of the administrator's files that set something."""
    passed_over = (setting for one in host.passed_over for setting in one.sysctls)
    for settings, applied in ((sysctl.all, True), (passed_over, False)):
        for one in settings:
            if re.search(_OWN, one.document.path):
                yield _Said(one, one.document.content(one.line), applied)


def _searches(profile: Profile, said: _Said) -> bool:
    """Whether some package of the release searches the file: sysctl.conf also by the link that is in sysctl.d."""
    path = f"/{said.setting.document.path}"
    files = profile.paths.load_list_files
    if any(fnmatch.fnmatchcase(path, f"*/{pattern}") for pattern in files):
        return True
    return path.endswith(f"/{_CONF}") and said.applied and profile.init == "systemd"


def _finds_nothing(item: str, lines: Sequence[_Said], profile: Profile) -> bool:
    return not any(item in said.text and _searches(profile, said) for said in lines)


def _variants(item: str) -> Iterator[str]:
    """What may have been meant by a text that is not found."""
    words = " ".join(part for part in re.split(r"[*,]+", item) if part)
    for text in dict.fromkeys((words, item)):
        yield from (
            text,
            text.replace("ip_conntrack", "nf_conntrack"),
            text.replace("nf_conntrack", "ip_conntrack"),
            text.replace(".", "/"),
        )


def _has(texts: str, said: _Said) -> bool:
    return bool(_found(texts, said))


def _found(texts: str, said: _Said) -> str:
    """The first of some texts that a line has."""
    return next((text for text in texts.split() if text in said.text), "")


def _fix(word: Setting, new: str) -> Fix | None:
    """The word as it was meant, if it stands in the file as the shell reads it."""
    document = word.document
    bare = document.text[word.span.start - 1] == "=" and " " in new
    if document.source(word.span) != word.value or bare:
        return None
    return Fix(f"write `{new}`", (Edit(word.span, new),))
