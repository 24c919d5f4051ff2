"""Where the data folders lie: at the top of a checkout, inside the package in a wheel. Knows nothing else."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """Folder `name` (`grammar`, `rules`, `docs`) of a wheel or of the checkout."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name
