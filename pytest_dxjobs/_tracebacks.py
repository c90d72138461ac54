"""What a failure tells beside its message: where the call was made, who caught it, and what is linked to it.

A failure that the fake raises within a call is on its way through the code under test. Its traceback
begins in the function that caught it. A test that expects it names it there, in
``pytest.raises(dx.UnexpectedCall)``; the code under test does not know the name.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_ASSERTING: Final = ("_pytest", "unittest")
_OURS: Final = "pytest_dxjobs._intercept"
_STDLIB: Final = os.path.dirname(os.__file__)
_US: Final = "pytest_dxjobs"
_BETWEEN: Final = ("botocore", "boto3", _US)


def is_expected(failure: BaseException) -> bool:
    """Whether the function that caught it has asked for it."""
    caught = failure.__traceback__
    if caught is None:  # TestCase.assertRaises takes the traceback off what it caught
        return True
    if _package(caught) in _ASSERTING:
        return True
    if caught.tb_frame.f_globals.get("__name__") == _OURS:  # something else was raised in its place
        return False
    frame, kind = caught.tb_frame, type(failure)
    names = frame.f_code.co_names
    if frame.f_code.co_name.startswith("test") and "AssertionError" in names:
        return True
    values = [*frame.f_locals.values(), *map(frame.f_globals.get, names)]
    return kind.__name__ in names or any(value is kind for value in values)


def where_it_happened(failure: Exception) -> str:
    """Tell the line of the call, and that it has been swallowed."""
    call = failure.__traceback__
    while call is not None and call.tb_next is not None and _package(call.tb_next) not in _BETWEEN:
        call = call.tb_next
    (line,) = traceback.extract_tb(call, limit=1) or (None,)
    place = f"{line.filename}:{line.lineno}, in {line.name}" if line is not None else "a call"
    return f"It was raised in {place}, and the code swallowed it."


def end_at_the_caller(failure: BaseException) -> None:
    """Take botocore's frames and ours out, and the standard library's before them: the line that called tells more.

    Where we have run the code, as ``check`` does, it is the code's own line.
    """
    entries = [*_entries(failure)]
    packages, tell = [*map(_package, entries)], [*map(_tells, entries)]
    runs = [n for n, by in enumerate(packages[:-1], 1) if by == _US and tell[n]]
    begin = runs[-1] if runs else 0
    end = next((n for n in range(begin + 1, len(entries)) if packages[n] in _BETWEEN), len(entries))
    while begin + 1 < end < len(entries) and not tell[end - 1]:
        end -= 1
    outer = [entry for entry, tells in zip(entries[:begin], tell, strict=False) if tells]
    rest: TracebackType | None = None
    for each in reversed([*outer, *entries[begin:end]]):
        each.tb_next = rest
        rest = each
    failure.__traceback__ = rest


def _entries(failure: BaseException) -> Iterator[TracebackType]:
    entry = failure.__traceback__
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _tells(entry: TracebackType) -> bool:
    """Whether it may be of the user's code: a module of it may be called as one of the standard library."""
    package, path = _package(entry), entry.tb_frame.f_code.co_filename
    is_pythons = package in sys.stdlib_module_names and path.startswith(_STDLIB)
    return package not in _BETWEEN and not is_pythons


def linked(raised: BaseException, *, suppressed: bool) -> Iterator[BaseException]:
    """An exception, its causes and what they group, the nearest first.

    Args:
        raised: The exception.
        suppressed: Whether contexts are among them that ``raise ... from None`` has hidden.
    """
    waiting: list[object] = [raised]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            context = each.__context__ if suppressed or not each.__suppress_context__ else None
            grouped = getattr(each, "exceptions", ())  # of which anything may be made
            waiting += [each.__cause__, context]
            waiting += grouped if isinstance(grouped, (list, tuple)) else ()


def _package(entry: TracebackType) -> str:
    return str(entry.tb_frame.f_globals.get("__name__")).partition(".")[0]
