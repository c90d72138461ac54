"""The test that pytest runs, and the last means to end one: to end the process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_STDERR: Final = 2

# The plugin sets this: it shows what pytest has captured, which would be lost with the process.
before_the_end: Callable[[], object] = bool


def current_test() -> str:
    """Return the id of the test that pytest runs, or ""."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]


def end_process(message: str) -> NoReturn:
    """Print a message and end the process, without any cleanup."""
    try:
        before_the_end()
    finally:
        test = current_test()
        os.write(_STDERR, f"\n{f'In {test}: ' if test else ''}{message}\n".encode())
        os._exit(1)
