"""The parts of every message that a user reads: values, hints, lists of permitted names.

A message says what was found, then what is permitted, then what to do. The sentences about arguments are in
``arguments``.
"""

from __future__ import annotations

import difflib
import inspect
import reprlib
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.values import plain_str

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def show(value: object) -> str:
    """Return a ``repr`` that is cut to a readable length."""
    return _REPR.repr(value)


def describe_error(error: BaseException) -> str:
    """Return the type and the text of an exception."""
    return f"{type(error).__name__}: {error}"


def not_one_of(value: object, permitted: Collection[str]) -> str:
    """Return the message for a value that is not permitted."""
    return f"{show(value)} is not valid{choose_from(value, permitted)}"


def choose_from(value: object, permitted: Collection[str]) -> str:
    """Return the end of a message about an unknown name: the likeliest permitted name, then all of them."""
    folded = {_fold(name): name for name in permitted}
    close = difflib.get_close_matches(_fold(value), folded) if isinstance(value, str) else []
    hint = f"; did you mean {folded[close[0]]!r}?" if close else "."
    return f"{hint} Choose from {', '.join(permitted)}"


def listing(headline: str, lines: Iterable[str]) -> str:
    """Return a headline with one indented line for each item."""
    return "\n".join([headline, *(f"  {line}" for line in lines)])


def _fold(name: str) -> str:
    return name.replace("_", "").casefold()


class _Repr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxlevel = 3

    def repr1(self, x: Any, level: int) -> str:
        return super().repr1(plain_str(x), level)

    def repr_function(self, x: Any, level: int) -> str:
        kind = "coroutine function" if inspect.iscoroutinefunction(x) else "function"
        return f"the {kind} {x.__name__}"


_REPR = _Repr()
