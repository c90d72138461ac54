"""Whether a value is what a shape of the service model permits, with every violation at its place.

botocore's own validator looks at requests only, and neither at enums nor at patterns; a response that
a test makes up is held to all of them.
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

from pytest_dxjobs._core.messages import did_you_mean, not_one_of, show
from pytest_dxjobs._core.values import is_aware, is_text
from pytest_dxjobs._model.service_model import Shape, enum_of, pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def violations(shape: Shape, value: object, path: str, *, absent: object = None) -> Iterator[str]:
    """Each violation of a shape, as ``path: what is wrong``.

    Args:
        shape: Any shape of the service model.
        value: What is held against it.
        path: Where the value stands, dotted; empty for the response itself.
        absent: A value that stands for a member which will be left out, and is not judged.
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
            hint = did_you_mean(name, members)
            place = _join(path, name) if isinstance(name, str) else f"{path or '(response)'}"
            there = f"there are {', '.join(members)}" if members else "there are none"
            yield f"{place}: unknown member {show(name)}; {there}{hint}"
    for name in shape.required_members:
        if name not in value:
            yield f"{_join(path, name)}: missing, and the service model requires it"
    for name, member in members.items():
        if name in value:
            yield from violations(member, value[name], _join(path, name), absent=absent)


def _list(shape: Shape, value: object, path: str, absent: object) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: a list is needed, not {show(value)}"
        return
    yield from _length(shape, len(value), path, "entries")
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
    if not is_text(value):
        yield f"{path}: {show(value)} has a lone surrogate, which no UTF-8 text can hold"
    yield from _length(shape, len(value), path, "characters")


def _timestamp(_shape: Shape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, datetime.datetime):
        yield f"{path}: an aware datetime is needed, not {show(value)}"
    elif not is_aware(value):
        yield (
            f"{path}: {show(value)} is naive and the service's datetimes are aware; "
            "give it a time zone, as in tzinfo=datetime.timezone.utc"
        )


def _number(shape: Shape, value: object, path: str) -> Iterator[str]:
    whole = shape.type_name in ("integer", "long")
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        yield f"{path}: {'an integer' if whole else 'a number'} is needed, not {show(value)}"
    elif not _is_finite(value):
        yield f"{path}: a finite number is needed, not {show(value)}"
    elif not whole and float(value) != value:
        yield f"{path}: {show(value)} has more digits than the service's numbers hold"
    else:
        yield from _bounds(shape, value, path, "")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond any float
        return False


def _boolean(_shape: Shape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{path}: True or False is needed, not {show(value)}"


def _blob(_shape: Shape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, bytes):
        yield f"{path}: bytes are needed, not {show(value)}"


def _length(shape: Shape, length: int, path: str, unit: str) -> Iterator[str]:
    yield from _bounds(shape, length, path, f" {unit}")


def _bounds(shape: Shape, size: float, path: str, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{path}: {size}{unit}, and the least is {low}"
    if high is not None and size > high:
        yield f"{path}: {size}{unit}, and the most is {high}"


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
