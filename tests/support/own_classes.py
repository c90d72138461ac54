"""Values of user-defined classes: enums of strings, and objects whose methods raise."""

from __future__ import annotations

import enum
from typing import Any


def fail(*_: object) -> Any:
    raise RuntimeError("compared, tested, read or shown")


def own(kind: type, *methods: str) -> Any:
    """Return a subclass in which these methods raise; with ``__eq__`` it is not hashable."""
    return type("Own", (kind,), dict.fromkeys(methods, fail))


COMPARED = ("__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__")
READ = ("__iter__", "__len__", "__contains__", "__getitem__", "keys", "items")
Text = own(str, *COMPARED, "__str__", "__format__", "encode")


def member(text: str) -> Any:
    """Return a member of an enum of strings."""
    return enum.Enum("Word", {"A": text}, type=str)["A"]  # type: ignore[index]


Mute = own(Exception, "__str__")
