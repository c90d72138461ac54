"""The check of a finished run, and its report: what was expected, what the code did, and the usual cause.

The check compares the responses in the log of calls with what the code returned or raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_dxjobs._core.errors import RunawayPolling
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._scenarios.error_report import describe_exception, find_exception_problem
from pytest_dxjobs._service.calls import Role, first_end_index
from pytest_dxjobs._service.polling_limits import permitting_option
from pytest_dxjobs._service.timeline import draw_timeline, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_dxjobs._core.timeutils import Sleep
    from pytest_dxjobs._fake.fake import FakeDataExchange
    from pytest_dxjobs._fake.job import Job
    from pytest_dxjobs._scenarios.run import RunResult
    from pytest_dxjobs._service.calls import CallRecord

_EXPECTED: Final = {
    "returns": "the code returns, because the job succeeds",
    "raises": "the code raises an exception that names the reason, because the job does not succeed",
    "gives up": "the code gives up and raises, without naming an end state, because get_job reports none",
    "returns or raises": "the code returns, or raises an exception that names the reason",
}
ENDINGS: Final = tuple(_EXPECTED)
_MAX_TIMELINE_LINES: Final = 8
_MAX_IDS: Final = 3
_ANY_END_STATE: Final = "the code stops polling at any end state and does not check which one it is."
_NONE_CREATED: Final = "create_job was refused. Use check() for code that takes a job id."
_OTHERS_UNPOLLED: Final = "after one job has failed, the code stops polling the others."
_OTHER_JOB: Final = "the code polls another job, or none."
_UNRELATED_ERROR: Final = "the code fails for a reason that has nothing to do with the job."
_OWN_JOB: Final = "the code creates a job of its own. Use check_creating() for such code."
_NOT_STARTED: Final = "start_job was not called or failed, so the job stays WAITING."


class _Finding(NamedTuple):
    """One thing that the code did wrong, and its usual cause; ``""`` for the cause that the scenario names."""

    text: str
    usually: str = ""


def check_run(
    expected: str,
    usually: str,
    title: str,
    result: RunResult,
    fake: FakeDataExchange,
    jobs: Sequence[Job],
    sleeps: Sequence[Sleep],
) -> str:
    """Return the report; empty if the code is correct."""
    records = fake._backend.calls.records  # noqa: SLF001
    findings = list(_findings(expected, result, jobs, records))
    if not findings:
        return ""
    shown = _until_stopped(records)
    if result.runaway is not None:
        sleeps = [each for each in sleeps if each.at < shown[-1].started_at]
    timeline = shorten(draw_timeline("What happened", shown, sleeps=sleeps), _MAX_TIMELINE_LINES)
    option = permitting_option(str(result.runaway))
    usually = next((each.usually for each in findings if each.usually), usually)
    return "\n".join(
        [
            title,
            f"Expected: {_EXPECTED[expected]}.",
            *(f"But {each.text}." for each in findings),
            *timeline,
            *([f"Usually: {usually}"] if usually else []),
            *([f"If so much polling is intended, raise the option {option}."] if option else []),
        ]
    )


def _until_stopped(records: Sequence[CallRecord]) -> Sequence[CallRecord]:
    """Return the calls up to the one that exceeded a limit; later ones show nothing about the loop."""
    for count, record in enumerate(records, 1):
        if isinstance(record.failure, RunawayPolling):
            return records[:count]
    return records


def _findings(
    expected: str, result: RunResult, jobs: Sequence[Job], records: Sequence[CallRecord]
) -> Iterator[_Finding]:
    if result.runaway is not None:
        polling_summary = str(result.runaway).partition("\n")[0].rstrip(".")
        yield _Finding(f"it did not end: {polling_summary}")
    elif not jobs:
        yield _Finding(f"it created no job: it {_describe_ending(result)}", _NONE_CREATED)
    else:
        wrong_ending = _wrong_ending(expected, result, jobs, records)
        if wrong_ending is not None:
            yield wrong_ending
        yield from _polled_after_end(jobs, records)
        to_the_end = wrong_ending is None and expected != "gives up"
        yield from _unpolled_jobs(result, jobs, records, to_the_end=to_the_end)
    yield from _unstarted_jobs(result, jobs, records)


def _polls(job: Job, records: Sequence[CallRecord]) -> list[CallRecord]:
    return [each for each in records if each.role is Role.POLL and each.job_id == job.id]


def _created_ids(records: Sequence[CallRecord]) -> set[str | None]:
    return {each.job_id for each in records if each.role is Role.CREATE}


def _polled_after_end(jobs: Sequence[Job], records: Sequence[CallRecord]) -> Iterator[_Finding]:
    for job in jobs:
        polls = _polls(job, records)
        end = first_end_index(polls)
        if end is not None and (after := len(polls) - end - 1):
            more = "once more" if after == 1 else f"{after} more times"
            yield _Finding(f"it polled job {job.id} {more} after {polls[end].reported}")
            return  # one job is enough to see why


def _unpolled_jobs(
    result: RunResult, jobs: Sequence[Job], records: Sequence[CallRecord], *, to_the_end: bool
) -> Iterator[_Finding]:
    """Find jobs that the code did not poll to the end; unless ``to_the_end``, only if it polled none at all."""
    created = _created_ids(records)
    # Code that reports a failed call may have polled none.
    none_polled = not any(_polls(job, records) for job in jobs) and (
        result.raised is None or all(each.succeeded for each in records)
    )
    unpolled = [
        job.id
        for job in jobs
        if (job.started or (none_polled and job.id not in created))
        and not job.cancelled
        and first_end_index(_polls(job, records)) is None
    ]
    if not unpolled or not (none_polled or to_the_end):
        return
    if created and not created.intersection(unpolled):
        usually = _OWN_JOB
    elif len(jobs) > 1 and not none_polled:
        usually = _OTHERS_UNPOLLED
    elif result.raised is not None:
        usually = _UNRELATED_ERROR
    else:
        usually = _OTHER_JOB if none_polled else ""
    ending = "" if result.raised is None else f": it {_describe_ending(result)}"
    how = "at all" if none_polled else "to the end"
    yield _Finding(f"it did not poll {_name_jobs(unpolled)} {how}{ending}", usually)


def _unstarted_jobs(result: RunResult, jobs: Sequence[Job], records: Sequence[CallRecord]) -> Iterator[_Finding]:
    starts = [each for each in records if each.role is Role.START]
    if result.raised is not None and not all(each.succeeded for each in starts):
        return  # the exception reports the failed start
    created = _created_ids(records)
    unstarted = [job.id for job in jobs if job.id in created and not (job.started or job.cancelled)]
    if unstarted:
        yield _Finding(f"it never started {_name_jobs(unstarted)}, which it created", _NOT_STARTED)


def _name_jobs(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MAX_IDS} more" if len(ids) > _MAX_IDS else ""
    return f"job{'s' * (len(ids) > 1)} {', '.join(ids[:_MAX_IDS])}{more}"


def _wrong_ending(
    expected: str, result: RunResult, jobs: Sequence[Job], records: Sequence[CallRecord]
) -> _Finding | None:
    """Find what is wrong with what the code returned or raised."""
    if result.raised is None and not result.failed:
        if expected not in ("raises", "gives up"):
            return None
        hint = "" if result.returned is None else "; if that reports a failure, pass failed="
        saw_all_end = all(first_end_index(_polls(job, records)) is not None for job in jobs)
        return _Finding(
            f"it returned {show(result.returned)}, as if the job had succeeded{hint}",
            _ANY_END_STATE if saw_all_end else "",
        )
    if expected == "returns":
        return _Finding(f"it reported a failure: it {_describe_ending(result)}")
    if result.raised is None:
        return None
    problem = find_exception_problem(expected, result.raised, jobs, records)
    return _Finding(problem) if problem else None


def _describe_ending(result: RunResult) -> str:
    if result.raised is None:
        return f"returned {show(result.returned)}"
    return f"raised {describe_exception(result.raised)}"
