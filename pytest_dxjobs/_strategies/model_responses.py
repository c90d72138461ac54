"""Strategies for any value that the service model permits, also for those that the service never sends."""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs._core.timeutils import plain_utc
from pytest_dxjobs._jobs.example_values import PROBE_CONTEXT, example_builder
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import Shape, enum_of, non_recursive_members, pattern_of
from pytest_dxjobs._strategies.candidates import JOB_IDS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_MAX_EXTRA_ENTRIES: Final = 3
_EPOCH: Final = plain_utc(datetime.datetime(1970, 1, 1))  # noqa: DTZ001 - read as UTC


@functools.cache
def strategy_for(shape: Shape, name: str = "", within: frozenset[str] = frozenset()) -> SearchStrategy[Any]:
    """Return a strategy for a shape. Optional members may be absent, and lists empty.

    Args:
        shape: Any shape of the service model.
        name: The name of the member that has this shape. List elements use the list's name.
        within: The enclosing structures. Members that would repeat one of them are omitted.
    """
    kind, metadata = shape.type_name, shape.metadata
    low, high = metadata.get("min"), metadata.get("max")
    min_size = low or 0
    if kind == "structure":
        within |= {shape.name}
        members = {
            key: strategy_for(member, key, within) for key, member in non_recursive_members(shape, within).items()
        }
        required = {key: members.pop(key) for key in shape.required_members if key in members}
        return st.fixed_dictionaries(required, optional=members)
    if kind == "list":
        return st.lists(
            strategy_for(shape.member, name, within),
            min_size=min_size,
            max_size=_max_size(min_size, high),
        )
    if kind == "map":
        return st.dictionaries(
            strategy_for(shape.key),
            strategy_for(shape.value, name, within),
            min_size=min_size,
            max_size=_max_size(min_size, high),
        )
    if kind in ("string", "character"):
        return _strings(shape, name, min_size, high)
    if kind == "timestamp":
        return _timestamps()
    if kind in ("integer", "long"):
        return st.integers(low, high)
    if kind in ("float", "double"):
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    return st.booleans() if kind == "boolean" else st.binary(min_size=min_size, max_size=high)


@st.composite  # See `values`: not map(), which Hypothesis would print.
def _timestamps(draw: st.DrawFn) -> datetime.datetime:
    milliseconds = draw(st.integers(0, 2**41))  # beyond 2038, where 32 bits end
    return _EPOCH + datetime.timedelta(milliseconds=milliseconds)


def _max_size(min_size: int, high: int | None) -> int:
    size = min_size + _MAX_EXTRA_ENTRIES
    return size if high is None else min(size, high)


def _strings(shape: Shape, name: str, min_size: int, high: int | None) -> SearchStrategy[str]:
    permitted = enum_of(shape)
    if permitted:
        return st.sampled_from(permitted)
    pattern = pattern_of(shape)
    if pattern is None:
        return st.text(st.characters(exclude_categories=["Cs"]), min_size=min_size, max_size=high)
    if pattern.pattern == documented.ID_PATTERN:
        return JOB_IDS
    if min_size or high is not None:  # matches of the pattern may have other lengths
        return st.just(example_builder(shape, name)(PROBE_CONTEXT))
    return st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))
