"""Detection of blocked threads: whether every thread that does not sleep waits for something.

Virtual time may advance only then. Python does not report whether a thread waits for a lock, a queue or a
socket, so the threads are sampled. A thread counts as blocked if it stays at the same instruction, sample
after sample, and uses no processor time meanwhile, where the system reports it (Linux does). A thread that
computes is waited for until the timeout, and then ignored until it is seen to block.

Samples are counted instead of milliseconds, because on a busy machine all threads are slow alike.

Three simpler versions were tried. They made 1 to 5 of 46 tests flaky, so the details below are needed.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core import timeutils

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

# In samples. The window takes a few real milliseconds, in which a thread that was woken has moved.
SAMPLING_WINDOW: Final = 20
_LONG: Final = 200  # after so many, a thread counts as blocked for long
_SHORT_WINDOW: Final = 4  # if all of them are blocked for long
# In real seconds, for threads that compute.
_TIMEOUT: Final = 1.0

_TASKS: Final = "/proc/self/task"  # where Linux describes the threads of this process
_MAX_BYTES: Final = 128  # of such a description

_WORKER: Final = ("concurrent.futures.thread", "_worker")


@dataclass(frozen=True, slots=True)
class _Sample:
    """The state of a thread at the last sample.

    Attributes:
        position: The id of its frame, its code and instruction. Another frame may come to have the same id.
        unchanged: The number of samples in a row at which it has kept this position.
        cpu_time: The processor time that it had used at the first of them, as the system shows it.
        ignored: Whether the clock does not wait for it.
        needs_thread: Whether, if it is blocked, only another thread can wake it.
    """

    position: tuple[int, object, int]
    unchanged: int = 0
    cpu_time: bytes = b""
    ignored: bool = False
    needs_thread: bool = False

    def next(self, frame: FrameType, native_id: int | None) -> _Sample:
        """Return the sample that follows."""
        position = id(frame), frame.f_code, frame.f_lasti
        if position == self.position:
            return replace(self, unchanged=self.unchanged + 1)
        return _Sample(position, 0, _cpu_time(native_id), self.ignored, _needs_thread(frame))

    def reset(self, native_id: int | None) -> _Sample:
        """Return the sample of a thread that has used processor time in the same position."""
        return replace(self, unchanged=0, cpu_time=_cpu_time(native_id))

    def is_blocked(self, native_id: int | None) -> bool:
        """Return whether the thread has not run since, and is not about to."""
        return self.unchanged > 0 and not _is_runnable(native_id) and _cpu_time(native_id) == self.cpu_time

    @property
    def is_still_ignored(self) -> bool:
        """Whether it was ignored and has not been blocked for long enough since."""
        return self.ignored and self.unchanged < (2 if self.cpu_time else SAMPLING_WINDOW)


class OtherThreads:
    """The threads that do not sleep.

    Args:
        real_monotonic: Returns real seconds.
    """

    def __init__(self, real_monotonic: Callable[[], float]) -> None:
        self._real_monotonic = real_monotonic
        self._samples: dict[int, _Sample] = {}
        self._idle: frozenset[int] = frozenset()
        self.reset()

    def reset(self) -> None:
        """Start a new window: a sleeper has come or gone, and may have woken another thread."""
        self._unchanged = 0  # samples since the last change, including the one that showed it
        self._reset_at = self._real_monotonic()

    def all_blocked(self, sleepers: Mapping[int, object]) -> bool:
        """Take a sample, and return whether each thread is blocked or ignored."""
        native_ids = {thread.ident: thread.native_id for thread in threading.enumerate()}
        self._sample(sleepers, native_ids)
        watched = [sample for sample in self._samples.values() if not sample.ignored]
        timed_out = self._real_monotonic() - self._reset_at > _TIMEOUT
        if self._unchanged <= self._samples_needed(watched, sleepers) and not timed_out:
            return False
        # The sleepers come first: one that has just been woken may wake another thread.
        me = threading.get_ident()
        some_wake = any(_is_runnable(native_ids.get(each)) for each in sleepers if each != me)
        running = {
            thread: sample.reset(native_ids.get(thread))
            for thread, sample in self._samples.items()
            if not sample.is_blocked(native_ids.get(thread))
        }
        self._samples |= running
        just_started = _python_threads() - self._samples.keys() - self._idle - sleepers.keys()
        all_ignored = all(sample.ignored for sample in running.values())
        if (just_started or some_wake or not all_ignored) and not timed_out:
            self._unchanged = 1
            return False
        self._samples = {
            thread: replace(sample, ignored=thread in running or sample.is_still_ignored)
            for thread, sample in self._samples.items()
        }
        return True

    def _samples_needed(self, watched: Sequence[_Sample], sleepers: Mapping[int, object]) -> int:
        has_cpu_times = all(sample.cpu_time for sample in watched)
        some_ignored = len(watched) < len(self._samples)
        if all(sample.unchanged >= _LONG for sample in watched):
            # With processor times one sample is enough; one more lets the ignored threads run once.
            return int(some_ignored) if has_cpu_times else _SHORT_WINDOW
        all_need_threads = all(sample.needs_thread for sample in watched) and not some_ignored
        known = len(self._samples) + len(self._idle) + len(sleepers)
        if has_cpu_times and all_need_threads and _count_threads() == known:
            return 1  # a thread may have reached its position just before the first sample
        return SAMPLING_WINDOW

    def _sample(self, sleepers: Mapping[int, object], native_ids: Mapping[int | None, int | None]) -> None:
        before, nowhere = self._samples, _Sample((0, None, 0))
        frames = {
            thread: frame
            for thread, frame in sys._current_frames().items()  # noqa: SLF001 - documented
            if thread not in sleepers
        }
        self._idle = frozenset(thread for thread, frame in frames.items() if _is_idle(frame))
        self._samples = {
            thread: before.get(thread, nowhere).next(frame, native_ids.get(thread))
            for thread, frame in frames.items()
            if thread not in self._idle
        }
        moved = any(not each.unchanged and not each.ignored for each in self._samples.values())
        changed = moved or before.keys() != self._samples.keys()
        self._unchanged = 1 if changed else self._unchanged + 1


def _python_threads() -> set[int | None]:
    """Return the threads that Python has started; it does not notice the end of others."""
    foreign = threading._DummyThread  # noqa: SLF001 - there is no other way
    return {each.ident for each in threading.enumerate() if not isinstance(each, foreign)}


def _needs_thread(frame: FrameType) -> bool:
    """Return whether a thread waits without a timeout, so that only another thread can wake it."""
    function = _function(frame)
    if function == ("threading", "wait"):  # by which queues, events and futures wait
        return frame.f_locals.get("timeout") is None
    return function == _WORKER


def _is_idle(frame: FrameType) -> bool:
    """Return whether a thread is an executor's worker that has finished all its tasks."""
    if _function(frame) != _WORKER or timeutils.unstarted_tasks:
        return False
    variables = frame.f_locals
    executor = variables["executor_reference"]()
    # Tasks from before the clock started are only in the queue. A worker that ends wakes other threads.
    return variables["work_queue"].empty() and executor is not None and not executor._shutdown  # noqa: SLF001 - there is no other way


def _function(frame: FrameType) -> tuple[object, str]:
    return frame.f_globals.get("__name__"), frame.f_code.co_name


def _count_threads() -> int:
    """Return the number of threads, including those unknown to Python; 0 where it is not known."""
    try:
        return len(os.listdir(_TASKS))
    except OSError:
        return 0


def _is_runnable(native_id: int | None) -> bool:
    """Return whether a thread waits for nothing but a processor."""
    return b") R" in _read_task(native_id, "stat")


def _cpu_time(native_id: int | None) -> bytes:
    used = _read_task(native_id, "schedstat").partition(b" ")[0]
    return b"" if used == b"0" else used  # 0 is from a kernel that does not count


def _read_task(native_id: int | None, name: str) -> bytes:
    """Return what Linux reports of a thread; nothing elsewhere, and for a thread that has ended."""
    try:
        with open(f"{_TASKS}/{native_id}/{name}", "rb", buffering=0) as file:
            return file.read(_MAX_BYTES)
    except OSError:
        return b""
