"""`ruleset-lint trace`: the way of one packet through a ruleset, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint import __version__
from ruleset_lint.api import NotLoadedError, refuse_unloadable
from ruleset_lint.cli.requests import TraceRequest
from ruleset_lint.cli.subject import ERRORS, UsageError, prepare
from ruleset_lint.cli.terminal import complain, put
from ruleset_lint.gather import Gathering, gather
from ruleset_lint.model.rule import Rule
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.captured import read_any
from ruleset_lint.packets.course import CONNTRACK
from ruleset_lint.packets.formula import DESTINATION_TYPE, SOURCE_TYPE, Packet
from ruleset_lint.packets.one_packet import Passage
from ruleset_lint.packets.packet_text import PacketError, answer_text, packet_text
from ruleset_lint.packets.trace import CourseError, Trace, trace
from ruleset_lint.report.unicode import valid
from ruleset_lint.text import safe

SCHEMA = 1
_TYPES = (SOURCE_TYPE, DESTINATION_TYPE)
_STEP = 22  # columns for hook and table
_NOT_ASKED = "not asked: of a connection, nat sees the first packet"


class _Traced(NamedTuple):
    """A ruleset, the packet as it was given, and its way."""

    ruleset: Ruleset
    given: Packet
    trace: Trace

    @property
    def packet(self) -> str:
        """The packet with what was guessed, but for the types of its addresses."""
        found, given = self.trace.packet, self.given.values
        kept = {of: value for of, value in found.values.items() if of in given or of not in _TYPES}
        return packet_text(Packet(found.family, kept, found.interfaces, found.answers))


def run(request: TraceRequest) -> int:
    """Print the way: exit code 0 if the verdict is known, 3 if it depends on what is not."""
    try:
        packet = read_any(request.packet)
        prepared = prepare(request.subject)
        gathering = gather(prepared.found, prepared.configuration, prepared.options, {})
        traced = [_traced(ruleset, packet, request) for ruleset in _asked(gathering, packet.family, request)]
    except (PacketError, CourseError) as error:
        complain(f"--packet: {error}")
        return 2
    except (*ERRORS, NotLoadedError) as error:
        complain(str(error))
        return 2
    put(_json(traced) if request.output_format == "json" else "\n".join(map(_text, traced)))
    return 0 if all(one.trace.settled for one in traced) else 3


def _asked(gathering: Gathering, family: int, request: TraceRequest) -> list[Ruleset]:
    """The rulesets of the packet's family: of a machine the one that it loads, of single files each."""
    problems = [*gathering.problems, *(problem for host in gathering.hosts for problem in host.problems)]
    if problems:
        raise UsageError("; ".join(f"{problem.path}: {problem.reason}" for problem in problems))
    found: list[Ruleset] = []
    for gathered in gathering.hosts:
        host = gathered.host
        own = host.v4 if family == 4 else host.v6
        if host.root and not gathered.asked:
            found += [own] if own else []
        else:
            found += [one for one in host.rulesets if one.family == family and gathered.is_asked(one.document.path)]
    if not found:
        raise UsageError(f"no ruleset for IPv{family} in {', '.join(request.subject.paths)}; --family says what it is")
    return found


def _traced(ruleset: Ruleset, packet: Packet, request: TraceRequest) -> _Traced:
    path = ruleset.document.path
    if ruleset.fragment:
        raise UsageError(
            f"{path}: a part for --noflush, and the rest of the rules is not known; --whole says it is all"
        )
    try:
        refuse_unloadable(ruleset, request.subject.backend or "nft")
    except NotLoadedError as error:
        raise UsageError(f"{path}: {error}: it would not load, so no packet meets it") from None
    return _Traced(ruleset, packet, trace(ruleset, packet, request.course))


def _text(traced: _Traced) -> str:
    return "".join(f"{safe(line)}\n" for line in _lines(traced))


def _lines(traced: _Traced) -> Iterator[str]:
    found = traced.trace
    yield f"{traced.ruleset.document.path}: {found.course}"
    yield f"  {traced.packet}"
    for passage in found.passages:
        yield from _passage_lines(passage)
    yield from _verdict_lines(found)


def _passage_lines(passage: Passage) -> Iterator[str]:
    """A line for each rule that did something, and under it what it did; last what decided."""
    head = f"  {passage.step.hook:<11} {passage.step.table:<{_STEP - 12}}"
    done: dict[Rule, list[str]] = {}
    for change in passage.changes:
        done.setdefault(change.rule, []).append(change.text)
    if passage.rule is not None:
        done.setdefault(passage.rule, []).append(passage.verdict)
    for rule, texts in done.items():
        yield f"{head}{rule.number}: {_written(rule)}"
        yield f"{'':<{_STEP + 4}}{'; '.join(texts)}"
        head = " " * (_STEP + 2)
    if passage.rule is None:
        policy = "" if passage.step.table == CONNTRACK or not passage.verdict else ", the policy"
        yield f"{head}{passage.verdict or _NOT_ASKED}{policy}"


def _written(rule: Rule) -> str:
    """The rule's line without what stands before and behind it."""
    return rule.home.document.content(rule.line).strip()


def _verdict_lines(found: Trace) -> Iterator[str]:
    yield found.verdict if found.settled else f"{found.verdict}, if the answer to what is not known is no:"
    if not found.settled:
        telling = [one for one in found.assumptions if one.otherwise != found.verdict] or found.assumptions
        for one in telling:
            yield f"  = line {one.rule.number}: {one.question}? If so: {one.otherwise}"
        yield f"  = answers stand in the packet: {answer_text(telling[0].question, answer=True)}"
    if found.guesses:
        yield f"  = guessed: {', '.join(found.guesses)}"
    for text in found.unasked:
        yield f"  = no rule asked: {text}"


def _json(traced: list[_Traced]) -> str:
    content = {"schema": SCHEMA, "version": __version__, "traces": [_content(one) for one in traced]}
    return json.dumps(valid(content), indent=2) + "\n"


def _content(traced: _Traced) -> dict[str, object]:
    found = traced.trace
    return {
        "path": traced.ruleset.document.path,
        "family": traced.ruleset.family,
        "course": found.course,
        "packet": traced.packet,
        "verdict": found.verdict,
        "settled": found.settled,
        "passages": [_passage(passage) for passage in found.passages],
        "assumptions": [
            {"question": one.question, "line": one.rule.number, "otherwise": one.otherwise} for one in found.assumptions
        ],
        "guesses": list(found.guesses),
        "unasked": list(found.unasked),
    }


def _passage(passage: Passage) -> dict[str, object]:
    return {
        "hook": passage.step.hook,
        "table": passage.step.table,
        "verdict": passage.verdict or None,
        "line": passage.rule.number if passage.rule else None,
        "rule": _written(passage.rule) if passage.rule else None,
        "changes": [{"line": change.rule.number, "text": change.text} for change in passage.changes],
        "met": [rule.number for rule in passage.met],
    }
