"""Tracebacks and chains of exceptions: where the call was made, who caught the failure, its causes.

A failure that the fake raises in a call passes through the code under test. Its traceback begins in the
function that caught it. A test that expects it names it there, in ``pytest.raises(dx.UnexpectedCall)``.
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
_STDLIB: Final = (os.path.dirname(os.__file__), "<frozen ")
_US: Final = "pytest_dxjobs"
_INTERCEPTING: Final = f"{_US}._botocore.intercept"
_INTERNAL: Final = ("botocore", "boto3", _US)  # between the calling code and the fake


def is_expected(failure: BaseException) -> bool:
    """Return whether the test caught a failure, and not the code under test.

    pytest and unittest do, and so does a function that names the exception's class: code under test does not know
    it. A simpler rule, by the file of the test, lets swallowed failures pass if the code under test stands in that
    file, as in small suites: 12 of 156 tests of the teardown checks then failed.
    """
    caught = failure.__traceback__
    if caught is None:  # TestCase.assertRaises removes the traceback of what it caught
        return True
    if _package(caught) in _ASSERTING:
        return True
    if caught.tb_frame.f_globals.get("__name__") == _INTERCEPTING:  # replaced by another failure
        return False
    frame, kind = caught.tb_frame, type(failure)
    names = frame.f_code.co_names
    if frame.f_code.co_name.startswith("test") and "AssertionError" in names:
        return True
    values = [*frame.f_locals.values(), *map(frame.f_globals.get, names)]
    return kind.__name__ in names or any(value is kind for value in values)


def describe_origin(failure: Exception) -> str:
    """Return a sentence with the line of the call that raised a swallowed failure."""
    entry = failure.__traceback__
    while entry and entry.tb_next and _package(entry.tb_next) not in _INTERNAL:
        entry = entry.tb_next
    (line,) = traceback.extract_tb(entry, limit=1) or (None,)
    place = f"at {line.filename}:{line.lineno}, in {line.name}" if line is not None else "in a call"
    return f"It was raised {place}, and the code swallowed it."


def trim_traceback(failure: BaseException) -> None:
    """Leave only the user's lines: none of this package, of botocore, or of the standard library.

    pytest's ``traceback.filter`` does not last: pytest cuts the unfiltered traceback again when it reports.
    """
    entries = []
    entry = failure.__traceback__
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    kept = [each for each in entries if not _is_internal(each)]
    rest = None
    for each in reversed(kept or entries[:1]):  # an empty traceback would look as if unittest had caught it
        each.tb_next = rest
        rest = each
    failure.__traceback__ = rest


def _is_internal(entry: TracebackType) -> bool:
    package = _package(entry)
    # A module of the user may have the name of one of the standard library.
    path = entry.tb_frame.f_code.co_filename
    in_stdlib = package in sys.stdlib_module_names and path.startswith(_STDLIB)
    return package in _INTERNAL or in_stdlib


def exception_chain(raised: BaseException, *, suppressed: bool) -> Iterator[BaseException]:
    """Yield an exception, then its causes, contexts and grouped exceptions, the nearest first.

    ``suppressed`` includes contexts that ``raise ... from None`` has hidden.
    """
    pending: list[object] = [raised]
    seen: set[int] = set()
    while pending:
        each = pending.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            context = each.__context__ if suppressed or not each.__suppress_context__ else None
            grouped = getattr(each, "exceptions", ())  # an attribute of any type, if not a group
            pending += [each.__cause__, context]
            pending += grouped if isinstance(grouped, (list, tuple)) else ()


def _package(entry: TracebackType) -> str:
    return str(entry.tb_frame.f_globals.get("__name__")).partition(".")[0]
