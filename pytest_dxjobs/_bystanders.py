"""Whether the threads that do not sleep wait for something: a lock, a queue, a socket.

Python does not tell. A thread is taken to wait that stands at the same instruction, look after look, while
it is given the time to go on, and that has used no processor meanwhile, as far as the system tells: Linux
does. One that computes is waited for, once, and then left out until it is seen to wait.

Looks are counted, not milliseconds, since on a busy machine all threads are slow alike.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# In looks. A moment is a few real milliseconds, by which a thread that was woken has moved.
A_MOMENT: Final = 20
_LONG: Final = 200  # after which a thread is taken to wait for all the others
_SHORT: Final = 4  # and then that many are enough
# In real seconds, for the threads that compute.
_PATIENCE: Final = 1.0

_AT_MOST: Final = 128  # bytes, of what the system tells of a thread


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a thread stood at the last look.

    Attributes:
        place: Its frame and its instruction.
        looks: For how many looks it has stood there.
        used: What the system told of the processor time that it had used, a look after it came there.
        left_out: Whether it is not waited for.
    """

    place: tuple[int, int]
    looks: int = 0
    used: bytes = b""
    left_out: bool = False

    def then(self, place: tuple[int, int], native: int | None) -> _Stand:
        """The same one look later."""
        if place != self.place:
            return _Stand(place, left_out=self.left_out)
        used = _processor_time(native) if self.looks == 0 else self.used
        return _Stand(place, self.looks + 1, used, self.left_out)

    def waits(self, native: int | None) -> bool:
        """Whether it has not gone on since, and is not about to."""
        return (
            self.looks > 0 and not _is_about_to_run(native) and _processor_time(native) == self.used
        )

    @property
    def is_still_left_out(self) -> bool:
        """Whether it was left out, and has not stood there for long enough since."""
        return self.left_out and self.looks < (2 if self.used else A_MOMENT)


class Bystanders:
    """The threads that do not sleep.

    Args:
        real_monotonic: Tells real seconds.
    """

    def __init__(self, real_monotonic: Callable[[], float]) -> None:
        self._real_monotonic = real_monotonic
        self._stands: dict[int, _Stand] = {}
        self.unsettle()

    def unsettle(self) -> None:
        """Note that a sleeper has come or gone, and may have woken another thread."""
        self._quiet = 0  # looks since anything has changed
        self._since = self._real_monotonic()

    def all_wait(self, sleepers: Mapping[int, object]) -> bool:
        """Look once more: whether each of them waits for something that no other will bring."""
        natives = {thread.ident: thread.native_id for thread in threading.enumerate()}
        self._look(sleepers, natives)
        waited_for = [stand for stand in self._stands.values() if not stand.left_out]
        out_of_patience = self._real_monotonic() - self._since > _PATIENCE
        if self._quiet <= self._looks_needed(waited_for) and not out_of_patience:
            return False
        waiting = {
            thread for thread, stand in self._stands.items() if stand.waits(natives.get(thread))
        }
        going_on = {
            thread: _Stand(stand.place, left_out=stand.left_out)
            for thread, stand in self._stands.items()
            if thread not in waiting
        }
        self._stands |= going_on
        just_started = _own_threads() - self._stands.keys() - sleepers.keys()
        all_left_out = all(stand.left_out for stand in going_on.values())
        if (just_started or not all_left_out) and not out_of_patience:
            self._quiet = 0
            return False
        self._stands = {
            thread: replace(stand, left_out=thread not in waiting or stand.is_still_left_out)
            for thread, stand in self._stands.items()
        }
        return True

    def _looks_needed(self, waited_for: Sequence[_Stand]) -> int:
        if not all(stand.looks >= _LONG for stand in waited_for):
            return A_MOMENT
        if not all(stand.used for stand in waited_for):
            return _SHORT
        # Where the system tells, one look is enough; after it those that are left out have run once more.
        return 1 if len(waited_for) < len(self._stands) else 0

    def _look(
        self, sleepers: Mapping[int, object], natives: Mapping[int | None, int | None]
    ) -> None:
        before, none = self._stands, _Stand((0, 0))
        self._stands = {
            thread: before.get(thread, none).then((id(frame), frame.f_lasti), natives.get(thread))
            for thread, frame in sys._current_frames().items()  # noqa: SLF001 - documented
            if thread not in sleepers
        }
        moved = any(not each.looks and not each.left_out for each in self._stands.values())
        self._quiet = 1 if moved or before.keys() != self._stands.keys() else self._quiet + 1


def _own_threads() -> set[int | None]:
    """The threads that Python has started; it does not notice that one of others has ended."""
    foreign = threading._DummyThread  # noqa: SLF001 - there is no other way
    return {each.ident for each in threading.enumerate() if not isinstance(each, foreign)}


def _is_about_to_run(native: int | None) -> bool:
    """Whether a thread waits for nothing but a processor."""
    return b") R" in _told(native, "stat")


def _processor_time(native: int | None) -> bytes:
    return _told(native, "schedstat").partition(b" ")[0]


def _told(native: int | None, what: str) -> bytes:
    """What Linux tells of a thread; nothing elsewhere, and of a thread that has ended."""
    try:
        with open(f"/proc/self/task/{native}/{what}", "rb", buffering=0) as told:
            return told.read(_AT_MOST)
    except OSError:
        return b""
