"""Ids of jobs and resources: valid for the service, and the same in each run of a test."""

from __future__ import annotations

import functools
import hashlib
import threading
from dataclasses import dataclass
from typing import Final

from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.running_test import current_test
from pytest_dxjobs._core.values import plain_str


def job_id(label: str, /) -> str:
    """Return a valid job id for a readable label; the same label always gives the same id.

    Args:
        label: Any text, such as ``"nightly"``.

    Returns:
        32 lowercase hex digits.

    Raises:
        UsageError: The label is not a string.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    if not isinstance(label, str):
        raise UsageError(f"job_id: label: a string such as 'nightly' is needed, not {show(label)}")
    return hashlib.sha256(plain_str(label).encode()).hexdigest()[:32]


def next_id() -> str:
    """Return an unused id of 32 lowercase hex digits, numbered within the running test."""
    [found] = next_ids(1)
    return found


def next_ids(count: int) -> list[str]:
    """Return several unused ids."""
    with _lock:
        counter = id_counter()
        first = counter.last + 1
        counter.last += count
        return [f"{counter.prefix}{number:08x}" for number in range(first, first + count)]


@dataclass(slots=True)
class IdCounter:
    """The ids of one test.

    Attributes:
        prefix: The common start of its ids.
        last: The number of its last id.
    """

    prefix: str
    last: int = 0


def id_counter() -> IdCounter:
    """Return the counter of the running test."""
    return _counter_of(current_test())


_lock: Final = threading.Lock()


@functools.lru_cache(maxsize=64)
def _counter_of(test: str) -> IdCounter:
    return IdCounter(hashlib.sha256(test.encode(errors="surrogateescape")).hexdigest()[:24])
