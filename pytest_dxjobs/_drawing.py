"""Random values for the shapes of the service model, valid by construction.

As a sampler does, a drawer is compiled once for a shape. Hypothesis pays for each choice that it is asked
for, and least for one among values that are there: so which optional members there are is one choice, and
a text is one of a few telling ones before it is any.
"""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import itertools
import string
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs import _service
from pytest_dxjobs._model import ID_PATTERN, Shape, enum_of, pattern_of
from pytest_dxjobs._samples import Blanks, sampler

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

Drawer = Callable[["DrawFn", Blanks], Any]


@functools.cache
def drawer(
    shape: Shape, name: str = "", owner: str = "", within: frozenset[str] = frozenset()
) -> Drawer:
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
        key, value = drawer(shape.key), drawer(shape.value, name, owner, within)
        return lambda draw, blanks: {key(draw, blanks): value(draw, blanks)}
    choices = choices_of(shape, name)
    if not choices:
        sample = sampler(shape, name)
        return lambda _, blanks: sample(blanks)
    some = st.sampled_from(choices)
    return lambda draw, _: _value(draw, draw(some))


def draw_each(
    draw: DrawFn, choices: Mapping[str, Sequence[Any]], together: int = 2
) -> dict[str, Any]:
    """Draw one of the values for each name.

    Several names share a number in which each has its own bits, so that either of two shrinks without the other;
    of more, those between two that matter do not.
    """
    drawn: dict[str, Any] = {}
    for names in _groups([*choices], together):
        bits = [(len(choices[name]) - 1).bit_length() for name in names]
        number = draw(_numbers(sum(bits)))
        for name, own in zip(names, bits, strict=True):
            values = choices[name]
            drawn[name] = _value(draw, values[number % 2**own % len(values)])
            number >>= own
    return drawn


def _groups(names: list[str], together: int = 2) -> list[list[str]]:
    return [names[at : at + together] for at in range(0, len(names), together)]


@functools.cache
def _numbers(bits: int) -> SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


def _value(draw: DrawFn, chosen: Any) -> Any:
    return draw(_ANY_TEXT) if chosen is _ANYTHING else chosen


def fewest_choices(shape: Shape, name: str = "") -> int:
    """How many choices the drawer of a shape makes for the simplest value."""
    if shape.type_name == "structure":
        left = [part for part in shape.members if part in shape.required_members]
        leaves = [part for part in left if choices_of(shape.members[part], part)]
        parts = sum(
            fewest_choices(shape.members[part], part) for part in left if part not in leaves
        )
        return parts + len(_groups(leaves)) + (len(left) < len(shape.members))
    if shape.type_name == "list":
        return 1 + (0 if enum_of(shape.member) else fewest_choices(shape.member, name))
    return int(bool(choices_of(shape, name)))


def usual(shape: Shape) -> Drawer:
    """What draws the same each time, and costs nothing."""
    sample = sampler(shape)
    return lambda _, blanks: sample(blanks)


def _structure(shape: Shape, owner: str, within: frozenset[str]) -> Drawer:
    tags = _TAGS.get(frozenset(shape.members))
    if tags is not None:
        some = st.sampled_from(tags)
        return lambda draw, _: copy.deepcopy(draw(some))
    members = {
        name: member
        for name, member in shape.members.items()
        if not within & {member.name, getattr(getattr(member, "member", None), "name", None)}
    }
    parts = {name: drawer(member, name, owner, within) for name, member in members.items()}
    choices = {name: choices_of(member, name) for name, member in members.items()}
    encrypted = {"Type", _KEY}.issubset(parts)  # and then the key comes with the type
    optional = [
        name
        for name in parts
        if name not in shape.required_members
        and not name.endswith(_EXPIRY)
        and not (encrypted and name == _KEY)
    ]
    chosen = subsets(tuple(optional))

    def draw_members(draw: DrawFn, blanks: Blanks) -> dict[str, Any]:
        left_out = {*optional}.difference(draw(chosen)) if optional else ()
        there = [
            name
            for name in parts
            if name not in left_out and name.removesuffix(_EXPIRY) not in left_out
        ]
        drawn = draw_each(draw, {name: choices[name] for name in there if choices[name]})
        value = {
            name: drawn[name] if name in drawn else parts[name](draw, blanks) for name in there
        }
        if encrypted and value["Type"] != "aws:kms":
            del value[_KEY]
        return value

    return draw_members


def _list(shape: Shape, name: str, owner: str, within: frozenset[str]) -> Drawer:
    permitted = enum_of(shape.member)
    if permitted:
        some = subsets(permitted, 1)
        return lambda draw, _: list(draw(some))
    element = drawer(shape.member, name, owner, within)
    least = max(1, shape.metadata.get("min", 1))
    most = _service.MOST_ENTRIES.get((owner, name), shape.metadata.get("max", least + _MORE))
    # Most lists are short.
    sizes = st.sampled_from([least, least, *range(least, min(most, least + _MORE) + 1)])

    unique = frozenset(getattr(shape.member, "members", ())) in _TAGS

    def draw_list(draw: DrawFn, blanks: Blanks) -> list[Any]:
        elements = [element(draw, blanks) for _ in range(draw(sizes))]
        return (
            [*{next(iter(each.values())): each for each in elements}.values()]
            if unique
            else elements
        )

    return draw_list


