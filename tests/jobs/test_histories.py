"""Histories: the state of a job after some time and polls, and invalid histories."""

from __future__ import annotations

import datetime
import functools
import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import freezegun
import pytest
from created_jobs import (
    CANCELLED,
    COMPLETED,
    EXPORT,
    IMPORT,
    INVALID_ERRORS,
    MALWARE,
    RUNNING,
    TIMED_OUT,
    WAITING,
    create,
    get_job,
    poll,
)

import pytest_dxjobs as dx

Steps = list[tuple[float, str, float]]


def unchanged(state: str) -> Steps:
    return [(0, state, 0), (80 * 86_400, state, 0)]


# A history, then steps: seconds that pass, the state that get_job returns, and when the job entered it.
HISTORIES_AND_STEPS: list[tuple[dx.History, Steps]] = [
    (dx.completes(), [(0, COMPLETED, 0), (60, COMPLETED, 0)]),
    (dx.completes(after=0), [(0, COMPLETED, 0)]),
    (dx.completes(polls=1), [(0, COMPLETED, 0)]),
    (
        dx.completes(after=300),
        [(0, RUNNING, 0), (299, RUNNING, 0), (1, COMPLETED, 300), (86_400, COMPLETED, 300)],
    ),
    (dx.completes(after=datetime.timedelta(minutes=5)), [(299, RUNNING, 0), (1, COMPLETED, 300)]),
    (dx.completes(after=0.5), [(0.499, RUNNING, 0), (0.001, COMPLETED, 0.5)]),
    # The state changes at the last poll that returns the old one.
    (
        dx.completes(polls=3),
        [(86_400, RUNNING, 0), (10, RUNNING, 0), (10, COMPLETED, 86_410), (9, COMPLETED, 86_410)],
    ),
    (dx.fails(after=60), [(59, RUNNING, 0), (1_000, "ERROR", 60)]),
    (dx.fails("MALWARE_DETECTED", polls=2), [(5, RUNNING, 0), (5, "ERROR", 5)]),
    (dx.times_out(after=60), [(59, RUNNING, 0), (1_000, TIMED_OUT, 60)]),
    (dx.times_out(polls=2), [(5, RUNNING, 0), (5, TIMED_OUT, 5)]),
    (dx.gets_cancelled(after=60), [(59, WAITING, 0), (1_000, CANCELLED, 60)]),
    (dx.gets_cancelled(polls=2), [(5, WAITING, 0), (5, CANCELLED, 5)]),
    *((dx.stays(state), unchanged(state)) for state in dx.JOB_STATES),
    (dx.history((WAITING, 5), CANCELLED), [(9, CANCELLED, 5)]),
    (dx.history(TIMED_OUT), [(9, TIMED_OUT, 0)]),
    (
        dx.history((WAITING, 5), (RUNNING, dx.polls(2)), COMPLETED),
        [(4, WAITING, 0), (2, RUNNING, 5), (10, RUNNING, 5), (10, COMPLETED, 16)],
    ),
    (
        dx.history((WAITING, dx.polls(1)), (RUNNING, 60), TIMED_OUT),
        [(10, WAITING, 0), (59, RUNNING, 10), (1, TIMED_OUT, 70)],
    ),
    # A job may pass through several states at once.
    (
        dx.history((WAITING, 60), (RUNNING, datetime.timedelta(hours=1)), "ERROR"),
        [(86_400, "ERROR", 3_660)],
    ),
    (dx.history((WAITING, 60), (RUNNING, 60), COMPLETED), [(61, RUNNING, 60)]),
    (dx.history((WAITING, 5), (RUNNING, dx.polls(1)), COMPLETED), [(86_400, RUNNING, 5)]),
    (dx.history((WAITING, 0), (RUNNING, 0), COMPLETED), [(0, COMPLETED, 0)]),
]


@pytest.mark.parametrize(("history", "steps"), HISTORIES_AND_STEPS)
def test_state_and_updated_at_follow_from_time_and_polls(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any, history: dx.History, steps: Steps
) -> None:
    job = dxjobs.add_job(EXPORT, history)
    for seconds, state, entered_at in steps:
        clock.tick(datetime.timedelta(seconds=seconds))
        assert [job.state, job.state] == [state, state]  # which does not count as a poll
        assert poll(client, job) == (state, entered_at)
    assert job.polls == len(steps)


