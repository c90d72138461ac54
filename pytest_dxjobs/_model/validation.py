"""Validation of values against the shapes of the service model.

botocore's own validator checks requests only, and neither enums nor patterns.
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

from pytest_dxjobs._core.messages import choose_from, not_one_of, show
from pytest_dxjobs._core.values import is_aware
from pytest_dxjobs._model.service_model import Shape, enum_of, pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def violations(shape: Shape, value: object, path: str, *, absent: object = None) -> Iterator[str]:
    """Yield each violation of a shape, as ``path: what is wrong``.

    Args:
        shape: Any shape of the service model.
        value: The value to check.
        path: The dotted path of the value; empty for the response itself.
        absent: A marker for members that will be left out; it is not checked.
    """
    if absent is not None and value is absent:
        return
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(shape, value, path, absent)
    elif kind == "list":
        yield from _list(shape, value, path, absent)
    elif kind == "map":
        yield from _map(shape, value, path, absent)
    elif kind in _SCALARS:
        yield from _SCALARS[kind](shape, value, path)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _structure(shape: Shape, value: object, path: str, absent: object) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path or '(response)'}: a dict is needed, not {show(value)}"
        return
    members = shape.members
    for name in value:
        if not isinstance(name, str) or name not in members:
            place = _join(path, name) if isinstance(name, str) else f"{path or '(response)'}"
            known = choose_from(name, members) if members else "; there are no members"
            yield f"{place}: unknown member {show(name)}{known}"
    for name in shape.required_members:
        if name not in value:
            yield f"{_join(path, name)}: missing; the service model requires it"
    for name, member in members.items():
        if name in value:
            yield from violations(member, value[name], _join(path, name), absent=absent)


def _list(shape: Shape, value: object, path: str, absent: object) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: a list is needed, not {show(value)}"
        return
    yield from _bounds(shape, len(value), path, " entries")
    for index, element in enumerate(value):
        yield from violations(shape.member, element, f"{path}[{index}]", absent=absent)


def _map(shape: Shape, value: object, path: str, absent: object) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: a dict is needed, not {show(value)}"
        return
    for key, element in value.items():
        yield from violations(shape.key, key, f"{path} key {show(key)}")
        yield from violations(shape.value, element, _join(path, str(key)), absent=absent)


def _string(shape: Shape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path}: a string is needed, not {show(value)}"
        return
    permitted = enum_of(shape)
    if permitted and value not in permitted:
        yield f"{path}: {not_one_of(value, permitted)}"
        return
    pattern = pattern_of(shape)
    if pattern and not pattern.fullmatch(value):
        yield f"{path}: {show(value)} does not match {pattern.pattern}"
    yield from _bounds(shape, len(value), path, " characters")


def _timestamp(_shape: Shape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, datetime.datetime):
        yield f"{path}: an aware datetime is needed, not {show(value)}"
    elif not is_aware(value):
        yield (
            f"{path}: {show(value)} is naive, but the service's datetimes are aware; "
            "add a time zone, as in tzinfo=datetime.timezone.utc"
        )


def _number(shape: Shape, value: object, path: str) -> Iterator[str]:
    whole = shape.type_name in ("integer", "long")
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        yield f"{path}: {'an integer' if whole else 'a number'} is needed, not {show(value)}"
    elif not _is_finite(value):
        yield f"{path}: a finite number is needed, not {show(value)}"
    elif not whole and float(value) != value:
        yield f"{path}: {show(value)} has more digits than a double can hold"
    else:
        yield from _bounds(shape, value, path, "")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer larger than any float
        return False


def _boolean(_shape: Shape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{path}: True or False is needed, not {show(value)}"


def _blob(_shape: Shape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, bytes):
        yield f"{path}: bytes are needed, not {show(value)}"


def _bounds(shape: Shape, size: float, path: str, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{path}: {size}{unit}; the minimum is {low}"
    if high is not None and size > high:
        yield f"{path}: {size}{unit}; the maximum is {high}"


_SCALARS: dict[str, Callable[[Shape, object, str], Iterator[str]]] = {
    "string": _string,
    "character": _string,
    "timestamp": _timestamp,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "blob": _blob,
}
