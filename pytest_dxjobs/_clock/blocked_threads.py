"""Whether the threads that do not sleep wait for something: a lock, a queue, a socket.

Python does not tell. A thread is taken to wait that stands at the same instruction, look after look, while
it is given the time to go on, and that has used no processor meanwhile, as far as the system tells: Linux
does. One that computes is waited for, once, and then left out until it is seen to wait.

Looks are counted, not milliseconds, since on a busy machine all threads are slow alike.
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

# In looks. A moment is a few real milliseconds, by which a thread that was woken has moved.
A_MOMENT: Final = 20
_LONG: Final = 200  # after which a thread is taken to wait for all the others
_SHORT: Final = 4  # and then that many are enough
# In real seconds, for the threads that compute.
_PATIENCE: Final = 1.0

_TASKS: Final = "/proc/self/task"  # where Linux tells of the threads of this process
_AT_MOST: Final = 128  # bytes, of what it tells of one

_WORKER: Final = ("concurrent.futures.thread", "_worker")


@dataclass(frozen=True, slots=True)
class _Sample:
    """Where a thread stood at the last look.

    Attributes:
        place: Its frame, its code and its instruction; another frame may come to have the same identity.
        looks: For how many looks it has stood there.
        used: What the system told of the processor time that it had used, at the first of them.
        left_out: Whether it is not waited for.
        in_handover: Whether it is another thread that lets it go on.
    """

    place: tuple[int, object, int]
    looks: int = 0
    used: bytes = b""
    ignored: bool = False
    in_handover: bool = False

    def then(self, frame: FrameType, native: int | None) -> _Sample:
        """The same one look later."""
        place = id(frame), frame.f_code, frame.f_lasti
        if place == self.place:
            return replace(self, looks=self.looks + 1)
        return _Sample(place, 0, _processor_time(native), self.ignored, _is_in_handover(frame))

    def anew(self, native: int | None) -> _Sample:
        """The same, since it has gone on meanwhile."""
        return replace(self, looks=0, used=_processor_time(native))

    def waits(self, native: int | None) -> bool:
        """Whether it has not gone on since, and is not about to."""
        return (
            self.looks > 0 and not _is_about_to_run(native) and _processor_time(native) == self.used
        )

    @property
    def is_still_ignored(self) -> bool:
        """Whether it was left out, and has not stood there for long enough since."""
        return self.ignored and self.looks < (2 if self.used else A_MOMENT)


class OtherThreads:
    """The threads that do not sleep.

    Args:
        real_monotonic: Tells real seconds.
    """

    def __init__(self, real_monotonic: Callable[[], float]) -> None:
        self._real_monotonic = real_monotonic
        self._stands: dict[int, _Sample] = {}
        self._idle: frozenset[int] = frozenset()
        self.unsettle()

    def unsettle(self) -> None:
        """Note that a sleeper has come or gone, and may have woken another thread."""
        self._quiet = 0  # looks since anything has changed, and that one
        self._since = self._real_monotonic()

    def all_wait(self, sleepers: Mapping[int, object]) -> bool:
        """Look once more: whether each of them waits for something that no other will bring."""
        natives = {thread.ident: thread.native_id for thread in threading.enumerate()}
        self._look(sleepers, natives)
        waited_for = [stand for stand in self._stands.values() if not stand.ignored]
        out_of_patience = self._real_monotonic() - self._since > _PATIENCE
        if self._quiet <= self._looks_needed(waited_for, sleepers) and not out_of_patience:
            return False
        # Asked before the others are, since one that has just been woken may be what lets another go on.
        me = threading.get_ident()
        some_wake = any(_is_about_to_run(natives.get(each)) for each in sleepers if each != me)
        timeutils = {
            thread for thread, stand in self._stands.items() if stand.waits(natives.get(thread))
        }
        going_on = {
            thread: stand.anew(natives.get(thread))
            for thread, stand in self._stands.items()
            if thread not in timeutils
        }
        self._stands |= going_on
        just_started = _own_threads() - self._stands.keys() - self._idle - sleepers.keys()
        all_left_out = all(stand.ignored for stand in going_on.values())
        if (just_started or some_wake or not all_left_out) and not out_of_patience:
            self._quiet = 1
            return False
        self._stands = {
            thread: replace(stand, ignored=thread not in timeutils or stand.is_still_ignored)
            for thread, stand in self._stands.items()
        }
        return True

    def _looks_needed(self, waited_for: Sequence[_Sample], sleepers: Mapping[int, object]) -> int:
        told = all(stand.used for stand in waited_for)
        some_left_out = len(waited_for) < len(self._stands)
        if all(stand.looks >= _LONG for stand in waited_for):
            # Where the system tells, one look is enough; after it those that are left out have run once more.
            return int(some_left_out) if told else _SHORT
        in_handover = all(stand.in_handover for stand in waited_for) and not some_left_out
        known = len(self._stands) + len(self._idle) + len(sleepers)
        if told and in_handover and _threads() == known:
            return 1  # since a thread may only have come there
        return A_MOMENT

    def _look(
        self, sleepers: Mapping[int, object], natives: Mapping[int | None, int | None]
    ) -> None:
        before, none = self._stands, _Sample((0, None, 0))
        frames = {
            thread: frame
            for thread, frame in sys._current_frames().items()  # noqa: SLF001 - documented
            if thread not in sleepers
        }
        self._idle = frozenset(thread for thread, frame in frames.items() if _is_idle(frame))
        self._stands = {
            thread: before.get(thread, none).then(frame, natives.get(thread))
            for thread, frame in frames.items()
            if thread not in self._idle
        }
        response_in_state = any(
            not each.looks and not each.ignored for each in self._stands.values()
        )
        self._quiet = (
            1 if response_in_state or before.keys() != self._stands.keys() else self._quiet + 1
        )


def _own_threads() -> set[int | None]:
    """The threads that Python has started; it does not notice that one of others has ended."""
    foreign = threading._DummyThread  # noqa: SLF001 - there is no other way
    return {each.ident for each in threading.enumerate() if not isinstance(each, foreign)}


def _is_in_handover(frame: FrameType) -> bool:
    """Whether a thread, if it waits, waits for another one of this process and not for a time, as far as Python knows."""
    function = _function(frame)
    if function == ("threading", "wait"):  # by which queues, events and futures wait
        return frame.f_locals.get("timeout") is None
    return function == _WORKER


def _is_idle(frame: FrameType) -> bool:
    """Whether a thread is the worker of an executor that has done, and told, all that it was given."""
    if _function(frame) != _WORKER or timeutils.unstarted_tasks:
        return False
    variables = frame.f_locals
    executor = variables["executor_reference"]()
    # What was given before the clock began is not known; and a worker that ends lets others go on.
    return variables["work_queue"].empty() and executor is not None and not executor._shutdown  # noqa: SLF001 - there is no other way


def _function(frame: FrameType) -> tuple[object, str]:
    return frame.f_globals.get("__name__"), frame.f_code.co_name


def _threads() -> int:
    """How many the process has, also those of which Python does not know, or not yet; 0 where it is not told."""
    try:
        return len(os.listdir(_TASKS))
    except OSError:
        return 0


def _is_about_to_run(native: int | None) -> bool:
    """Whether a thread waits for nothing but a processor."""
    return b") R" in _told(native, "stat")


def _processor_time(native: int | None) -> bytes:
    used = _told(native, "schedstat").partition(b" ")[0]
    return b"" if used == b"0" else used  # which a kernel tells that does not count


def _told(native: int | None, what: str) -> bytes:
    """What Linux tells of a thread; nothing elsewhere, and of a thread that has ended."""
    try:
        with open(f"{_TASKS}/{native}/{what}", "rb", buffering=0) as told:
            return told.read(_AT_MOST)
    except OSError:
        return b""
