"""Fault injection: ``inject`` and ``throttle``."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pytest_dxjobs._core.arguments import count
from pytest_dxjobs._core.constants import ALWAYS, Marker
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._core.values import plain_str
from pytest_dxjobs._fake.job import Job, id_of
from pytest_dxjobs._model.formats import validate_job_id
from pytest_dxjobs._service.fault_plan import PlannedFault
from pytest_dxjobs.faults import Fault, throttling

if TYPE_CHECKING:
    from pytest_dxjobs._service.backend import Backend

Count = int | Literal[Marker.ALWAYS]


class FaultInjection:
    """The part of ``FakeDataExchange`` that makes requests fail."""

    __slots__ = ()
    _backend: Backend

    def inject(
        self,
        fault: Fault,
        *,
        job: Job | str | Collection[Job | str] | None = None,
        operation: str | Collection[str] = "get_job",
        requests: Count | None = None,
        calls: Count | None = None,
        after: int = 0,
        rate: float | None = None,
        seed: int | None = None,
    ) -> None:
        """Make requests of the code under test fail; botocore retries as it does in production.

        Without a number, the next request fails. Several faults queue: each request meets the first one that
        is meant for it. A request that meets a fault consumes no queued response, history or poll.

        Args:
            fault: The fault, such as ``faults.throttling()``.
            job: Only requests about this job, or about one of several: jobs of this fake, or ids, also of
                jobs that are added later. None is any.
            operation: Only requests for this operation, or for one of several, named as a client calls them.
            requests: How many HTTP requests fail; ``dx.ALWAYS`` is no limit.
            calls: Instead, how many whole calls of the client fail, with all retries of each.
            after: How many of these requests, or calls, the fault skips first, counted from now on.
            rate: The probability that a request, or call, fails: 0 to 1. With it, ``requests`` and ``calls``
                limit how many fail, and the default is no limit.
            seed: The seed of the random choice, with ``rate``; each job has its own sequence. None is 0.

        Raises:
            UsageError: An argument is ill-typed, or there is no such job or operation.
        """
        _check_fault(fault)
        operations = self._operations(operation)
        job_ids = self._job_ids("inject", job)
        if job_ids is not None:
            self._check_operations_take_a_job(operations)
        if requests is not None and calls is not None:
            raise UsageError("inject: give either requests or calls, not both")
        times = 1 if rate is None else None
        for option, given in (("requests", requests), ("calls", calls)):
            if given is not None:
                times = _count_or_none(f"inject: {option}", given)
        after = count("inject: after", after, least=0)
        rate, seed = _check_rate_and_seed(rate, seed)
        called = plain_str(operation) if isinstance(operation, str) else [*operations]
        name = _call_text(
            "inject",
            fault,
            job=job_ids,
            operation=None if called == "get_job" else called,
            requests=requests,
            calls=calls,
            after=after or None,
            rate=rate,
            seed=seed,
        )
        self._backend.inject(
            PlannedFault(
                name,
                fault,
                frozenset(operations.values()),
                job_ids,
                times,
                whole_calls=calls is not None,
                after=after,
                rate=rate,
                seed=seed or 0,
            )
        )

    def throttle(self, requests: Count = 1, job: Job | str | Collection[Job | str] | None = None) -> None:
        """Make ``get_job`` requests fail with "too many requests": short for ``inject(faults.throttling())``.

        Args:
            requests: How many HTTP requests fail; ``dx.ALWAYS`` is no limit.
            job: Only requests about this job, or about one of several, as in ``inject``. None is any.

        Raises:
            UsageError: An argument is ill-typed, or there is no such job.
        """
        times = _count_or_none("throttle: requests", requests)
        job_ids = self._job_ids("throttle", job)
        name = _call_text("throttle", job=job_ids, requests=requests)
        self._backend.inject(
            PlannedFault(
                name,
                throttling(),
                frozenset({self._backend.installed.operation_for_method("throttle", "get_job")}),
                job_ids,
                times,
            )
        )

    def _operations(self, operation: str | Collection[str]) -> dict[str, str]:
        """Return the API names of operations, by the names of the client's methods."""
        place = "inject: operation"
        methods = (operation,) if isinstance(operation, str) else _as_tuple(place, operation)
        return {plain_str(each): self._backend.installed.operation_for_method(place, each) for each in methods}

    def _check_operations_take_a_job(self, operations: Mapping[str, str]) -> None:
        for method, name in operations.items():
            shape = self._backend.installed.operation(name).input_shape
            if shape is None or "JobId" not in shape.members:
                raise UsageError(f"inject: job: {method} has no parameter JobId; leave job out for it")

    def _job_ids(self, call: str, job: Job | str | Collection[Job | str] | None) -> frozenset[str] | None:
        if job is None:
            return None
        jobs = (job,) if isinstance(job, (Job, str)) else _as_tuple(f"{call}: job", job)
        return frozenset(self._job_id(call, each) for each in jobs)

    def _job_id(self, call: str, job: object) -> str:
        job_id = id_of(f"{call}: job", job)
        with self._backend.lock:
            stored = self._backend.jobs.find(job_id, now())
        if isinstance(job, Job) and (stored is None or job != Job(stored, self._backend)):
            raise UsageError(f"{call}: job: {show(job)} is not in this fake")
        if stored is None and (problem := validate_job_id(job_id)):
            raise UsageError(f"{call}: job: {show(job)} is not in this fake, and {problem}")
        return job_id


def _as_tuple(place: str, given: object) -> tuple[Any, ...]:
    if isinstance(given, Collection) and not isinstance(given, (bytes, dict)):
        found: tuple[Any, ...] = tuple(given)
        if found:
            return found
    what = "a job or its id" if place.endswith("job") else "the name of an operation"
    raise UsageError(f"{place}: {what} is needed, or several, not {show(given)}")


def _count_or_none(place: str, given: Count) -> int | None:
    """Return the number, or None for ``ALWAYS``."""
    return None if given is ALWAYS else count(place, given, ", or dx.ALWAYS")


def _call_text(call: str, *given: Fault, job: frozenset[str] | None, **options: object) -> str:
    """Return the call as the test wrote it."""
    named = {"job": None if job is None else sorted(job)} | options
    shown = [f"{name}={show(value)}" for name, value in named.items() if value is not None]
    return f"{call}({', '.join([*map(repr, given), *shown])})"


def _check_fault(fault: Any) -> None:
    if isinstance(fault, Fault):
        return
    if fault is Fault or (inspect.isfunction(fault) and fault.__module__ == throttling.__module__):
        name = fault.__name__
        example = "throttling" if fault is Fault else name
        raise UsageError(f"inject: a fault is needed, not {name} itself; call faults.{example}()")
    raise UsageError(f"inject: a fault is needed, such as faults.throttling(), not {show(fault)}")


def _check_rate_and_seed(rate: object, seed: object) -> tuple[float | None, int | None]:
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise UsageError(f"inject: seed: a whole number is needed, not {show(seed)}")
    if rate is None:
        if seed is not None:
            raise UsageError("inject: seed has no effect without rate; give rate, too")
        return None, None
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise UsageError(f"inject: rate: a number from 0 to 1 is needed, not {show(rate)}")
    return rate, seed
