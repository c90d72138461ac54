"""``job.become``: a job put into a state by hand."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from clients import START
from created_jobs import (
    COMPLETED,
    EXPORT,
    MALWARE,
    OWN_URL,
    RUNNING,
    UNFIT,
    WAITING,
    create,
    get,
    seen,
)

import pytest_dxjobs as dx

ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize("state", sorted({*dx.JOB_STATES} - {WAITING}))
@pytest.mark.parametrize("type_", dx.JOB_TYPES)
def test_a_job_becomes_what_the_test_says_and_stays_so(
    clock: Any, dxjobs: dx.FakeDataExchange, client: Any, type_: str, state: str
) -> None:
    job = dxjobs.add_job(type_, dx.history((WAITING, 20), (RUNNING, dx.polls(1)), COMPLETED))
    clock.tick(10)
    job.become(state)
    for _ in range(3):
        assert (job.state, *seen(client, job)) == (state, state, 10)
        assert dx.find_problems(get(client, job)) == []
        clock.tick(100)


def test_a_job_becomes_with_members(clock: Any, dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job(EXPORT, dx.stays(RUNNING))
    moment = START + datetime.timedelta(minutes=1)
    job.become("ERROR", Errors=[MALWARE], UpdatedAt=moment)
    response = get(client, job)
    assert (response["Errors"], response["UpdatedAt"]) == ([MALWARE], moment)


def test_details_that_a_job_becomes_with_keep_the_rest(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    job = dxjobs.add_job(EXPORT, dx.stays(RUNNING))
    before = get(client, job)["Details"]["ExportAssetToSignedUrl"]
    job.become(COMPLETED, Details=OWN_URL)
    own = get(client, job)["Details"]["ExportAssetToSignedUrl"]
    del own["SignedUrlExpiresAt"]
    assert own == {**before, "SignedUrl": "https://mine"}


def test_a_created_job_that_became_something_is_not_started(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    job_id = create(client)
    dxjobs.jobs[0].become(RUNNING)
    for operation in (client.start_job, client.cancel_job):
        with pytest.raises(client.exceptions.ConflictException):
            operation(JobId=job_id)


@pytest.mark.parametrize("end", dx.TERMINAL_STATES)
@pytest.mark.parametrize("state", dx.JOB_STATES)
def test_an_end_is_final_unless_the_test_insists(
    dxjobs: dx.FakeDataExchange, client: Any, end: str, state: str
) -> None:
    job = dxjobs.add_job(EXPORT, dx.stays(end))
    before = get(client, job)
    told = f"become: job {job.id} is {end}, .*end state.*check=False"
    with pytest.raises(dx.UsageError, match=told):
        job.become(state)
    assert get(client, job) == before
    job.become(state, check=False)
    assert job.state == get(client, job)["State"] == state


@pytest.mark.parametrize(
    ("become", "told"),
    [
        (
            lambda job: job.become("DONE"),
            "become: state: 'DONE' is not one of WAITING, IN_PROGRESS",
        ),
        (lambda job: job.become("DONE", check=False), "become: state: 'DONE' is not one of"),
        (lambda job: job.become(None), "become: state: None is not one of WAITING"),
        (lambda job: job.become("ERROR", check="no"), "become: check: True or False .* not 'no'"),
        (lambda job: job.become("ERROR", Error=[MALWARE]), "become: .*\n +Error: .*'Errors'"),
        (lambda job: job.become("ERROR", Errors="bad"), "become: .*\n +Errors: .*'bad'"),
        (lambda job: job.become("ERROR", Errors=UNFIT), r"become: .*\n +Errors\[0\].Code: 'NOPE'"),
        (lambda job: job.become(COMPLETED, Id="a" * 32), "become: Id is not to be given"),
        (lambda job: job.become("ERROR", Errors=ENDLESS), "become: .*cannot be read: Recursion"),
        (
            lambda job: job.become("ERROR", Errors=ENDLESS, check=False),
            "become: .*cannot be read: Recursion",
        ),
        (
            lambda job: job.become(COMPLETED, State="ERROR"),
            "become: State is not to be given by name: it is the first arg",
        ),
        (
            lambda job: job.become(COMPLETED, Errors=[MALWARE], UpdatedAt=START),
            r"become: .*check=False.*\n( .*\n)*  Errors: present, although State is 'COMPLETED'",
        ),
        (lambda job: job.become("ERROR", Errors=[]), r"become: .*check=False.*\n +Errors: "),
        (lambda job: job.become("ERROR", Errors=dx.ABSENT), r"become: .*check=False.*\n +Errors: "),
    ],
)
def test_what_no_job_can_become_is_refused_and_changes_nothing(
    dxjobs: dx.FakeDataExchange, client: Any, become: Callable[[Any], object], told: str
) -> None:
    job = dxjobs.add_job(EXPORT, dx.completes(polls=4))
    before = get(client, job)
    with pytest.raises(dx.UsageError, match=f"^{told}"):
        become(job)
    assert get(client, job) == before


@pytest.mark.parametrize("errors", [dx.ABSENT, []])
def test_a_job_becomes_what_the_service_does_not_send_if_the_test_insists(
    dxjobs: dx.FakeDataExchange, client: Any, errors: Any
) -> None:
    job = dxjobs.add_job(EXPORT, dx.stays(RUNNING))
    job.become("ERROR", Errors=errors, check=False)
    assert get(client, job).get("Errors", dx.ABSENT) == errors


def test_a_history_that_tells_no_errors_may_end_otherwise_by_hand(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.fails(errors=[], after=60))
    job.become("ERROR")
    assert client.get_job(JobId=job.id)["Errors"]


def test_what_cannot_be_sent_is_refused_by_hand_too(dxjobs: dx.FakeDataExchange) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    with pytest.raises(dx.UsageError, match="become: the response cannot be sent"):
        job.become("COMPLETED", check=False, Details=object())
    assert job.state == "IN_PROGRESS"
    assert repr(job) == f"<Job {job.id} EXPORT_ASSETS_TO_S3 IN_PROGRESS>"
