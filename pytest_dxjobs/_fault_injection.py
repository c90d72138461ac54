"""Faults on the fake: what is to go wrong, and for which requests."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from pytest_dxjobs._arguments import count, one_of
from pytest_dxjobs._constants import ALWAYS, Marker
from pytest_dxjobs._delivery import KINDS
from pytest_dxjobs._errors import UsageError
from pytest_dxjobs._injections import Injection
from pytest_dxjobs._instants import now
from pytest_dxjobs._jobs import Job, id_of
from pytest_dxjobs._messages import show
from pytest_dxjobs.faults import Fault, throttling

if TYPE_CHECKING:
    from pytest_dxjobs._backend import Backend

Count = int | Literal[Marker.ALWAYS]
_OR_ALWAYS = " or dx.ALWAYS"


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
        """Let requests of the code under test fail; botocore retries as it does in production.

        Without a number it is the next request. Several faults queue: each request meets the first one that
        is for it. What is faulted uses up no response, no history and no poll.

        Args:
            fault: What happens, such as ``faults.throttling()``.
            job: Only to requests about this job, or about one of several: jobs or ids. None is any.
            operation: Only to requests for this operation, or for one of several, as a client calls them.
            requests: To so many HTTP requests; ``dx.ALWAYS`` is without end.
            calls: Instead, to so many whole calls of the client: each request that botocore makes for such
                a call fails, however often it tries again.
            after: So many of these requests, or calls, are let pass before, counted from now on.
            rate: How likely it is that a request, or call, fails: 0 to 1. Then ``requests`` is ALWAYS where
                neither it nor ``calls`` is given, and bounds how many fail where it is.
            seed: Decides which fail, with ``rate``: the same seed, the same ones, for each job by itself.
                None is 0.

        Raises:
            UsageError: An argument is ill-typed, or names what is not there.
        """
        _check_fault(fault)
        self._inject(
            "inject",
            fault,
            job=job,
            operation=operation,
            requests=requests,
            calls=calls,
            after=after,
            rate=rate,
            seed=seed,
        )

    def throttle(
        self, requests: Count = 1, job: Job | str | Collection[Job | str] | None = None
    ) -> None:
        """Answer ``get_job`` with "too many requests": short for ``inject(faults.throttling(), ...)``.

        Args:
            requests: So many HTTP requests; ``dx.ALWAYS`` is without end.
            job: Only for this job, or one of several: jobs or ids. None is any.

        Raises:
            UsageError: An argument is ill-typed, or the job is not in this fake.
        """
        self._inject("throttle", throttling(), job=job, requests=requests)

    def _inject(
        self,
        call: str,
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
        """``inject``, with messages that name the call."""
        installed = self._backend.installed
        methods = (
            (operation,)
            if isinstance(operation, str)
            else _several(f"{call}: operation", operation)
        )
        names = [installed.operation_called(f"{call}: operation", each) for each in methods]
        jobs = (
            (job,) if job is None or isinstance(job, (Job, str)) else _several(f"{call}: job", job)
        )
        job_ids = None if job is None else frozenset(self._job_id(call, each) for each in jobs)
        for method, name in zip(methods, names, strict=True):
            shape = installed.operation(name).input_shape
            if job_ids is not None and (shape is None or "JobId" not in shape.members):
                raise UsageError(
                    f"{call}: job: a request for {method} names no job; leave job out for it"
                )
        if requests is not None and calls is not None:
            raise UsageError(f"{call}: either requests or calls, not both")
        for name, times in (("requests", requests), ("calls", calls)):
            if times is not None and times is not ALWAYS:
                count(f"{call}: {name}", times, _OR_ALWAYS)
        count(f"{call}: after", after, least=0)
        _check_chance(call, rate, seed)
        given = calls if calls is not None else requests
        if given is None:
            given = 1 if rate is None else ALWAYS
        options = {
            "job": None if job_ids is None else sorted(job_ids),
            "operation": None if operation == "get_job" else operation,
            "requests": requests,
            "calls": calls,
            "after": after or None,
            "rate": rate,
            "seed": seed,
        }
        given_options = [
            f"{name}={show(value)}" for name, value in options.items() if value is not None
        ]
        written = ", ".join([*([] if call == "throttle" else [repr(fault)]), *given_options])
        injection = Injection(
            f"{call}({written})",
            fault,
            frozenset(names),
            job_ids,
            None if given is ALWAYS else given,
            calls is not None,
            after,
            rate,
            seed or 0,
        )
        self._backend.inject(injection)

    def _job_id(self, call: str, job: object) -> str:
        job_id, jobs = id_of(f"{call}: job", job), self._backend.jobs
        if isinstance(job, Job):
            with jobs.lock:
                life = jobs.find(job_id, now())
            if life is None or job != Job(life, jobs):
                raise UsageError(f"{call}: job: {show(job)} is not in this fake")
        return job_id


def _several(place: str, given: object) -> tuple[object, ...]:
    if isinstance(given, Collection) and not isinstance(given, (bytes, dict)) and len(given):
        return tuple(given)
    what = "a job or its id" if place.endswith("job") else "the name of an operation"
    raise UsageError(f"{place}: {what} is needed, or several, not {show(given)}")


def _check_fault(fault: object) -> None:
    if isinstance(fault, Fault):
        one_of("inject: the kind of a fault", fault.kind, KINDS)
        return
    if getattr(fault, "__module__", "") == Fault.__module__ and callable(fault):
        name = getattr(fault, "__name__", "")
        example = "throttling" if fault is Fault else name
        raise UsageError(f"inject: a fault is needed, not {name} itself; call faults.{example}()")
    raise UsageError(f"inject: a fault is needed, such as faults.throttling(), not {show(fault)}")


def _check_chance(call: str, rate: object, seed: object) -> None:
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise UsageError(f"{call}: seed: a whole number is needed, not {show(seed)}")
    if rate is None:
        if seed is not None:
            raise UsageError(f"{call}: seed: without a rate there is nothing that it decides")
        return
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise UsageError(f"{call}: rate: a number from 0 to 1 is needed, not {show(rate)}")
