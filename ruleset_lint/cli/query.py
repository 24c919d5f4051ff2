"""`ruleset-lint query`: what a ruleset does with all packets of a kind, for people and for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import NamedTuple

from ruleset_lint import __version__
from ruleset_lint.cli.requests import QueryRequest
from ruleset_lint.cli.rulesets import loading
from ruleset_lint.cli.subject import ERRORS, UsageError
from ruleset_lint.cli.terminal import complain, put
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.packets.bounds import NotDecidedError
from ruleset_lint.packets.box_text import box_text, key_text, parts_text
from ruleset_lint.packets.boxes import Box
from ruleset_lint.packets.query import Answer, Group, NothingAskedError, query
from ruleset_lint.packets.question_text import QuestionError, families, read_question
from ruleset_lint.report.unicode import valid
from ruleset_lint.text import safe

SCHEMA = 1
_SHOWN = 20  # boxes of a list
_PLAIN = 2  # boxes of a list that is always shown
_OPENING = "packets that open a connection: state NEW, of TCP only SYN"


class _Asked(NamedTuple):
    """A ruleset and what it answered."""

    ruleset: Ruleset
    answer: Answer


def run(request: QueryRequest) -> int:
    """Print the lists: exit code 0, or 3 if it takes too long or too much memory to make them."""
    try:
        rulesets = loading(request.subject, tuple(families(request.question)))
        answers = [_Asked(ruleset, _answer(ruleset, request)) for ruleset in rulesets]
    except QuestionError as error:
        complain(f"question: {error}")
        return 2
    except ERRORS as error:
        complain(str(error))
        return 2
    except NotDecidedError as error:
        complain(f"not decided: {error}")
        return 3
    put(_json(answers, request) if request.output_format == "json" else _text(answers, request))
    return 0


def _answer(ruleset: Ruleset, request: QueryRequest) -> Answer:
    question = read_question(request.question, ruleset.family)
    try:
        return query(
            ruleset,
            question,
            request.course,
            backend=request.subject.backend or "nft",
            deadline=time.monotonic() + request.timeout,
        )
    except NothingAskedError as error:
        raise UsageError(f"question: {error}") from None


def _text(answers: list[_Asked], request: QueryRequest) -> str:
    return "\n".join("".join(f"{safe(line)}\n" for line in _lines(one, request)) for one in answers)


def _lines(asked: _Asked, request: QueryRequest) -> Iterator[str]:
    answer = asked.answer
    yield f"{asked.ruleset.document.path}: {answer.course}: {' '.join(request.question.split()) or 'all packets'}"
    if answer.question.opening:
        yield f"  = asked of {_OPENING}"
    rest = _rest(answer.groups)
    for group in answer.groups:
        if group is not rest:
            yield group.verdict
            yield from _box_lines(group, asked.ruleset.family)
    if rest:
        yield rest.verdict
        yield "  everything else"
    yield from (f"  = some are translated on their way: {text}" for text in answer.translated)
    if answer.course == "incoming" and any(text.startswith("DNAT") for text in answer.translated):
        yield "  = where that leads elsewhere they are forwarded: ask with in and out"


def _rest(groups: tuple[Group, ...]) -> Group | None:
    """The verdict that is said at the end: the one with the longest list, if all others are said."""
    others = [group for group in groups if group.verdict != "ACCEPT"]
    accepted = [group for group in groups if group.verdict == "ACCEPT"]
    long = sum(map(_length, accepted)) > sum(map(_length, others))  # who gets in is what people ask
    longest = max((accepted if long else others) or groups, key=lambda group: (not group.complete, _length(group)))
    shown = [group for group in groups if group is not longest]
    if not shown or (longest.complete and len(longest.boxes) <= _PLAIN):
        return None
    return longest if all(group.complete and len(group.boxes) <= _SHOWN for group in shown) else None


def _length(group: Group) -> int:
    return sum(len(box.conditions) for box in group.boxes)


def _box_lines(group: Group, family: int) -> Iterator[str]:
    yield from (f"  {box_text(box, family)}" for box in group.boxes[:_SHOWN])
    more = len(group.boxes) - _SHOWN
    if not group.complete:
        yield f"  and more than {more} more" if more > 0 else "  and more"
    elif more > 0:
        yield f"  and {more} more"


def _json(answers: list[_Asked], request: QueryRequest) -> str:
    queries = [_content(one, request) for one in answers]
    return json.dumps(valid({"schema": SCHEMA, "version": __version__, "queries": queries}), indent=2) + "\n"


def _content(asked: _Asked, request: QueryRequest) -> dict[str, object]:
    answer, family = asked.answer, asked.ruleset.family
    return {
        "path": asked.ruleset.document.path,
        "family": family,
        "course": answer.course,
        "question": request.question,
        "opening": answer.question.opening,
        "answers": [
            {
                "verdict": group.verdict,
                "complete": group.complete,
                "packets": [_box(box, family) for box in group.boxes],
            }
            for group in answer.groups
        ],
        "translated": list(answer.translated),
    }


def _box(box: Box, family: int) -> dict[str, object]:
    conditions = [
        {
            "of": key_text(one.key),
            "among": parts_text(one.key, one.among, family),
            "but": parts_text(one.key, one.but, family),
        }
        for one in box.conditions
    ]
    return {"text": box_text(box, family), "conditions": conditions}
