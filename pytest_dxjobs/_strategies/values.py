"""What values are drawn from: for each member of a response a few that tell much, the simplest first.

All of them are ones that the service permits, the longest and the strangest among them.
"""

from __future__ import annotations

import base64
import string
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs._core.ids import job_id
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import enum_of, pattern_of

if TYPE_CHECKING:
    from pytest_dxjobs._model.service_model import Shape


def choices(shape: Shape, name: str) -> tuple[Any, ...]:
    """The values to choose from, the simplest first; empty for what is no choice."""
    metadata = shape.metadata
    low, high = metadata.get("min"), metadata.get("max")
    if shape.type_name == "boolean":
        return False, True
    if shape.type_name in ("integer", "long", "float", "double"):
        kind = int if shape.type_name in ("integer", "long") else float
        return tuple(
            kind(each)
            for each in dict.fromkeys((low or 0, 1, 10, 100, high or 1_000_000))
            if (low is None or each >= low) and (high is None or each <= high)
        )
    if shape.type_name != "string":
        return ()
    if permitted := enum_of(shape):
        return permitted
    pattern = pattern_of(shape)
    if pattern is not None:
        if pattern.pattern == documented.ID_PATTERN:
            return () if name in _OF_THE_JOB else IDS
        return _HASHES if name.endswith(_HASH) else ()
    short = (low is None or low <= 1) and (high is None or high >= _LONGEST)
    return _TEXTS.get(name, ()) if short else ()


def id_of(number: int) -> str:
    """An id, from a number up to ``_LAST``: as the service makes them, and each eighth as it permits."""
    number, kind = divmod(number, 8)
    if kind < 7:
        return f"{number * 7 + kind:032x}"
    text, length = "", 29 + number % 11
    while number:
        number, digit = divmod(number, 62)
        text = _LETTERS_AND_DIGITS[digit] + text
    return "Z" + text.rjust(length, "0")


@st.composite  # and not map(), whose function Hypothesis would print in an example
def _job_ids(draw: st.DrawFn) -> str:
    return id_of(draw(ID_NUMBERS))


_OF_THE_JOB: Final = ("DataSetId", "RevisionId")
_HASH: Final = "Md5Hash"
_LONGEST: Final = 1024
_LETTERS_AND_DIGITS: Final = string.digits + string.ascii_letters
# The simplest id is 0 in 32 digits, and the last one f.
_LAST: Final = 16**32 * 8 // 7 - 1
ID_NUMBERS: Final = st.integers(0, _LAST)
JOB_IDS: Final = _job_ids()
ANYTHING: Final = object()
IDS: Final = (
    *(f"{number:032x}" for number in range(8)),
    *map(job_id, "0123"),
    "z" * 30,
    "Z" * 40,
    _LETTERS_AND_DIGITS[::2],
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
    ANYTHING,
)
_WORDS: Final = (
    "prices",
    "\u00e9",
    "\u00c9t\u00e9 2024",
    "\N{BAR CHART}",
    "two\nlines",
    "x" * 256,
    ANYTHING,
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
TAGS: Final = {
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
