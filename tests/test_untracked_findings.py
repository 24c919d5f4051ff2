"""What findings about untracked packets say beside their messages: how sure they are, and a packet that shows it."""

from __future__ import annotations

import pytest
from rule_fixtures import FOLDER

from ruleset_lint import check_text
from ruleset_lint.lint.report import ReportedFinding


def _found(rule: str, fixture: str) -> ReportedFinding:
    text = (FOLDER / rule / f"{fixture}.rules").read_text("utf-8")
    (found,) = [one for one in check_text(text, path="rules.v4").findings if one.rule == rule]
    return found


@pytest.mark.parametrize(
    ("fixture", "confidence"), [("bad-redirect-to-the-port", "proven"), ("bad-perhaps-exempted", "likely")]
)
def test_a_translation_behind_a_rule_that_may_exempt_is_likely_lost(fixture: str, confidence: str) -> None:
    assert _found("notrack/nat-conflict", fixture).confidence == confidence


@pytest.mark.parametrize(
    ("fixture", "packet"),
    [
        ("bad-host", "203.0.113.7:80 > 192.0.2.10:40000"),
        ("bad-named-servers", "198.51.100.7:80 > 192.0.2.10:40000"),
    ],
)
def test_the_packet_of_an_example_has_the_addresses_that_the_rule_names(fixture: str, packet: str) -> None:
    assert _found("notrack/drops-clients", fixture).help[0].startswith(packet)
