"""`python -m benchmarks.reach`: rules that are called dead, each tried in the kernel with a packet made for it.

The rulesets are those of others (the corpus, where it is) that load, and some that are made up. Needs root, iptables,
ip and /dev/net/tun. Exit code 1 if a rule counts a packet although it was called dead.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from benchmarks import corpus, folding
from ruleset_lint.model.blocks import family_of
from ruleset_lint.model.loading import load
from ruleset_lint.model.ruleset import Ruleset
from ruleset_lint.syntax.iptables_save import parse
from tests.kernel.dead_rules import Outcome, tried
from tests.kernel.injected import arena
from tests.kernel.made_rulesets import made_ruleset
from tests.kernel.namespaces import missing
from tests.kernel.rulesets import BACKENDS

_FOLDED = 400  # rules of a ruleset like that of benchmarks.folding


def of_others() -> Iterator[tuple[str, Ruleset]]:
    """The whole rulesets of the corpus."""
    for row in corpus.rows("dumps/INDEX.tsv"):
        text = corpus.text_of(f"dumps/{row['file']}")
        yield row["file"], load(parse(row["file"], text), family_of(row["file"], text))


def made_up(count: int, seed: int) -> Iterator[tuple[str, Ruleset]]:
    """Random rulesets, half of them like those of benchmarks.folding."""
    for number in range(seed, seed + count):
        family = 4 if number % 4 else 6
        lines = "\n".join((*folding.made(_FOLDED, number), ""))
        text = lines if number % 2 else made_ruleset(random.Random(number), family)
        yield f"seed {number}", load(parse("made", text), 4 if number % 2 else family, fragment=False)


def main(words: Sequence[str] | None = None) -> int:
    """Try and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reach", description=__doc__)
    parser.add_argument("--made", type=int, default=60, help="how many rulesets to make up")
    parser.add_argument("--seed", type=int, default=0, help="where the dice begin")
    parser.add_argument("--verbose", action="store_true", help="name the rules that could not be tried, too")
    request = parser.parse_args(words)
    if reason := missing():
        parser.error(reason)
    total: Counter[Outcome] = Counter()
    for number, (name, ruleset) in enumerate((*of_others(), *made_up(request.made, request.seed))):
        with arena() as place:
            for one in tried(place, ruleset, BACKENDS[number % 2]):
                total[one.outcome] += 1
                if one.outcome is Outcome.ALIVE or (request.verbose and one.outcome is not Outcome.DEAD):
                    text = ruleset.document.content(one.rule.line)
                    print(f"{name}:{one.rule.number}: {text}: {one.outcome.value}: {one.packet}")
    print(*(f"{total[outcome]}: {outcome.value}" for outcome in Outcome), sep="\n")
    return int(total[Outcome.ALIVE] > 0)


if __name__ == "__main__":
    sys.exit(main())
