"""Annotations as users write them, for mypy and pyright, which check this file.

An error that they must find has a `type: ignore` with its code. They report each ignore that is unused.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

import pytest_dxjobs as dx
from pytest_dxjobs import faults, strategies as dxst

if TYPE_CHECKING:
    from mypy_boto3_dataexchange import DataExchangeClient
    from mypy_boto3_dataexchange.type_defs import GetJobResponseTypeDef, JobErrorTypeDef


def errors_of(response: GetJobResponseTypeDef) -> list[JobErrorTypeDef]:
    return response["Errors"]


def test_made_jobs_have_the_types_of_mypy_boto3(dxjobs: dx.FakeDataExchange, dxjobs_client: DataExchangeClient) -> None:
    made: GetJobResponseTypeDef = dx.make_job("EXPORT_ASSETS_TO_S3", "ERROR")
    error: JobErrorTypeDef = dx.make_error("MALWARE_DETECTED", Message="infected")
    assert errors_of(made)
    made["Errors"].append(error)
    job: dx.Job = dxjobs.add_job(made)
    assert errors_of(dxjobs_client.get_job(JobId=job.id)) == errors_of(made)


def test_literals_and_values_have_types(dxjobs: dx.FakeDataExchange) -> None:
    kind: dx.JobType = "IMPORT_ASSETS_FROM_S3"
    state: dx.JobState = dx.JOB_STATES[0]
    code: dx.JobErrorCode = dx.JOB_ERROR_CODES[0]
    history: dx.History = dx.stays(state)
    job = dxjobs.add_job(kind, history)
    assert (job.type, job.state) == (kind, "WAITING")
    problems: list[str] = dx.find_problems(dx.make_error(code))
    assert problems


def test_calls_and_sleeps_have_types(
    dxjobs: dx.FakeDataExchange,
    dxjobs_clock: dx.VirtualClock,
    dxjobs_client: DataExchangeClient,
) -> None:
    fault: dx.Fault = faults.throttling()
    dxjobs.inject(fault, requests=1)
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=datetime.timedelta(seconds=5)))
    state: str = dxjobs_client.get_job(JobId=job.id)["State"]
    call: dx.Call = job.calls[0]
    attempt: dx.Attempt = call.attempts[0]
    backoff: float = attempt.backoff
    sleep: dx.Sleep = dxjobs_clock.sleeps[0]
    now: datetime.datetime = dxjobs_clock.now
    assert (state, call.operation, sleep.seconds) == ("IN_PROGRESS", "get_job", backoff)
    assert sleep.at < now


@pytest.mark.dxjobs(scenarios="completes-at-once")
def test_scenario_has_a_type(dxjobs_scenario: dx.Scenario, dxjobs_client: DataExchangeClient) -> None:
    def wait(job_id: str) -> str:
        return dxjobs_client.get_job(JobId=job_id)["State"]

    def failed(state: str) -> bool:
        return state != "COMPLETED"

    dxjobs_scenario.check(wait, failed=failed)


@given(dxst.jobs(state="ERROR"))
def test_drawn_job_is_a_plain_dict(job: dict[str, Any]) -> None:
    with dx.FakeDataExchange() as fake:
        added: dx.Job = fake.add_job(job)
        assert added.state == "ERROR"


def test_misspelt_name_is_an_error_for_type_checkers() -> None:
    with pytest.raises(AttributeError, match="complets"):
        dx.complets(polls=3)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="throtling"):
        dx.faults.throtling()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="job_error"):
        dx.strategies.job_error()  # type: ignore[attr-defined]
