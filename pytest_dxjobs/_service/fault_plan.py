"""The queued faults of a fake, and which requests each one is for."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_dxjobs._service.fault import deliver

if TYPE_CHECKING:
    from pytest_dxjobs._service.calls import CallRecord, Respond
    from pytest_dxjobs._service.fault import Fault
    from pytest_dxjobs._wire.http import Response


OrdinalOf = Callable[["str | None"], int]


@dataclass(slots=True)
class PlannedFault:
    """A fault, and the requests that it is for.

    Attributes:
        name: What the test wrote, such as ``inject(faults.throttling(), requests=2)``.
        fault: What the requests meet.
        operations: Its operations, by their names in the API.
        job_ids: The ids of its jobs; None for all requests, also those about no job.
        times: How many requests, or calls, meet it; None for no limit.
        whole_calls: Whether it counts calls, not requests.
        after: How many requests, or calls, pass before it starts.
        rate: How likely a request, or call, is to meet it; None if each one does.
        seed: Decides, together with the job's ordinal in the fake, which ones meet it.
        seen: How many requests, or calls, it was for so far.
        used: How many of them met it.
    """

    name: str
    fault: Fault
    operations: frozenset[str]
    job_ids: frozenset[str] | None
    times: int | None
    whole_calls: bool = False
    after: int = 0
    rate: float | None = None
    seed: int = 0
    seen: int = 0
    used: int = 0
    _draws: dict[str | None, random.Random] = field(default_factory=dict)

    @property
    def used_up(self) -> bool:
        """Whether it has happened ``times`` times."""
        return self.times is not None and self.used >= self.times

    @property
    def pending(self) -> str:
        """What is unused, as text; empty if nothing is."""
        if self.rate is not None:
            # A random fault is used as soon as it was drawn for, whatever the outcome.
            return "" if self.seen > self.after else self.name
        if self.times is None:
            return "" if self.used else self.name
        used = f" (used {self.used} of {self.times} times)" if self.used else ""
        return f"{self.name}{used}"

    def matches(self, call: CallRecord) -> bool:
        """Return whether the fault is for the operation and the job of this request."""
        return (
            call.operation in self.operations
            and (self.job_ids is None or call.job_id in self.job_ids)
            and not (self.whole_calls and call.attempt_rows)
        )

    def triggers(self, job_id: str | None, ordinal_of: OrdinalOf) -> bool:
        """Return whether the request that was counted last meets the fault, by ``after``, ``times`` and ``rate``.

        Each job has a random generator of its own, seeded with its ordinal in the fake. So neither threads
        nor the name of the test, which job ids depend on, change what happens to a job.
        """
        if self.seen <= self.after:
            return False
        if self.rate is None:
            return True
        if job_id not in self._draws:
            self._draws[job_id] = random.Random(f"{self.seed} {ordinal_of(job_id)}")  # noqa: S311
        return self._draws[job_id].random() < self.rate


class FaultPlan:
    """The faults of one fake, in the order in which they were injected.

    Attributes:
        max_jobs: Only the first so many jobs meet faults; None for all.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Remove all faults."""
        self._queue: list[PlannedFault] = []
        self.max_jobs: int | None = None

    def add(self, planned: PlannedFault) -> None:
        """Queue a fault."""
        self._queue.append(planned)

    def take(self, call: CallRecord, ordinal_of: OrdinalOf) -> Respond | None:
        """Return what responds to a request with the first fault that happens to it, or None.

        A fault for whole calls stays with the call, so that its retries meet the fault, too.
        """
        if not self._queue or self._is_exempt(call.job_id, ordinal_of):
            return None
        matching = [planned for planned in self._queue if planned.matches(call)]
        for planned in matching:
            planned.seen += 1
        chosen = next((each for each in matching if each.triggers(call.job_id, ordinal_of)), None)
        if chosen is None:
            return None
        chosen.used += 1
        if chosen.used_up:
            self._queue.remove(chosen)
        fault = chosen.fault

        def respond(record: CallRecord) -> Response:
            return deliver(fault, record)

        if chosen.whole_calls:
            call.respond = respond
        return respond

    def _is_exempt(self, job_id: str | None, ordinal_of: OrdinalOf) -> bool:
        return self.max_jobs is not None and ordinal_of(job_id) >= self.max_jobs

    def pending(self) -> list[str]:
        """Return the faults that did not happen, as text."""
        return [pending for planned in self._queue if (pending := planned.pending)]
