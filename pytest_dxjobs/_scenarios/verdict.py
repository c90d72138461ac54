"""What is wrong with what code made of a scenario: the verdict, and the report for a person.

Judged is what the code was told, as it stands in the log of calls, against what came out of the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_dxjobs._core.errors import RunawayPolling
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._scenarios.error_report import describe_raised, find_report_problem
from pytest_dxjobs._service.calls import first_end
from pytest_dxjobs._service.polling_limits import permitting_option
from pytest_dxjobs._service.timeline import draw_timeline, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_dxjobs._core.timeutils import Sleep
    from pytest_dxjobs._fake.fake import FakeDataExchange
    from pytest_dxjobs._fake.job import Job
    from pytest_dxjobs._scenarios.run import RunResult
    from pytest_dxjobs._service.calls import CallRecord

ENDINGS: Final = ("returns", "raises", "gives up", "returns or raises")
_EXPECTED: Final = {
    "returns": "that the code returns, since the job ends well",
    "raises": "that the code raises and tells why, since the job does not end well",
    "gives up": "that the code gives up and raises, and names no end state, since the job has none",
    "returns or raises": "that the code returns, or raises and tells why",
}
_LINES: Final = 8
_ANY_END: Final = "the code leaves its loop at any end state, and does not look at which one it is."
_NONE_CREATED: Final = "the request is refused; code that is given the id of a job is for check()."
_LEFT_ALONE: Final = "when one job has failed, the code leaves the others alone."
_OTHER_JOB: Final = "the code waits for another job, or for none."
_OWN_REASON: Final = "the code fails for a reason of its own, whatever becomes of the job."
_OWN_JOB: Final = "the code creates a job of its own, and then check_creating() is the check."
_MOST_TOLD: Final = 3
_NOT_STARTED: Final = "nothing calls start_job, without which a job stays WAITING."


class _Finding(NamedTuple):
    """What the code did, and what usually causes it; "" where it is what the scenario says."""

    text: str
    usually: str = ""


def check_run(
    expected: str,
    usually: str,
    title: str,
    done: RunResult,
    fake: FakeDataExchange,
    jobs: Sequence[Job],
    sleeps: Sequence[Sleep],
) -> str:
    """The report; empty where the code is sound.

    Args:
        expected: What sound code does, one of ``ENDINGS``.
        usually: What usually causes a failure; "" where nothing is known of it.
        title: The name of the scenario and what happened.
        done: What the code has done.
        fake: Where.
        jobs: The jobs that were the code's to wait for.
        sleeps: The sleeps meanwhile.
    """
    records = fake._backend.jobs.log.records  # noqa: SLF001
    problems = list(_problems(expected, done, jobs, records))
    if not problems:
        return ""
    shown = _until_it_was_ended(records)
    if done.ran_away is not None:
        sleeps = [each for each in sleeps if each.at < shown[-1].started_at]
    timeline = shorten(draw_timeline("What happened", shown, sleeps=sleeps), _LINES)
    usually = next((each.usually for each in problems if each.usually), usually)
    return "\n".join(
        [
            title,
            f"Expected: {_EXPECTED[expected]}.",
            *(f"But {each.text}." for each in problems),
            *timeline,
            *([f"Usually: {usually}"] if usually else []),
            *_what_permits_it(done.ran_away),
        ]
    )


def _until_it_was_ended(records: Sequence[CallRecord]) -> Sequence[CallRecord]:
    """The calls up to the first that was one too many; those after it tell nothing of the loop."""
    for count, record in enumerate(records, 1):
        if isinstance(record.failure, RunawayPolling):
            return records[:count]
    return records


def _what_permits_it(ran_away: RunawayPolling | None) -> list[str]:
    option = permitting_option(str(ran_away))
    return [f"Where so many polls are meant, {option} sets another bound."] if option else []


def _problems(
    expected: str, done: RunResult, jobs: Sequence[Job], records: Sequence[CallRecord]
) -> Iterator[_Finding]:
    if done.ran_away is not None:
        polling_summary = str(done.ran_away).partition("\n")[0].rstrip(".")
        yield _Finding(f"it had not come to an end: {polling_summary}")
    elif not jobs:
        yield _Finding(f"it created no job: it {_ended(done)}", _NONE_CREATED)
    else:
        wrong = _wrong_ending(expected, done, jobs, records)
        if wrong is not None:
            yield wrong
        yield from _polled_after_end(jobs, records)
        to_the_end = wrong is None and expected != "gives up"
        yield from _left_alone(done, jobs, records, to_the_end=to_the_end)
    yield from _not_started(done, jobs, records)


def _polls(job: Job, records: Sequence[CallRecord]) -> list[CallRecord]:
    return [each for each in records if each.operation == "GetJob" and each.job_id == job.id]


def _polled_after_end(jobs: Sequence[Job], records: Sequence[CallRecord]) -> Iterator[_Finding]:
    for job in jobs:
        polls = _polls(job, records)
        end = first_end(polls)
        if end is not None and (after := len(polls) - end - 1):
            more = "once more" if after == 1 else f"{after} more times"
            yield _Finding(f"it polled job {job.id} {more} after {polls[end].reported}")
            return  # one is enough to see why


def _left_alone(
    done: RunResult, jobs: Sequence[Job], records: Sequence[CallRecord], *, to_the_end: bool
) -> Iterator[_Finding]:
    """The jobs that it did not poll at all, though no call has failed that it reports; or ``to_the_end``."""
    created = {each.job_id for each in records if each.operation == "CreateJob"}
    at_all = not any(_polls(job, records) for job in jobs) and (
        done.raised is None or all(each.succeeded for each in records)
    )
    left = [
        job.id
        for job in jobs
        if (job.started or (at_all and job.id not in created))
        and not job.cancelled
        and first_end(_polls(job, records)) is None
    ]
    if not left or not (at_all or to_the_end):
        return
    if created and not created.intersection(left):
        usually = _OWN_JOB
    elif len(jobs) > 1 and not at_all:
        usually = _LEFT_ALONE
    elif done.raised is not None:
        usually = _OWN_REASON
    else:
        usually = _OTHER_JOB if at_all else ""
    ended = "" if done.raised is None else f": it {_ended(done)}"
    how = "at all" if at_all else "to the end"
    yield _Finding(f"it did not poll {_several(left)} {how}{ended}", usually)


def _not_started(
    done: RunResult, jobs: Sequence[Job], records: Sequence[CallRecord]
) -> Iterator[_Finding]:
    starts = [each for each in records if each.operation == "StartJob"]
    if done.raised is not None and not all(each.succeeded for each in starts):
        return  # which it has told
    created = {each.job_id for each in records if each.operation == "CreateJob"}
    left = [job.id for job in jobs if job.id in created and not (job.started or job.cancelled)]
    if left:
        yield _Finding(f"it never started {_several(left)}, which it had created", _NOT_STARTED)


def _several(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_TOLD} more" if len(ids) > _MOST_TOLD else ""
    return f"job{'s' * (len(ids) > 1)} {', '.join(ids[:_MOST_TOLD])}{more}"


def _wrong_ending(
    expected: str, done: RunResult, jobs: Sequence[Job], records: Sequence[CallRecord]
) -> _Finding | None:
    """What is wrong with what it returned or raised; None where nothing is."""
    if done.raised is None and not done.failed:
        if expected not in ("raises", "gives up"):
            return None
        hint = "" if done.result is None else "; failed= is for code that reports so"
        saw_all_end = all(first_end(_polls(job, records)) is not None for job in jobs)
        return _Finding(
            f"it returned {show(done.result)}, as if all were well{hint}",
            _ANY_END if saw_all_end else "",
        )
    if expected == "returns":
        return _Finding(f"it reported a failure: it {_ended(done)}")
    told = "" if done.raised is None else find_report_problem(expected, done.raised, jobs, records)
    return _Finding(told) if told else None


def _ended(done: RunResult) -> str:
    if done.raised is None:
        return f"returned {show(done.result)}"
    return f"raised {describe_raised(done.raised)}"
