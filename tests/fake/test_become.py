"""``job.become``: set the state of a job by hand."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from clients import START
from created_jobs import (
    COMPLETED,
    EXPORT,
    INVALID_ERRORS,
    MALWARE,
    OWN_URL,
    RUNNING,
    WAITING,
    create,
    get_job,
    poll,
)

import pytest_dxjobs as dx


@pytest.mark.parametrize("state", sorted({*dx.JOB_STATES} - {WAITING}))
@pytest.mark.parametrize("type_", dx.JOB_TYPES)
def test_job_stays_in_the_state_that_it_becomes(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any, type_: str, state: str
) -> None:
    job = dxjobs.add_job(type_, dx.history((WAITING, 20), (RUNNING, dx.polls(1)), COMPLETED))
    clock.tick(10)
    job.become(state)
    for _ in range(3):
        assert (job.state, *poll(client, job)) == (state, state, 10)
        assert dx.find_problems(get_job(client, job)) == []
        clock.tick(100)


def test_become_sets_members(clock: Any, dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job(EXPORT, dx.stays(RUNNING))
    updated_at = START + datetime.timedelta(minutes=1)
    job.become("ERROR", Errors=[MALWARE], UpdatedAt=updated_at)
    response = get_job(client, job)
    assert (response["Errors"], response["UpdatedAt"]) == ([MALWARE], updated_at)


def test_partial_details_keep_the_other_members(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job(EXPORT, dx.stays(RUNNING))
    before = get_job(client, job)["Details"]["ExportAssetToSignedUrl"]
    job.become(COMPLETED, Details=OWN_URL)
    details = get_job(client, job)["Details"]["ExportAssetToSignedUrl"]
    del details["SignedUrlExpiresAt"]
    assert details == {**before, "SignedUrl": "https://mine"}


def test_created_job_that_became_in_progress_cannot_be_started_or_cancelled(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    job_id = create(client)
    dxjobs.jobs[0].become(RUNNING)
    for operation in (client.start_job, client.cancel_job):
        with pytest.raises(client.exceptions.ConflictException):
            operation(JobId=job_id)


@pytest.mark.parametrize("end", dx.TERMINAL_STATES)
@pytest.mark.parametrize("state", dx.JOB_STATES)
def test_end_state_is_final_unless_check_is_false(
    dxjobs: dx.FakeDataExchange, client: Any, end: str, state: str
) -> None:
    job = dxjobs.add_job(EXPORT, dx.stays(end))
    before = get_job(client, job)
    message = f"become: job {job.id} is {end}, .*end state.*check=False"
    with pytest.raises(dx.UsageError, match=message):
        job.become(state)
    assert get_job(client, job) == before
    job.become(state, check=False)
    assert job.state == get_job(client, job)["State"] == state


@pytest.mark.parametrize(
    ("become", "message"),
    [
        (
            lambda job: job.become("DONE"),
            "become: state: 'DONE' is not valid. Choose from WAITING, IN_PROGRESS",
        ),
        (lambda job: job.become("DONE", check=False), "become: state: 'DONE' is not valid"),
        (lambda job: job.become(None), "become: state: None is not valid. Choose from WAITING"),
        (lambda job: job.become("ERROR", check="no"), "become: check: True or False .* not 'no'"),
        (lambda job: job.become("ERROR", Error=[MALWARE]), "become: .*\n +Error: .*'Errors'"),
        (lambda job: job.become("ERROR", Errors="bad"), "become: .*\n +Errors: .*'bad'"),
        (
            lambda job: job.become("ERROR", Errors=INVALID_ERRORS),
            r"become: .*\n +Errors\[0\].Code: 'NOPE'",
        ),
        (lambda job: job.become(COMPLETED, Id="a" * 32), "become: Id cannot change; leave it out"),
        (
            lambda job: job.become(COMPLETED, State="ERROR"),
            "become: State is the first argument; leave it out",
        ),
        (
            lambda job: job.become(COMPLETED, Errors=[MALWARE], UpdatedAt=START),
            r"become: .*check=False.*\n( .*\n)*  Errors: present, although State is 'COMPLETED'",
        ),
        (lambda job: job.become("ERROR", Errors=[]), r"become: .*check=False.*\n +Errors: "),
        (lambda job: job.become("ERROR", Errors=dx.ABSENT), r"become: .*check=False.*\n +Errors: "),
    ],
)
def test_invalid_become_raises_usage_error_and_changes_nothing(
    dxjobs: dx.FakeDataExchange, client: Any, become: Callable[[Any], object], message: str
) -> None:
    job = dxjobs.add_job(EXPORT, dx.completes(polls=4))
    before = get_job(client, job)
    with pytest.raises(dx.UsageError, match=f"^{message}"):
        become(job)
    assert get_job(client, job) == before


@pytest.mark.parametrize("errors", [dx.ABSENT, []])
def test_become_accepts_impossible_errors_if_check_is_false(
    dxjobs: dx.FakeDataExchange, client: Any, errors: Any
) -> None:
    job = dxjobs.add_job(EXPORT, dx.stays(RUNNING))
    job.become("ERROR", Errors=errors, check=False)
    assert get_job(client, job).get("Errors", dx.ABSENT) == errors


def test_become_adds_errors_although_the_history_has_none(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.fails(errors=[], after=60))
    job.become("ERROR")
    assert client.get_job(JobId=job.id)["Errors"]


def test_become_with_a_value_that_json_cannot_hold_raises_usage_error(
    dxjobs: dx.FakeDataExchange,
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    with pytest.raises(dx.UsageError, match="become: the response cannot be sent"):
        job.become("COMPLETED", check=False, Details=object())
    assert job.state == "IN_PROGRESS"
    assert repr(job) == f"<Job {job.id} EXPORT_ASSETS_TO_S3 IN_PROGRESS>"
