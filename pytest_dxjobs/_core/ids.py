"""Ids of jobs and resources: valid for the service, and the same in each run of a test."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from dataclasses import dataclass
from typing import Final

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.values import bare


def job_id(label: str, /) -> str:
    """A valid job id for a readable label: the same label gives the same id, everywhere and always.

    Args:
        label: Any text, such as ``"nightly"``.

    Returns:
        32 lowercase hex digits.

    Raises:
        UsageError: The label is no text.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    if not isinstance(label, str):
        raise UsageError(f"job_id: the label is a string, such as 'nightly', not {show(label)}")
    return hashlib.sha256(bare(label).encode(errors="surrogatepass")).hexdigest()[:32]


def next_id() -> str:
    """An id that nobody else has: 32 lowercase hex digits, numbered within the test that is running."""
    [found] = next_ids(1)
    return found


def next_ids(count: int) -> list[str]:
    """As many of them."""
    with _lock:
        current = id_counter()
        first = current.last + 1
        current.last += count
        return [f"{current.prefix}{number:08x}" for number in range(first, first + count)]


@dataclass(slots=True)
class IdCounter:
    """The ids of one test.

    Attributes:
        prefix: How they all begin.
        last: The number of the last one.
    """

    prefix: str
    last: int = 0


def id_counter() -> IdCounter:
    """Those of the test that is running."""
    return _numbers(os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0])


_lock: Final = threading.Lock()


@functools.lru_cache(maxsize=64)
def _numbers(test: str) -> IdCounter:
    return IdCounter(hashlib.sha256(test.encode(errors="surrogatepass")).hexdigest()[:24])
