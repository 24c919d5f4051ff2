"""modules/spaced-option"""

from __future__ import annotations

from collections.abc import Iterator

from ruleset_lint.lint import Edit, Finding, Fix, Place, Severity, rule
from ruleset_lint.model.settings import ModuleOptions

from . import _options


@rule(Severity.ERROR)
def spaced_option(modprobe: ModuleOptions) -> Iterator[Finding]:
    """An option of a module has blanks around its `=`

    ## What it does
    Looks in modprobe.d for `options` of netfilter modules that are written `name = value`, `name =value` or
    `name= value`.

    ## Why is this bad?
    The words are handed to the kernel one by one. It gets a name without a value, and refuses to load the module when
    that is a number like `hashsize`: rules with a state test or NAT cannot be loaded then. With `name=` the value is
    empty, which is refused as well.

    ## Example
    ```
    options nf_conntrack hashsize = 262144
    ```

    ## Use instead
    ```
    options nf_conntrack hashsize=262144
    ```

    ## Fix safety
    Unsafe: the value that was meant takes effect, and the module loads.

    ## Since
    All kernels.

    ## Source
    parse_one and parse_args in kernel/params.c of Linux 2.6.18 to 6.12: a parameter without a value is refused unless
    it is a switch; modprobe.d(5).
    """
    for group in _options.spaced(modprobe):
        yield Finding(
            Place(group.words[0].document, group.span, f"{len(group.words)} words to the kernel"),
            f"{group.name} of {group.module} gets no value: blanks stand around its =",
            help=(f"the kernel refuses to load {group.module} if {group.name} is a number",),
            fix=Fix(f"write `{group.meant}`", (Edit(group.span, group.meant),)) if group.value else None,
        )
