"""Random values for the shapes of the service model, valid by construction.

Each shape is compiled once into a generator function. Hypothesis is slow per draw, not per byte. So a source draws
blocks of bytes and uses one byte for most choices; zero is the simplest choice.

An omitted member still uses its bytes, or has a source of its own. So shrinking can drop it and keep all that follows.
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs._jobs.example_values import ExampleContext, example_builder
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import Shape, enum_of, non_recursive_members
from pytest_dxjobs._strategies.candidates import (
    ANY_TEXT,
    ID_NUMBERS,
    TAGS,
    candidates,
    id_from_number,
)

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn


class Source:
    """The source of the random choices for one value.

    Args:
        draw: The function that Hypothesis passes to a composite strategy.
    """

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw
        self._unused = b""

    def fork(self) -> Source:
        """Return a source with bytes of its own, so that its choices do not shift those of this one."""
        return Source(self._draw)

    def randrange(self, stop: int) -> int:
        """Return a number from 0, the simplest, to below ``stop``."""
        size = ((stop - 1).bit_length() + 7) // 8
        while len(self._unused) < size:
            self._unused += self._draw(_BLOCK)
        used, self._unused = self._unused[:size], self._unused[size:]
        return int.from_bytes(used, "big") % stop

    def job_id(self) -> str:
        """Return an id that the service permits."""
        return id_from_number(self._draw(ID_NUMBERS))

    def one_of(self, values: Sequence[Any]) -> Any:
        """Return one of the values, the first of which is the simplest; for ``ANY_TEXT``, any text."""
        chosen = values[self.randrange(len(values))]
        return self._draw(_TEXTS) if chosen is ANY_TEXT else chosen

    def some_of(self, values: tuple[Any, ...], min_size: int = 0) -> list[Any]:
        """Return a subset of at least 0 or 1 values, in their order; few and first ones are the simplest."""
        if len(values) <= _MAX_LISTED:
            return [*self.one_of(_subsets(values, min_size))]
        mask = min_size + self.randrange(2 ** len(values) - min_size)
        return [value for bit, value in enumerate(values) if mask >> bit & 1]


Generator = Callable[[Source, ExampleContext], Any]


@functools.cache
def generator(shape: Shape, name: str = "", owner: str = "", within: frozenset[str] = frozenset()) -> Generator:
    """Compile the function that draws a value of a shape.

    Args:
        shape: Any shape of the service model.
        name: The name of the member that has this shape. List elements use the list's name.
        owner: The member of ``Details`` to which the shape belongs.
        within: The enclosing structures. Members that would repeat one of them are omitted.
    """
    if shape.type_name == "structure":
        return _structure(shape, owner, within | {shape.name})
    if shape.type_name == "list":
        return _list(shape, name, owner, within)
    if shape.type_name == "map":
        key, value = generator(shape.key), generator(shape.value, name, owner, within)
        return lambda source, context: {key(source, context): value(source, context)}
    values = candidates(shape, name)
    if not values:
        return default_generator(shape, name)
    return lambda source, _: source.one_of(values)


def default_generator(shape: Shape, name: str = "") -> Generator:
    """Return the generator of the one example value, which makes no choice."""
    build = example_builder(shape, name)
    return lambda _, context: build(context)


def _structure(shape: Shape, owner: str, within: frozenset[str]) -> Generator:
    tags = TAGS.get(frozenset(shape.members))
    if tags is not None:
        return lambda source, _: copy.deepcopy(source.one_of(tags))
    members = non_recursive_members(shape, within)
    parts = {name: generator(member, name, owner, within) for name, member in members.items()}
    candidate_counts = {name: len(candidates(member, name)) for name, member in members.items()}
    has_key = {"Type", _KMS_KEY}.issubset(parts)  # the type decides whether the key is present
    optional = tuple(
        name
        for name in parts
        if name not in shape.required_members and not name.endswith(_EXPIRY) and not (has_key and name == _KMS_KEY)
    )
    parts |= {name: _forked(parts[name]) for name in optional if not candidate_counts[name]}

    def draw_members(source: Source, context: ExampleContext) -> dict[str, Any]:
        omitted = {*optional}.difference(source.some_of(optional))
        value = {}
        for name, part in parts.items():
            if name.removesuffix(_EXPIRY) not in omitted:
                value[name] = part(source, context)
            elif candidate_counts[name]:
                source.randrange(candidate_counts[name])  # uses its byte
        if has_key and value["Type"] != "aws:kms":
            del value[_KMS_KEY]
        return value

    return draw_members


def _forked(part: Generator) -> Generator:
    return lambda source, context: part(source.fork(), context)


def _list(shape: Shape, name: str, owner: str, within: frozenset[str]) -> Generator:
    permitted = enum_of(shape.member)
    if permitted:
        return lambda source, _: source.some_of(permitted, 1)
    element = generator(shape.member, name, owner, within)
    low = shape.metadata.get("min") or 1
    high = documented.MAX_ENTRIES.get((owner, name), shape.metadata.get("max", low + _MAX_EXTRA))
    # Most lists are short.
    sizes = (low, low, *range(low, min(high, low + _MAX_EXTRA) + 1))
    unique = frozenset(getattr(shape.member, "members", ())) in TAGS

    def draw_list(source: Source, context: ExampleContext) -> list[Any]:
        more, rest = range(1, source.one_of(sizes)), source.fork()
        elements = [element(source, context), *(element(rest, context) for _ in more)]
        if unique:  # by key, the first member of a tag
            return [*{next(iter(tag.values())): tag for tag in elements}.values()]
        return elements

    return draw_list


@functools.cache
def _subsets(values: tuple[Any, ...], min_size: int) -> Sequence[tuple[Any, ...]]:
    return [subset for size in range(min_size, len(values) + 1) for subset in itertools.combinations(values, size)]


_EXPIRY: Final = "ExpiresAt"
_KMS_KEY: Final = "KmsKeyArn"
_MAX_EXTRA: Final = 2  # list entries beyond the minimum
_MAX_LISTED: Final = 8  # values of which all subsets are listed
_BLOCK: Final = st.binary(min_size=8, max_size=8)
_TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