@functools.cache
def subsets(values: tuple[Any, ...], least: int = 0) -> SearchStrategy[tuple[Any, ...]]:
    """Some of the values, at least so many, in their order; shrinks to the fewest, and to the first ones."""
    if len(values) > _MANY:
        return st.integers(2**least - 1, 2 ** len(values) - 1).map(
            lambda mask: tuple(each for bit, each in enumerate(values) if mask >> bit & 1)
        )
    sizes = range(least, len(values) + 1)
    return st.sampled_from(
        [some for size in sizes for some in itertools.combinations(values, size)]
    )


def choices_of(shape: Shape, name: str) -> tuple[Any, ...]:
    """The values to choose from, the simplest first; empty for what is no choice."""
    metadata = shape.metadata
    low, high = metadata.get("min"), metadata.get("max")
    if shape.type_name == "boolean":
        return False, True
    if shape.type_name in ("integer", "long", "float", "double"):
        kind = int if shape.type_name in ("integer", "long") else float
        return tuple(
            kind(each)
            for each in dict.fromkeys((low or 0, 1, 10, 100, high or 10**6))
            if (low is None or each >= low) and (high is None or each <= high)
        )
    if shape.type_name != "string":
        return ()
    if permitted := enum_of(shape):
        return permitted
    pattern = pattern_of(shape)
    if pattern is not None:
        if pattern.pattern == ID_PATTERN:
            return () if name in _OF_THE_JOB else IDS
        return _HASHES if name.endswith(_HASH) else ()
    short = (low is None or low <= 1) and (high is None or high >= _LONGEST)
    return _TEXTS.get(name, ()) if short else ()


def id_of(number: int) -> str:
    """An id, from a number below ``IDS_THERE_ARE``: as the service makes them, and each eighth as it permits."""
    number, kind = divmod(number, 8)
    if kind < 7:
        return f"{number * 7 + kind:032x}"
    text, length = "", 29 + number % 11
    while number:
        number, digit = divmod(number, 62)
        text = _LETTERS_AND_DIGITS[digit] + text
    return "Z" + text.rjust(length, "0")


_OF_THE_JOB: Final = ("DataSetId", "RevisionId")
_EXPIRY: Final = "ExpiresAt"
_HASH: Final = "Md5Hash"
_KEY: Final = "KmsKeyArn"
_MORE: Final = 2  # entries than a list must have
_MANY: Final = 8
_LONGEST: Final = 1024
_LETTERS_AND_DIGITS: Final = string.digits + string.ascii_letters
IDS_THERE_ARE: Final = 16**32
_ANYTHING: Final = object()
_ANY_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
IDS: Final = (
    *(f"{number:032x}" for number in range(8)),
    *(hashlib.sha256(b"%d" % number).hexdigest()[:32] for number in range(4)),
    "z" * 30,
    "Z" * 40,
    (_LETTERS_AND_DIGITS * 2)[30:66],
)
_HASHES: Final = tuple(
    base64.b64encode(each).decode() for each in (b"\0" * 16, b"\xff" * 16, bytes(range(16)))
)
_KEYS: Final = (
    "prices.csv",
    "\u00e9",
    "2024/prices.csv",
    "a/../b//c",
    " ",
    "\N{SNOWMAN}" * 341,
    _ANYTHING,
)
_WORDS: Final = (
    "prices",
    "\u00e9",
    "\u00c9t\u00e9 2024",
    "\N{BAR CHART}",
    "two\nlines",
    "x" * 256,
    _ANYTHING,
)
_TEXTS: Final = {
    "Bucket": ("my-bucket", "a1b", "0" * 63, "prices.example.com", "b-2024--z"),
    "KeyPattern": (
        "${Asset.Name}",
        "${Revision.Id}/${Asset.Name}",
        "${Revision.CreatedAt.Year}/${Asset.Id}",
    ),
    **dict.fromkeys(("AssetName", "Key", "Keys", "KeyPrefixes"), _KEYS),
    **dict.fromkeys(
        ("ApiDescription", "ApiName", "Comment", "Description", "Message", "Name"), _WORDS
    ),
    "Stage": ("prod", "a-1_b", "v" * 128),
}
# Nobody looks at tags first: each is one choice. By the members that they have: those of AWS in general, and
# those of Lake Formation.
_TAGS: Final = {
    frozenset({"Key", "Value"}): (
        {"Key": "team", "Value": "prices"},
        {"Key": "a.b/c:d=e+f-g@h_i", "Value": ""},
        {"Key": "\u00c9t\u00e9 2024", "Value": "\u00e9"},
        {"Key": "x" * 128, "Value": "x" * 256},
    ),
    frozenset({"TagKey", "TagValues"}): (
        {"TagKey": "team", "TagValues": ["prices"]},
        {"TagKey": "a.b/c:d=e+f-g@h_i", "TagValues": ["eu", "us"]},
        {"TagKey": "\u00c9t\u00e9 2024", "TagValues": ["\u00e9"]},
        {"TagKey": "x" * 128, "TagValues": ["x" * 256]},
    ),
}
