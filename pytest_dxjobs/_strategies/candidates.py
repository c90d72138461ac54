"""Candidate values for each member of a response, and generated ids.

The service permits every candidate. The simplest comes first; the others are edge cases, such as the longest.
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


def candidates(shape: Shape, name: str) -> tuple[Any, ...]:
    """Return the values to choose from, the simplest first; none if other code determines the value."""
    metadata = shape.metadata
    low, high = metadata.get("min"), metadata.get("max")
    if shape.type_name == "boolean":
        return False, True
    if shape.type_name in ("integer", "long", "float", "double"):
        kind = int if shape.type_name in ("integer", "long") else float
        return tuple(
            kind(value)
            for value in dict.fromkeys((low or 0, 1, 10, 100, high or 1_000_000))
            if (low is None or value >= low) and (high is None or value <= high)
        )
    if shape.type_name != "string":
        return ()
    if permitted := enum_of(shape):
        return permitted
    pattern = pattern_of(shape)
    if pattern is not None:
        if pattern.pattern == documented.ID_PATTERN:
            return () if name in _CONTEXT_IDS else IDS
        return _HASHES if name.endswith("Md5Hash") else ()
    all_fit = (low is None or low <= 1) and (high is None or high >= _MAX_LENGTH)
    return _TEXTS.get(name, ()) if all_fit else ()


def id_from_number(number: int) -> str:
    """Return the id with this number, from 0 to ``_MAX_ID_NUMBER``.

    Seven of eight are 32 hex digits, as the service generates them. The eighth is another permitted form.
    """
    number, kind = divmod(number, 8)
    if kind < 7:
        return f"{number * 7 + kind:032x}"
    text, length = "", 29 + number % 11
    while number:
        number, digit = divmod(number, 62)
        text = _LETTERS_AND_DIGITS[digit] + text
    return "Z" + text.rjust(length, "0")


@st.composite  # Hypothesis would print the function of a map() with each failing example.
def _job_ids(draw: st.DrawFn) -> str:
    return id_from_number(draw(ID_NUMBERS))


# Members that hold the ids of the `ExampleContext`.
_CONTEXT_IDS: Final = ("DataSetId", "RevisionId")
_MAX_LENGTH: Final = 1024  # of the texts below
_LETTERS_AND_DIGITS: Final = string.digits + string.ascii_letters
_MAX_ID_NUMBER: Final = 16**32 * 8 // 7 - 1  # the id of 32 "f"
ID_NUMBERS: Final = st.integers(0, _MAX_ID_NUMBER)
JOB_IDS: Final = _job_ids()
# Stands for a text that Hypothesis draws.
ANY_TEXT: Final = object()
IDS: Final = (
    *(f"{number:032x}" for number in range(8)),
    *map(job_id, "0123"),
    "z" * 30,
    "Z" * 40,
    _LETTERS_AND_DIGITS[::2],
)
_HASHES: Final = tuple(base64.b64encode(digest).decode() for digest in (b"\0" * 16, b"\xff" * 16, bytes(range(16))))
_KEYS: Final = (
    "prices.csv",
    "\u00e9",
    "2024/prices.csv",
    "a/../b//c",
    " ",
    "\N{SNOWMAN}" * 341,
    ANY_TEXT,
)
_WORDS: Final = (
    "prices",
    "\u00e9",
    "\u00c9t\u00e9 2024",
    "\N{BAR CHART}",
    "two\nlines",
    "x" * 256,
    ANY_TEXT,
)
_TEXTS: Final = {
    "Bucket": ("my-bucket", "a1b", "0" * 63, "prices.example.com", "b-2024--z"),
    "KeyPattern": (
        "${Asset.Name}",
        "${Revision.Id}/${Asset.Name}",
        "${Revision.CreatedAt.Year}/${Asset.Id}",
    ),
    **dict.fromkeys(("AssetName", "Key", "Keys", "KeyPrefixes"), _KEYS),
    **dict.fromkeys(("ApiDescription", "ApiName", "Comment", "Description", "Message", "Name"), _WORDS),
    "Stage": ("prod", "a-1_b", "v" * 128),
}
# By the members of a tag: AWS tags and Lake Formation tags. A whole tag is one choice, since its parts seldom matter.
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
