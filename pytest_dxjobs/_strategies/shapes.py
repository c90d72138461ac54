"""Random values for the shapes of the service model, valid by construction.

As a sampler does, a drawer is compiled once for a shape. Hypothesis takes its time for each thing that it is asked
for, and hardly more for several bytes than for one: so it is asked for a block of bytes, of which each choice takes
one. Zeros are the simplest choices. What is left out takes its bytes all the same, or has a source of its own, so that
it can go while all that comes after it stays.
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
from pytest_dxjobs._model.service_model import Shape, enum_of, members_outside
from pytest_dxjobs._strategies.values import ANYTHING, ID_NUMBERS, TAGS, choices, id_of

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn


class Source:
    """Where the choices for one value come from.

    Args:
        draw: What Hypothesis gives to a composite strategy.
    """

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw
        self._left = b""

    def apart(self) -> Source:
        """Another one, which shifts nothing in this one."""
        return Source(self._draw)

    def number(self, bound: int) -> int:
        """A number from 0, which is the simplest, to below the bound."""
        size = ((bound - 1).bit_length() + 7) // 8
        while len(self._left) < size:
            self._left += self._draw(_BLOCK)
        taken, self._left = self._left[:size], self._left[size:]
        return int.from_bytes(taken, "big") % bound

    def job_id(self) -> str:
        """An id that the service permits."""
        return id_of(self._draw(ID_NUMBERS))

    def one_of(self, values: Sequence[Any]) -> Any:
        """One of the values, the simplest of which comes first; or any text, where that is one of them."""
        chosen = values[self.number(len(values))]
        return self._draw(_ANY_TEXT) if chosen is ANYTHING else chosen

    def some_of(self, values: tuple[Any, ...], least: int = 0) -> list[Any]:
        """Some of the values, none or one at least, in their order; the fewest, and the first ones, are the simplest."""
        if len(values) <= _MANY:
            return [*self.one_of(_subsets(values, least))]
        mask = least + self.number(2 ** len(values) - least)
        return [each for bit, each in enumerate(values) if mask >> bit & 1]


Generator = Callable[[Source, ExampleContext], Any]


@functools.cache
def generator(
    shape: Shape, name: str = "", owner: str = "", within: frozenset[str] = frozenset()
) -> Generator:
    """Compile the function that draws a value of a shape.

    Args:
        shape: Any shape of the service model.
        name: The name of the member that has this shape; an element of a list goes by the list's name.
        owner: The member of ``Details`` that it belongs to.
        within: The structures around it. A member that would begin one of them anew is left out.
    """
    if shape.type_name == "structure":
        return _structure(shape, owner, within | {shape.name})
    if shape.type_name == "list":
        return _list(shape, name, owner, within)
    if shape.type_name == "map":
        key, value = generator(shape.key), generator(shape.value, name, owner, within)
        return lambda source, context: {key(source, context): value(source, context)}
    values = choices(shape, name)
    if not values:
        return usual(shape, name)
    return lambda source, _: source.one_of(values)


def usual(shape: Shape, name: str = "") -> Generator:
    """What draws the same each time, and takes no choice."""
    sample = example_builder(shape, name)
    return lambda _, context: sample(context)


def _structure(shape: Shape, owner: str, within: frozenset[str]) -> Generator:
    tags = TAGS.get(frozenset(shape.members))
    if tags is not None:
        return lambda source, _: copy.deepcopy(source.one_of(tags))
    members = members_outside(shape, within)
    parts = {name: generator(member, name, owner, within) for name, member in members.items()}
    bounds = {name: len(choices(member, name)) for name, member in members.items()}
    encrypted = {"Type", _KEY}.issubset(parts)  # and then the key comes with the type
    optional = tuple(
        name
        for name in parts
        if name not in shape.required_members
        and not name.endswith(_EXPIRY)
        and not (encrypted and name == _KEY)
    )

    parts |= {name: _apart(parts[name]) for name in optional if not bounds[name]}

    def draw_members(source: Source, context: ExampleContext) -> dict[str, Any]:
        left_out = {*optional}.difference(source.some_of(optional))
        value = {}
        for name, part in parts.items():
            if name.removesuffix(_EXPIRY) not in left_out:
                value[name] = part(source, context)
            elif bounds[name]:
                source.number(bounds[name])
        if encrypted and value["Type"] != "aws:kms":
            del value[_KEY]
        return value

    return draw_members


def _apart(part: Generator) -> Generator:
    return lambda source, context: part(source.apart(), context)


def _list(shape: Shape, name: str, owner: str, within: frozenset[str]) -> Generator:
    permitted = enum_of(shape.member)
    if permitted:
        return lambda source, _: source.some_of(permitted, 1)
    element = generator(shape.member, name, owner, within)
    least = shape.metadata.get("min") or 1
    most = documented.MOST_ENTRIES.get((owner, name), shape.metadata.get("max", least + _MORE))
    # Most lists are short.
    sizes = (least, least, *range(least, min(most, least + _MORE) + 1))
    unique = frozenset(getattr(shape.member, "members", ())) in TAGS

    def draw_list(source: Source, context: ExampleContext) -> list[Any]:
        more, rest = range(1, source.one_of(sizes)), source.apart()
        elements = [element(source, context), *(element(rest, context) for _ in more)]
        return (
            [*{next(iter(each.values())): each for each in elements}.values()]
            if unique
            else elements
        )

    return draw_list


@functools.cache
def _subsets(values: tuple[Any, ...], least: int) -> Sequence[tuple[Any, ...]]:
    return [
        some
        for size in range(least, len(values) + 1)
        for some in itertools.combinations(values, size)
    ]


_EXPIRY: Final = "ExpiresAt"
_KEY: Final = "KmsKeyArn"
_MORE: Final = 2  # entries than a list must have
_MANY: Final = 8
_BLOCK: Final = st.binary(min_size=8, max_size=8)
_ANY_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
