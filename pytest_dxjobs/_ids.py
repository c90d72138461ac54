"""Ids of jobs and resources: valid for the service, and the same in each run of a test."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import threading
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._errors import UsageError
from pytest_dxjobs._messages import show

if TYPE_CHECKING:
    from collections.abc import Callable


def job_id(label: str, /) -> str:
    """A valid job id for a readable label: the same label gives the same id, everywhere and always.

    Args:
        label: Any text, such as ``"nightly"``.

    Returns:
        32 lowercase hex digits.

    Raises:
        UsageError: The label is no text.
    """
    if not isinstance(label, str):
        raise UsageError(f"job_id: the label is a string, such as 'nightly', not {show(label)}")
    return hashlib.sha256(label.encode(errors="surrogatepass")).hexdigest()[:32]


def next_id() -> str:
    """An id that nobody else has: 32 lowercase hex digits, numbered within the test that is running."""
    with _lock:
        return _numbered_ids(os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0])()


_lock: Final = threading.Lock()


@functools.lru_cache(maxsize=64)
def _numbered_ids(test: str) -> Callable[[], str]:
    prefix = hashlib.sha256(test.encode(errors="surrogatepass")).hexdigest()[:24]
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers):08x}"
