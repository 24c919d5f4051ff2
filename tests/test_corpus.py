"""Rulesets of others, where they are at hand: read without loss, checked without a crash, rewritten into what loads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import ruleset_lint
from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.loading import load
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint
from ruleset_lint.rewrite.notrack import Request, untrack
from ruleset_lint.syntax.iptables_save import parse
from ruleset_lint.text import decode

CORPUS = Path(os.environ.get("RULESET_LINT_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
DUMPS = sorted(path for path in (CORPUS / "dumps").glob("*/*") if path.is_file())
WEB, DNS = parse_endpoint("tcp/80"), parse_endpoint("udp/53")

pytestmark = pytest.mark.skipif(not DUMPS, reason="no corpus: RULESET_LINT_CORPUS names none")
each_dump = pytest.mark.parametrize("path", DUMPS, ids=lambda path: f"{path.parent.name}/{path.name[-60:]}")


@each_dump
def test_a_ruleset_is_read_without_loss(path: Path) -> None:
    text = decode(path.read_bytes())
    document = parse(str(path), text)
    assert "".join(document.source(line.span) for line in document.lines) == text


@each_dump
def test_a_ruleset_is_checked(path: Path) -> None:
    data = path.read_bytes()
    assert ruleset_lint.check_text(data, path=str(path), family=family_of(str(path), decode(data))).files


@each_dump
@pytest.mark.parametrize("service", [WEB, DNS], ids=str)
def test_a_rewrite_changes_nothing_the_second_time(path: Path, service: Endpoint) -> None:
    text = decode(path.read_bytes())
    family = family_of(str(path), text)
    first = untrack(load(parse("first", text), family), Request((service,))).text
    assert untrack(load(parse("second", first), family), Request((service,))).text == first
