"""The building blocks of every text that a user reads, so that all of them read alike.

A message says what was given, what there is, and what to do: these functions make the parts.
"""

from __future__ import annotations

import difflib
import inspect
import reprlib
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.values import bare

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def show(value: object) -> str:
    """The value as a person would write it, cut where it is long; never raises, whatever it is."""
    try:
        return _REPR.repr(value)
    except Exception:
        return f"<{type(value).__name__} that cannot be shown>"


def safe_str(value: object) -> str:
    """As ``str`` has it; empty where it raises."""
    try:
        return str(value)
    except Exception:
        return ""


def describe_error(error: BaseException) -> str:
    """What was raised, on one line or several."""
    return f"{type(error).__name__}: {safe_str(error)}"


def not_one_of(value: object, permitted: Sequence[str]) -> str:
    """Say that a value is not permitted, what is, and what was probably meant."""
    return f"{show(value)} is not one of {', '.join(permitted)}{did_you_mean(value, permitted)}"


def did_you_mean(value: object, permitted: Iterable[str]) -> str:
    """The likeliest of the permitted names as a hint, or nothing; ignores case and underscores."""
    folded = {_fold(name): name for name in permitted}
    close = difflib.get_close_matches(_fold(value), folded) if isinstance(value, str) else []
    return f"; did you mean {folded[close[0]]!r}?" if close else ""


def listing(headline: str, lines: Iterable[str]) -> str:
    """A headline with one indented line for each item."""
    return "\n".join([headline, *(f"  {line}" for line in lines)])


def _fold(name: str) -> str:
    return name.replace("_", "").casefold()


class _Repr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxlevel = 3

    def repr1(self, x: Any, level: int) -> str:
        return super().repr1(bare(x), level)

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # more digits than Python writes out
            return f"<an integer of {x.bit_length()} bits>"

    def repr_function(self, x: Any, level: int) -> str:
        kind = "coroutine function" if inspect.iscoroutinefunction(x) else "function"
        return f"the {kind} {x.__name__}"


_REPR = _Repr()
