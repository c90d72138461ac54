"""The faults that a test has laid down, and which requests they are for.

Values that each request is held against; the words in which a test lays them down are in ``_fault_injection``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_dxjobs._service.fault import deliver

if TYPE_CHECKING:
    from pytest_dxjobs._service.calls import CallRecord, Respond
    from pytest_dxjobs._service.fault import Fault
    from pytest_dxjobs._wire.http import Response


Place = Callable[["str | None"], int]


@dataclass(slots=True)
class PlannedFault:
    """A fault, and what it is for.

    Attributes:
        name: What the test wrote, such as ``inject(faults.throttling(), requests=2)``.
        fault: What happens.
        operations: To which operations, by their names in the API.
        job_ids: For which jobs; None is any, also where there is none.
        times: To how many requests, or calls; None is all that come.
        whole_calls: Whether it is calls that are counted, and not requests.
        after: How many of them pass before.
        rate: How likely it is that it happens to one; None where it is certain.
        seed: What decides, with the place of the job in the fake, where it is not.
        seen: How many it was for.
        used: How many it has happened to.
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
    def spent(self) -> bool:
        """Whether it has happened as often as it should."""
        return self.times is not None and self.used >= self.times

    @property
    def pending(self) -> str:
        """What is left of it, for a person to read; empty where nothing is."""
        if self.rate is not None:
            # It has done its part once it was drawn for, whatever came out.
            return "" if self.seen > self.after else self.name
        if self.times is None:
            return "" if self.used else self.name
        left = f": {self.used} of {self.times}" if self.used else ""
        return f"{self.name}{left}"

    def concerns(self, call: CallRecord) -> bool:
        """Whether this request is one that it is for, if its turn has come."""
        return (
            call.operation in self.operations
            and (self.job_ids is None or call.job_id in self.job_ids)
            and not (self.whole_calls and call.attempt_rows)
        )

    def happens(self, job_id: str | None, ordinal_of: Place) -> bool:
        """Whether it happens to the request that was seen last.

        Each job has draws of its own, by its place in the fake: neither threads nor the name of the test
        change what happens to it.
        """
        if self.seen <= self.after:
            return False
        if self.rate is None:
            return True
        if job_id not in self._draws:
            seed = self.seed % sys.maxsize  # beyond, Python may not write it out
            self._draws[job_id] = random.Random(f"{seed} {ordinal_of(job_id)}")  # noqa: S311
        return self._draws[job_id].random() < self.rate


class FaultPlan:
    """The faults of one fake, in the order in which they were laid down.

    Attributes:
        most_jobs: Of so many jobs, the first ones, requests meet them; None is of all.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all of them."""
        self._waiting: list[PlannedFault] = []
        self.most_jobs: int | None = None

    def add(self, injection: PlannedFault) -> None:
        """Put a fault behind those that are there."""
        self._waiting.append(injection)

    def take(self, call: CallRecord, ordinal_of: Place) -> Respond | None:
        """What happens to a request instead of an answer, which uses it once.

        A fault for a whole call stays with the call, however often it is sent.
        """
        if not self._waiting or self._spares(call.job_id, ordinal_of):
            return None
        concerned = [each for each in self._waiting if each.concerns(call)]
        for each in concerned:
            each.seen += 1
        chosen = next((each for each in concerned if each.happens(call.job_id, ordinal_of)), None)
        if chosen is None:
            return None
        chosen.used += 1
        if chosen.spent:
            self._waiting.remove(chosen)
        fault = chosen.fault

        def respond(record: CallRecord) -> Response:
            return deliver(fault, record)

        if chosen.whole_calls:
            call.respond = respond
        return respond

    def _spares(self, job_id: str | None, ordinal_of: Place) -> bool:
        return self.most_jobs is not None and ordinal_of(job_id) >= self.most_jobs

    def pending(self) -> list[str]:
        """The faults that were laid down and did not happen."""
        return [pending for each in self._waiting if (pending := each.pending)]
