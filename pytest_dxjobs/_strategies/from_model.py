"""Anything that the API model permits, whether the service would send it or not: a straight walk over shapes."""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs._core.timeutils import plain_utc
from pytest_dxjobs._jobs.example_values import PROBE, example_builder
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import Shape, enum_of, members_outside, pattern_of
from pytest_dxjobs._strategies.values import JOB_IDS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_MOST_ENTRIES: Final = 3
_EPOCH: Final = plain_utc(datetime.datetime(1970, 1, 1))  # noqa: DTZ001 - which it takes to be in UTC


@functools.cache
def values(
    shape: Shape, name: str = "", within: frozenset[str] = frozenset()
) -> SearchStrategy[Any]:
    """Values of a shape: members that are not required may be absent, and lists empty.

    Args:
        shape: Any shape of the service model.
        name: The name of the member that has this shape; an element of a list goes by the list's name.
        within: The structures around it. A member that would begin one of them anew is left out.
    """
    kind, metadata = shape.type_name, shape.metadata
    low, high = metadata.get("min"), metadata.get("max")
    least = low or 0
    if kind == "structure":
        within |= {shape.name}
        members = {
            key: values(member, key, within)
            for key, member in members_outside(shape, within).items()
        }
        required = {key: members.pop(key) for key in shape.required_members if key in members}
        return st.fixed_dictionaries(required, optional=members)
    if kind == "list":
        return st.lists(
            values(shape.member, name, within), min_size=least, max_size=_entries(least, high)
        )
    if kind == "map":
        return st.dictionaries(
            values(shape.key),
            values(shape.value, name, within),
            min_size=least,
            max_size=_entries(least, high),
        )
    if kind in ("string", "character"):
        return _texts(shape, name, least, high)
    if kind == "timestamp":
        return _times()
    if kind in ("integer", "long"):
        return st.integers(low, high)
    if kind in ("float", "double"):
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    return st.booleans() if kind == "boolean" else st.binary(min_size=least, max_size=high)


@st.composite  # and not map(), as ids are
def _times(draw: st.DrawFn) -> datetime.datetime:
    milliseconds = draw(st.integers(0, 2**41))  # and so beyond 2038, which 32 bits cannot tell
    return _EPOCH + datetime.timedelta(milliseconds=milliseconds)


def _entries(least: int, high: int | None) -> int:
    most = least + _MOST_ENTRIES
    return most if high is None else min(most, high)


def _texts(shape: Shape, name: str, low: int, high: int | None) -> SearchStrategy[str]:
    permitted = enum_of(shape)
    if permitted:
        return st.sampled_from(permitted)
    pattern = pattern_of(shape)
    if pattern is None:
        return st.text(st.characters(exclude_categories=["Cs"]), min_size=low, max_size=high)
    if pattern.pattern == documented.ID_PATTERN:
        return JOB_IDS
    if low or high is not None:  # of which nothing that matches need be
        return st.just(example_builder(shape, name)(PROBE))
    return st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))
