"""Parts of a response as Python has it, of whatever type they are: a test may have put anything there."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._constants import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator


def values_of(name: str, value: object) -> Iterator[object]:
    """Every value that stands under this name, however deep."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        value = list(value.values())
    for element in value if isinstance(value, list) else ():
        yield from values_of(name, element)


def cleaned(value: Any) -> Any:
    """A copy of what was checked, without the members that are to be left out."""
    if isinstance(value, dict):
        return {name: cleaned(part) for name, part in value.items() if part is not ABSENT}
    if isinstance(value, list):
        return [cleaned(element) for element in value if element is not ABSENT]
    return value


def is_aware(value: object) -> bool:
    """Whether it is a datetime that says which instant it means."""
    try:
        return isinstance(value, datetime.datetime) and value.utcoffset() is not None
    except Exception:
        return False