@pytest.mark.parametrize(
    ("history", "steps"),
    [(history, steps) for history, steps in HISTORIES_AND_STEPS if WAITING not in {state for _, state, _ in steps}],
)
def test_history_of_a_created_job_counts_from_its_start(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any, history: dx.History, steps: Steps
) -> None:
    dxjobs.next_job(history)
    job_id = create(client)
    (job,) = dxjobs.jobs
    for _ in range(4):  # neither polls nor time count before the start
        clock.tick(1_000)
        assert poll(client, job) == (WAITING, 0)
    client.start_job(JobId=job_id)
    for seconds, state, entered_at in steps:
        clock.tick(datetime.timedelta(seconds=seconds))
        assert poll(client, job) == (state, 4_000 + entered_at)
        assert dx.find_problems(client.list_jobs()["Jobs"][0]) == []


def test_cancellation_counts_from_creation_even_if_the_job_is_started(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.next_job(dx.gets_cancelled(after=60))
    job_id = create(client)
    clock.tick(30)
    client.start_job(JobId=job_id)
    clock.tick(50)
    assert poll(client, dxjobs.jobs[0]) == (CANCELLED, 60)


def test_become_on_a_job_that_the_next_poll_cancels_raises_usage_error(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.next_job(dx.gets_cancelled())
    create(client)
    with pytest.raises(dx.UsageError, match="is CANCELLED, an end state"):
        dxjobs.jobs[0].become("ERROR")


@pytest.mark.parametrize(("after", "updated_at"), [(1.23456, 1.234), (1.999999, 1.999)])
def test_times_are_in_milliseconds(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any, after: float, updated_at: float
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=after))
    clock.tick(5)
    assert poll(client, job) == ("COMPLETED", updated_at)


@pytest.mark.parametrize(
    ("history", "state"),
    [
        (dx.completes(), COMPLETED),
        (dx.completes(polls=1), COMPLETED),
        (dx.fails(after=0), "ERROR"),
        (dx.times_out(polls=1), TIMED_OUT),
        (dx.gets_cancelled(polls=1), WAITING),  # cancelled by the first poll only
    ],
)
def test_job_that_ends_at_once_is_listed_in_its_end_state(
    dxjobs: dx.FakeDataExchange, client: Any, history: dx.History, state: str
) -> None:
    dxjobs.add_job(EXPORT, history)
    assert [each["State"] for each in client.list_jobs()["Jobs"]] == [state]


def test_equal_histories_may_be_written_differently() -> None:
    minute = datetime.timedelta(minutes=1)
    assert {dx.completes(after=60), dx.history((RUNNING, 60), COMPLETED)} == {dx.completes(after=minute)}
    assert {dx.fails(errors=[MALWARE]), dx.fails(errors=[])} == {
        dx.fails(errors=each, polls=1) for each in ([MALWARE], [])
    }
    assert dx.fails() != dx.fails("MALWARE_DETECTED")


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize(
    ("history", "polls"),
    [
        (dx.gets_cancelled(after=60), [(WAITING, 0), (CANCELLED, 60)]),
        (dx.gets_cancelled(polls=2), [(WAITING, 0), (CANCELLED, 30)]),
        (dx.gets_cancelled(polls=1), [(CANCELLED, 30), (CANCELLED, 30)]),
        (dx.gets_cancelled(), [(CANCELLED, 30), (CANCELLED, 30)]),
    ],
)
def test_gets_cancelled_applies_whether_the_job_is_started_or_not(
    clock: Any,
    dxjobs: dx.FakeDataExchange,
    client: Any,
    history: dx.History,
    polls: list[tuple[str, float]],
    started: bool,
) -> None:
    dxjobs.next_job(history)
    job_id = create(client)
    (job,) = dxjobs.jobs
    if started:
        client.start_job(JobId=job_id)
    clock.tick(30)
    assert client.list_jobs()["Jobs"][0]["State"] == WAITING  # listing does not count as a poll
    first = poll(client, job)
    clock.tick(30)
    assert [first, poll(client, job)] == polls
    assert (job.state, job.cancelled) == (CANCELLED, False)  # not by the code under test
    with pytest.raises(client.exceptions.ConflictException):
        client.start_job(JobId=job_id)


def test_started_job_may_stay_waiting_for_a_time(clock: Any, dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.default_history = dx.history((WAITING, 60), (RUNNING, 60), COMPLETED)
    ids = [create(client), create(client)]
    for job_id in ids:
        client.start_job(JobId=job_id)
        assert client.get_job(JobId=job_id)["State"] == WAITING
        with pytest.raises(client.exceptions.ConflictException):
            client.start_job(JobId=job_id)
    client.cancel_job(JobId=ids[0])
    clock.tick(100)
    cancelled, running = dxjobs.jobs
    assert poll(client, cancelled) == (CANCELLED, 0)
    assert poll(client, running) == (RUNNING, 60)


def test_only_get_job_calls_that_return_the_job_count(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job, other = (dxjobs.add_job(EXPORT, dx.completes(polls=2)) for _ in range(2))
    dxjobs.add_client_error("get_job", "AccessDeniedException")
    with pytest.raises(client.exceptions.AccessDeniedException):
        get_job(client, job)
    for _ in range(3):
        get_job(client, other)
        assert [each["State"] for each in client.list_jobs()["Jobs"]][1] == RUNNING
        assert (job.state, repr(job)) == (RUNNING, f"<Job {job.id} {EXPORT} {RUNNING}>")
    assert job.polls == 0
    assert [get_job(client, job)["State"] for _ in range(2)] == [RUNNING, COMPLETED]
    assert job.polls == 2


def test_without_virtual_time_histories_use_real_time(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    an_hour_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    with freezegun.freeze_time(an_hour_ago, ignore=["_pytest.timing"]):
        done = dxjobs.add_job(EXPORT, dx.completes(after=1_800))
        running = dxjobs.add_job(EXPORT, dx.completes(after=7_200))
        assert (done.state, running.state) == (RUNNING, RUNNING)
    assert [get_job(client, job)["State"] for job in (done, running)] == [COMPLETED, RUNNING]


SUCCESSORS = {WAITING: (RUNNING, CANCELLED), RUNNING: (COMPLETED, "ERROR", TIMED_OUT)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (before, after)
        for before, after in itertools.product(dx.JOB_STATES, dx.JOB_STATES)
        if after not in SUCCESSORS.get(before, ())
    ],
)
def test_impossible_sequence_raises_usage_error(before: str, after: str) -> None:
    with pytest.raises(dx.UsageError, match=f"history: {after} cannot follow {before}") as caught:
        dx.history((before, 5), after)
    tail = str(caught.value).partition(";")[2]
    assert {state for state in dx.JOB_STATES if state in tail} == {
        before,
        *SUCCESSORS.get(before, ()),
    }
    assert ("end state" in tail) == (before not in SUCCESSORS)


def invalid_endings() -> Iterator[Any]:
    for function in (dx.completes, dx.fails, dx.times_out, dx.gets_cancelled):
        call: Any = function
        for wrong in ({"after": -1}, {"after": "5"}, {"after": True}, {"after": float("nan")}):
            message = f"{call.__name__}: after: seconds or a timedelta from 0 .* not {wrong['after']!r}"
            yield functools.partial(call, **wrong), message
        for number in (0, -1, 1.5, "3", True):
            message = f"{call.__name__}: polls: a whole number from 1 .* not {number!r}"
            yield functools.partial(call, polls=number), message
        yield (
            functools.partial(call, after=5, polls=3),
            f"{call.__name__}: .*after .*polls.* not both",
        )


INVALID_HISTORIES: list[tuple[Callable[[], object], str]] = [
    *invalid_endings(),
    (lambda: dx.polls(0), "polls: a whole number from 1 is needed, not 0"),
    (lambda: dx.polls(True), "polls: a whole number from 1 is needed, not True"),
    (lambda: dx.polls(sys.maxsize + 1), f"polls: a whole number .* not {sys.maxsize + 1}"),
    (lambda: dx.polls(10**400), "polls: a whole number .* not 1000"),
    (
        lambda: dx.stays("DONE"),
        "stays: 'DONE' is not valid. Choose from WAITING, IN_PROGRESS, .*TIMED_OUT",
    ),
    (lambda: dx.stays("COMPLETE"), "stays: 'COMPLETE' .* did you mean 'COMPLETED'"),
    (lambda: dx.history(), "history: at least one state"),
    (lambda: dx.history("DONE"), "history: 'DONE' is not valid. Choose from WAITING"),
    (
        lambda: dx.history(("DONE", 5), COMPLETED),
        "history: 'DONE' is not valid. Choose from WAITING",
    ),
    (lambda: dx.history(RUNNING, COMPLETED), "history: .*its time.* not 'IN_PROGRESS'"),
    (lambda: dx.history((RUNNING, 5)), r"history: the last state .*not \('IN_PROGRESS', 5\)"),
    (
        lambda: dx.history((RUNNING, -5), COMPLETED),
        r"history: IN_PROGRESS: .*not -5.*dx.polls\(n\)",
    ),
    (lambda: dx.history((RUNNING, "5"), COMPLETED), "history: IN_PROGRESS: .*not '5'"),
    (lambda: dx.fails("MALWARE"), "fails: code: 'MALWARE' is not valid.*MALWARE_DETECTED"),
    (
        lambda: dx.fails("MALWARE_DETECTED", errors=[]),
        "fails: pass either a code or errors, not both",
    ),
    (lambda: dx.fails(errors=MALWARE), "fails: errors: a list or dx.ABSENT .* not {'Code'"),  # type: ignore[arg-type]
    (
        lambda: dx.fails(errors=INVALID_ERRORS),
        r"fails: .*\n +errors\[0\].Code: 'NOPE'.*\n +errors\[1\].Message: ",
    ),
]


@pytest.mark.parametrize(("call", "message"), INVALID_HISTORIES)
def test_invalid_history_raises_usage_error(call: Callable[[], object], message: str) -> None:
    with pytest.raises(dx.UsageError, match=f"^{message}"):
        call()


@pytest.mark.parametrize("type_", dx.JOB_TYPES)
@pytest.mark.parametrize("code", [*dx.JOB_ERROR_CODES, None])
def test_error_of_a_failed_job_fits_its_type(
    dxjobs: dx.FakeDataExchange, client: Any, code: str | None, type_: str
) -> None:
    at_once, later = (dxjobs.add_job(type_, dx.fails(code, polls=n)) for n in (1, 2))
    assert "Errors" not in get_job(client, later)
    for failed in (get_job(client, at_once), get_job(client, later)):
        assert failed["State"] == "ERROR"
        assert failed["Errors"][0]["Message"]
        assert failed["Errors"][0]["Code"] == (code or failed["Errors"][0]["Code"])
        assert dx.find_problems(failed) == []


@pytest.mark.parametrize(("type_", "limited"), [(IMPORT, True), (EXPORT, False)])
def test_quota_error_names_a_limit_if_the_type_has_one(
    dxjobs: dx.FakeDataExchange, client: Any, type_: str, limited: bool
) -> None:
    job = dxjobs.add_job(type_, dx.fails("SERVICE_QUOTA_EXCEEDED_EXCEPTION"))
    (error,) = get_job(client, job)["Errors"]
    assert ["LimitName" in error, "LimitValue" in error] == [limited] * 2


@pytest.mark.parametrize("polls", [1, 2])
@pytest.mark.parametrize("errors", [dx.ABSENT, [], [MALWARE], [MALWARE, dx.make_error()]])
def test_job_fails_with_the_given_errors(dxjobs: dx.FakeDataExchange, client: Any, errors: Any, polls: int) -> None:
    argument = errors if errors is dx.ABSENT else [*errors]
    history = dx.fails(errors=argument, polls=polls)
    if argument is not dx.ABSENT:
        argument.append(MALWARE)  # the history has its own copy
    job = dxjobs.add_job(EXPORT, history)
    responses = [get_job(client, job) for _ in range(polls)]
    assert [response["State"] for response in responses] == [RUNNING, "ERROR"][-polls:]
    assert responses[-1].get("Errors", dx.ABSENT) == errors


@pytest.mark.parametrize("polls", [1, 2])
def test_errors_that_do_not_fit_the_job_raise_usage_error_in_add_job(dxjobs: dx.FakeDataExchange, polls: int) -> None:
    error = dx.make_error(ResourceId="e" * 32, ResourceType="ASSET")
    with pytest.raises(dx.UsageError, match=r"add_job: .*\n +Errors\[0\].ResourceId: "):
        dxjobs.add_job(EXPORT, dx.fails(errors=[error], polls=polls))
    job = dxjobs.add_job(EXPORT, dx.fails(errors=[error], polls=polls), check=False)
    assert dxjobs.jobs == [job]


def test_largest_number_of_polls() -> None:
    assert repr(dx.polls(sys.maxsize)) == f"dx.polls({sys.maxsize})"


def test_repr_of_a_history_made_by_hand() -> None:
    assert repr(dx.History(())) == "dx.History(...)"
