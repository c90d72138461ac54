"""What ends a wait for work that will not be done, since a runaway has ended whoever does it.

A thread or a task of the code under test that dies of ``RunawayPolling``, or is halted, leaves who waits for it
waiting for ever, in ``queue.join()`` for one, as after any exception. So a thread of ours looks, from the first
runaway to the last fake, whether anything in the process goes on. If nothing does, a signal to the main thread
raises the story there: it is an ``Exception``, so that the test fails and cleans up as for any other.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._errors import RunawayPolling
from pytest_dxjobs._tracebacks import is_expected

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK: Final = 0.5  # real seconds
_LOOKS: Final = 4  # one after the other, in which nothing has gone on
_IDLE: Final = 0.02  # of one processor; less is taken for nothing
_TIMES: Final = 3  # that the story of one runaway is raised
_STDERR: Final = 2
_DEBUGGERS: Final = ("pdb", "pydevd", "_pydevd")
# One that nobody uses, and that is ignored where nobody handles it; on Windows there is none.
_SIGNAL: Final[Any] = getattr(signal, "SIGURG", None)
_IN_VAIN: Final = "Nothing has gone on for two seconds since; the code waits for a thread or a task that was ended so."

before_the_end: Callable[[], object] = bool  # makes sure that what is told is seen
_lock: Final = threading.Lock()
_running: _Guard | None = None
_is_installed = False  # whether the signal is ours


class _Guard(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="pytest-dxjobs", daemon=True)
        self.over = threading.Lock()
        self.over.acquire()
        self.begin(RunawayPolling())

    def begin(self, failure: BaseException) -> None:
        """Look whether anything goes on after this one."""
        self.failure, self.halts = failure, False
        self.test = _test()
        self.looks = self.raised = 0

    def run(self) -> None:
        used = time.process_time()
        while not self.over.acquire(timeout=_LOOK):
            before, used = used, time.process_time()
            is_idle = used - before < _IDLE * _LOOK and self.test == _test()
            self.looks = self.looks + 1 if is_idle else 0
            if self.looks >= _LOOKS:
                self.looks = 0
                self._react()

    def _react(self) -> None:
        # The failure of a thread that is halted has been caught by nobody, so that nobody expects it.
        is_over = not self.halts and is_expected(self.failure)
        if is_over or _is_debugged():
            return
        if _is_installed and self.raised < _TIMES:
            self.raised += 1
            signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)
        elif self.halts or (self.test and self.raised):
            end(f"{self.failure}\n{_IN_VAIN}")


def arrive() -> None:
    """Be ready: a fake has become active."""
    global _is_installed
    if not _is_installed and _is_free():
        signal.signal(_SIGNAL, _raise)
        _is_installed = True


def leave() -> None:
    """Look no more: the last fake leaves."""
    global _running, _is_installed
    with _lock:
        guard, _running = _running, None
    if guard is not None:
        guard.over.release()
        guard.join()
    if _is_installed and threading.current_thread() is threading.main_thread():
        signal.signal(_SIGNAL, signal.SIG_DFL)
        _is_installed = False


def watch(failure: BaseException, *, halts: bool = False) -> None:
    """Look from now on.

    Args:
        failure: What has ended a loop in this thread.
        halts: Whether the thread is halted, so that it never ends.
    """
    global _running
    with _lock:
        if _running is None:
            _running = _Guard()
            _running.start()
        _running.begin(failure)
        _running.halts = halts


def end(told: str) -> None:
    """End the process."""
    test = os.environ.get("PYTEST_CURRENT_TEST")
    try:
        before_the_end()
    finally:
        os.write(_STDERR, f"\n{f'In {test}: ' if test else ''}{told}\n".encode())
        os._exit(1)


def _raise(*_: object) -> None:
    """Tell the story, in the main thread; unless the signal is somebody else's, or late."""
    __tracebackhide__ = True
    guard = _running
    if guard is not None and guard.raised:
        raise RunawayPolling(f"{guard.failure}\n{_IN_VAIN}")


def _is_free() -> bool:
    return (
        _SIGNAL is not None
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(_SIGNAL) is signal.SIG_DFL
    )


def _test() -> str:
    """The test that runs, without its phase."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]


def _is_debugged() -> bool:
    """Whether somebody looks around in a thread."""
    return any(
        str(frame.f_globals.get("__name__")).startswith(_DEBUGGERS)
        for innermost in sys._current_frames().values()  # noqa: SLF001 - documented
        for frame, _ in traceback.walk_stack(innermost)
    )
