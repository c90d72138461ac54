"""Reading and copying response values; a test may have put values of any type into them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.constants import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator


def find_values(name: str, value: object) -> Iterator[object]:
    """Yield every value that dicts have under this name, at any depth."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        value = list(value.values())
    for element in value if isinstance(value, list) else ():
        yield from find_values(name, element)


def plain_str(value: Any) -> Any:
    """Return a member of an enum of strings as the plain string; any other value as it is."""
    return str.__str__(value) if isinstance(value, str) else value


def plain_copy(value: Any) -> Any:
    """Return a deep copy of plain dicts, lists and strings."""
    if isinstance(value, Mapping):
        return {plain_str(name): plain_copy(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_copy(element) for element in value]
    return plain_str(value)


def without_absent(value: Any) -> Any:
    """Return a copy without the members and elements that are ``dx.ABSENT``."""
    if isinstance(value, dict):
        return {name: without_absent(part) for name, part in value.items() if part is not ABSENT}
    if isinstance(value, list):
        return [without_absent(element) for element in value if element is not ABSENT]
    return value


def is_aware(value: object) -> bool:
    """Return whether the value is an aware datetime."""
    return isinstance(value, datetime.datetime) and value.utcoffset() is not None


def without_metadata(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response without ``ResponseMetadata``, which is not in the body."""
    return {name: part for name, part in response.items() if name != "ResponseMetadata"}
