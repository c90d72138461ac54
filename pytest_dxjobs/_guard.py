"""What ends a test that waits for a thread in vain.

A thread of the code under test that dies of ``RunawayPolling``, or is halted, does not finish its work. Whoever
waits for that, in ``queue.join()`` for one, would wait for ever, as after any exception. So a thread of ours looks,
from the first runaway outside the main thread to the end of the test or the last fake, whether anything in the process goes on.
If nothing does, the main thread is interrupted, and the plugin lets the test fail with the story. Where nobody
takes that, the process is ended, which is better than a run that hangs until somebody kills it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._errors import RunawayPolling

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK: Final = 0.1  # real seconds
_LOOKS: Final = 20  # for which nothing has gone on
_IDLE: Final = 0.002  # seconds of the processor, in a look
_STDERR: Final = 2
_DEBUGGERS: Final = ("pdb", "pydevd", "_pydevd")
_IN_VAIN: Final = (
    "The code waits for a thread that was ended so, or halted: nothing has gone on for two seconds."
)

before_the_end: Callable[[], object] = bool  # makes sure that what is told is seen
may_interrupt = False  # whether somebody takes an interrupt for what it is
_lock: Final = threading.Lock()
_running: _Guard | None = None
_interrupted: Final[list[str]] = []  # what to tell whoever takes an interrupt


class _Guard(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="pytest-dxjobs", daemon=True)
        self.told = ""
        self._test = _test()
        self._over = threading.Lock()
        self._over.acquire()

    def run(self) -> None:
        looks, used, interrupts = 0, time.process_time(), may_interrupt
        while not self._over.acquire(timeout=_LOOK) and self._is_needed():
            before, used = used, time.process_time()
            looks = 0 if used - before > _IDLE or _is_debugged() else looks + 1
            if looks < _LOOKS:
                continue
            told = f"{self.told}\n{_IN_VAIN}"
            if not (interrupts and _is_interruptible()):
                end(told)
            looks, interrupts = 0, False
            _interrupted[:] = [told]
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def leave(self) -> None:
        self._over.release()
        self.join()

    def _is_needed(self) -> bool:
        return self._test.rpartition(" ")[0] == _test().rpartition(" ")[0]


def watch(told: str) -> None:
    """Look from now on; a loop has been ended in this thread, of which is told."""
    global _running
    if threading.current_thread() is threading.main_thread():
        return
    with _lock:
        if _running is None or not _running.is_alive():
            _running = _Guard()
            _running.start()
        _running.told = told


def leave() -> None:
    """Look no more."""
    global _running
    with _lock:
        if _running is not None and _running.is_alive():
            _running.leave()
        _running = None
        _interrupted.clear()


def interrupted() -> RunawayPolling | None:
    """Why the main thread was interrupted, once; None where it was somebody else."""
    return RunawayPolling(_interrupted.pop()) if _interrupted else None


def end(told: str) -> None:
    """End the process."""
    test = _test()
    try:
        before_the_end()
    finally:
        os.write(_STDERR, f"\n{f'In {test}: ' if test else ''}{told}\n".encode())
        os._exit(1)


def _is_interruptible() -> bool:
    """Whether an interrupt is of any use: not on Windows, and in a teardown pytest would leave the rest of it out."""
    return hasattr(signal, "pthread_kill") and not _test().endswith("(teardown)")


def _test() -> str:
    return os.environ.get("PYTEST_CURRENT_TEST", "")


def _is_debugged() -> bool:
    """Whether somebody looks around in a thread."""
    return any(
        str(frame.f_globals.get("__name__")).startswith(_DEBUGGERS)
        for innermost in sys._current_frames().values()  # noqa: SLF001 - documented
        for frame, _ in traceback.walk_stack(innermost)
    )
