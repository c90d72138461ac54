"""Ways to end polling loops that swallow every exception.

``PollingStopped`` is not an ``Exception``, so most loops cannot swallow it. Two cases need more:

- A worker of ``multiprocessing.dummy.Pool`` would die of it, and the caller would wait for its result for
  ever. The failure is handed over as the result first, as the worker itself does with an ``Exception``.
- A loop with a bare ``except:`` swallows everything. After many swallowed stops the process is ended.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.errors import PollingStopped, RunawayPolling
from pytest_dxjobs._core.running_test import end_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_MAX_SWALLOWED: Final = 100
_SWALLOWS_EVERYTHING: Final = "The code swallows every exception, so the process was ended."
_handed_over: Final = threading.local()  # .task: the last one of this thread


def escalate(
    stopped: PollingStopped,
    remember: Callable[[RunawayPolling], None],
) -> BaseException:
    """Return the exception that ends the loop in this thread. The caller holds no lock."""
    if stopped.times > _MAX_SWALLOWED:
        end_process(f"{stopped}\n{_SWALLOWS_EVERYTHING}")
    worker = _pool_worker()
    if worker is None:
        return stopped
    task = worker["job"], worker["i"]
    if task != getattr(_handed_over, "task", None):
        _handed_over.task = task
        # The traceback shows the origin until the pool raises the failure again.
        failure = RunawayPolling(str(stopped)).with_traceback(stopped.__traceback__)
        remember(failure)
        worker["put"]((*task, (False, failure)))
    thread: Any = threading.current_thread()
    thread._invoke_excepthook = bool  # noqa: SLF001 - else pytest's hook would warn of SystemExit
    return SystemExit(str(stopped))


def _pool_worker() -> dict[str, Any] | None:
    """Return the variables of the pool worker that runs in this thread; None for any other thread."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - documented
    while frame is not None:
        name = frame.f_globals.get("__name__"), frame.f_code.co_name
        if name == ("multiprocessing.pool", "worker"):
            return frame.f_locals
        frame = frame.f_back
    return None
