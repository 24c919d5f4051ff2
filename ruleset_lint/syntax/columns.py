"""Lines as columns: a line is its form and its values, and its node is made when somebody asks. Knows no format."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import count
from operator import itemgetter
from typing import Generic, TypeVar, overload

Node_co = TypeVar("Node_co", covariant=True)
Values = tuple[object, ...]
_Any = TypeVar("_Any")


class LineForm(Generic[Node_co]):
    """What lines have in common: the type of their nodes, and how a node is made of a line's values.

    Compared by identity: a document has one of each.
    """

    __slots__ = ("kind", "node")

    def __init__(self, kind: type, node: Callable[[Values], Node_co]) -> None:
        """The type of the nodes, and what makes one of values."""
        self.kind = kind
        self.node = node


class Nodes(Sequence[Node_co]):
    """The nodes of a document's lines: a file of 100,000 has them as forms and values, side by side."""

    def __init__(self, forms: Sequence[LineForm[Node_co]], values: Sequence[Values]) -> None:
        """A form and values for each line."""
        self.forms = forms
        self.values = values

    def __len__(self) -> int:
        return len(self.forms)

    def __iter__(self) -> Iterator[Node_co]:
        return (form.node(values) for form, values in zip(self.forms, self.values, strict=True))

    @overload
    def __getitem__(self, index: int) -> Node_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Node_co]: ...
    def __getitem__(self, index: int | slice) -> Node_co | Sequence[Node_co]:
        if isinstance(index, slice):
            return Nodes(self.forms[index], self.values[index])
        return self.forms[index].node(self.values[index])

    @cached_property
    def by_form(self) -> Mapping[LineForm[Node_co], Sequence[int]]:
        """The numbers of the lines, from 1, by their form."""
        return _by_form(self.forms, 1)

    def between(self, start: int, end: int) -> Iterable[tuple[LineForm[Node_co], Sequence[int]]]:
        """The same of the lines behind line `start` up to line `end`."""
        if end - start < len(self.by_form):
            return _by_form(self.forms[start:end], start + 1).items()
        parts = (
            (form, numbers[bisect_right(numbers, start) : bisect_right(numbers, end)])
            for form, numbers in self.by_form.items()
        )
        return ((form, numbers) for form, numbers in parts if numbers)


def _by_form(forms: Sequence[LineForm[Node_co]], first: int) -> Mapping[LineForm[Node_co], Sequence[int]]:
    found: defaultdict[LineForm[Node_co], list[int]] = defaultdict(list)
    deque(map(list.append, map(found.__getitem__, forms), count(first)), maxlen=0)
    return found


def plain_nodes(nodes: Sequence[Node_co]) -> Nodes[Node_co]:
    """Nodes that are there already, each the only value of its line."""
    forms: dict[type, LineForm[Node_co]] = {kind: LineForm(kind, itemgetter(0)) for kind in set(map(type, nodes))}
    return Nodes([forms[type(node)] for node in nodes], [(node,) for node in nodes])


def at_lines(numbers: Sequence[int], column: Sequence[_Any]) -> Sequence[_Any]:
    """What stands in a column at lines of these numbers, which begin with 1."""
    if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:
        return column[numbers[0] - 1 : numbers[-1]]
    return [column[number - 1] for number in numbers]
