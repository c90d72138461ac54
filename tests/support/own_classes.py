"""Values of classes of somebody's own: enums of strings, as users have them, and what does not even compare."""

from __future__ import annotations

import enum
from typing import Any


def refuse(*_: object) -> Any:
    raise RuntimeError("compared, judged, read or shown")


def own(kind: type, *methods: str) -> Any:
    """A class which does none of this as its base does; who compares so is no key."""
    return type("Own", (kind,), dict.fromkeys(methods, refuse))


COMPARED = ("__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__")
READ = ("__iter__", "__len__", "__contains__", "__getitem__", "keys", "items")
Text = own(str, *COMPARED, "__str__", "__format__", "encode")


def member(text: str) -> Any:
    """The member of an enum of strings, as users have them."""
    return enum.Enum("Word", {"A": text}, type=str)["A"]  # type: ignore[index]


Mute = own(Exception, "__str__")
