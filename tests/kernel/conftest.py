"""One topology per module; where the machine cannot make namespaces the kernel tests say so and are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .namespaces import missing
from .topology import Site, site


@pytest.fixture(scope="module", name="site")
def fixture_site() -> Iterator[Site]:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with site() as made:
        yield made
