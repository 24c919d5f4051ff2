"""Rules in any spelling, loaded and saved by the real iptables: the normal form is what it prints."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from written_rules import rules

from ruleset_lint import normalise

from .namespaces import missing
from .rulesets import BACKENDS, Backend, saved

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

FEW = settings(
    max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate]
)
ODD = """\
*filter
:INPUT DROP [7:8]
-N zz
:aa -
-A INPUT -s 192.0.2.1,192.0.2.2 -d 10.1.2.3/8,10.0.0.1 -j aa
-I INPUT -s 192.0.2.3,192.0.2.4
-I INPUT 1 -i lo -c 5 6
[1:2] -A aa -p tcp ! --sport 0:5 -m tcp --dport 7 -g zz
-A aa -p tcp -m tcp ! --dport :
-A aa -p udp -m comment --comment x -m udp --dport 5 -m udp --sport 7
-P FORWARD DROP
COMMIT
"""


def ruleset(written: list[str]) -> str:
    lines = (f"-A FORWARD {rule}\n" for rule in written)
    return f"*filter\n:chain - [0:0]\n{''.join(lines)}COMMIT\n"


def plain(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("family", [4, 6])
@FEW
@given(data=st.data())
def test_the_kernel_gives_back_the_normal_form(family: Literal[4, 6], backend: Backend, data: st.DataObject) -> None:
    text = ruleset(data.draw(st.lists(rules(family), min_size=8, max_size=12)))
    wanted = normalise(text, family=family, backend=backend)
    assert plain(saved(text, family, backend)) == plain(wanted)
    assert normalise(wanted, family=family, backend=backend) == wanted


@pytest.mark.parametrize("backend", BACKENDS)
def test_commands_and_lists_end_where_the_kernel_has_them(backend: Backend) -> None:
    assert plain(saved(ODD, 4, backend)) == plain(normalise(ODD, backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_normal_form_loads_and_comes_back_as_it_is(backend: Backend) -> None:
    wanted = normalise(ODD, backend=backend)
    assert plain(saved(wanted, 4, backend)) == plain(wanted)
