"""The keys of a configuration file and how their values read. Knows not where the file lies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ruleset_lint.lint.finding import Severity
from ruleset_lint.netfilter.profiles import UnknownProfileError, profile
from ruleset_lint.netfilter.services import Service, ServiceError, parse_service
from ruleset_lint.packets.endpoints import Endpoint, parse_endpoint

_SIZE = r"([0-9]{1,15})\s*([KMGT]?)(?:i?B)?"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SHOWN = 60


def _string(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _unexpected("text", value)
    return value


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _unexpected("list of texts", value)
    return tuple(map(_string, value))


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _unexpected("true or false", value)
    return value


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _unexpected("table", value)
    return value


def _ignores(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((pattern, _strings(names)) for pattern, names in _table(value).items())


def _severities(value: object) -> tuple[tuple[str, Severity], ...]:
    return tuple((name, _severity(severity)) for name, severity in _table(value).items())


def _severity(value: object) -> Severity:
    if value not in list(Severity):
        raise _unexpected(f"{' or '.join(Severity)}", value)
    return Severity(_string(value))


def _profile(value: object) -> str:
    try:
        return profile(_string(value)).name
    except UnknownProfileError as error:
        raise ValueError(str(error)) from None


def _service(value: object) -> Service:
    try:
        return parse_service(_string(value))
    except ServiceError as error:
        raise ValueError(str(error)) from None


def _services(value: object) -> tuple[Endpoint, ...]:
    try:
        return tuple(map(parse_endpoint, _strings(value)))
    except ServiceError as error:
        raise ValueError(str(error)) from None


def parse_size(text: str) -> int:
    """The bytes that "16G" or "512 MiB" means. Raises ValueError."""
    found = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE)
    size = int(found[1]) * _UNITS[found[2].upper()] if found else 0
    if not 0 < size < 1 << 50:
        raise _unexpected('a size such as "16G"', text)
    return size


def _size(value: object) -> int:
    return parse_size(_string(value))


def _unexpected(wanted: str, value: object) -> ValueError:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    return ValueError(f"{wanted} expected, {shown} found")


READERS: Mapping[str, Callable[[object], object]] = {
    "select": _strings,
    "ignore": _strings,
    "exclude": _strings,
    "per-file-ignores": _ignores,
    "severity": _severities,
    "profile": _profile,
    "complete": _boolean,
    "services": _services,
    "ram": _size,
    "admin-service": _service,
}
"""What makes a setting of a key's value. They raise ValueError, saying what was expected."""
