"""Enums of strings, as users have them for types and states."""

from __future__ import annotations

import enum
from typing import Any


def member(text: str) -> Any:
    """Return a member of an enum of strings."""
    return enum.Enum("Word", {"A": text}, type=str)["A"]  # type: ignore[index]
