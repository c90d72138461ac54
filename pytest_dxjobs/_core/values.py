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


def bare(value: Any) -> Any:
    """A text, a number or a span as one of its type itself: a test may have subclassed it, as an enum of strings does.

    By the type's own methods, since a subclass may have others. Anything else is kept.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, datetime.timedelta):
        return datetime.timedelta.__pos__(value)
    return value


def bare_throughout(value: Any) -> Any:
    """A copy, with dicts and lists for whatever passes for them, and all in them bare."""
    if isinstance(value, Mapping):
        return {bare(name): bare_throughout(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [bare_throughout(element) for element in value]
    return bare(value)


def without_absent(value: Any) -> Any:
    """Return a copy without the members and elements that are ``dx.ABSENT``."""
    if isinstance(value, dict):
        return {name: without_absent(part) for name, part in value.items() if part is not ABSENT}
    if isinstance(value, list):
        return [without_absent(element) for element in value if element is not ABSENT]
    return value


def is_text(value: str) -> bool:
    """Return whether UTF-8 can encode the text, which it cannot with a lone surrogate."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_aware(value: object) -> bool:
    """Return whether the value is an aware datetime."""
    try:
        return isinstance(value, datetime.datetime) and value.utcoffset() is not None
    except Exception:
        return False


def without_metadata(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response without ``ResponseMetadata``, which is not in the body."""
    return {name: part for name, part in response.items() if name != "ResponseMetadata"}
