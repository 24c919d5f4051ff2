from __future__ import annotations

import pytest
from machines import for_http, planned
from running import command, put

__all__ = ["command", "for_http", "planned", "put"]  # fixtures


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the expected results of fixtures anew")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether expected results are to be written instead of compared."""
    return bool(request.config.getoption("--update"))
