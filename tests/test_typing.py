"""What users annotate; most of it is for the type checker, which reads this file in its own run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_dxjobs as dx

if TYPE_CHECKING:
    from mypy_boto3_dataexchange import DataExchangeClient
    from mypy_boto3_dataexchange.type_defs import GetJobResponseTypeDef, JobErrorTypeDef


def told(response: GetJobResponseTypeDef) -> list[JobErrorTypeDef]:
    return response["Errors"]


def test_what_is_made_is_what_the_published_stubs_say(
    dxjobs: dx.FakeDataExchange, dxjobs_client: DataExchangeClient
) -> None:
    made: GetJobResponseTypeDef = dx.make_job("EXPORT_ASSETS_TO_S3", "ERROR")
    error: JobErrorTypeDef = dx.make_error("MALWARE_DETECTED", Message="infected")
    assert told(made)
    made["Errors"].append(error)
    job: dx.Job = dxjobs.add_job(made)
    assert told(dxjobs_client.get_job(JobId=job.id)) == told(made)


def test_literals_and_values_have_types(dxjobs: dx.FakeDataExchange) -> None:
    kind: dx.JobType = "IMPORT_ASSETS_FROM_S3"
    state: dx.JobState = dx.JOB_STATES[0]
    code: dx.JobErrorCode = dx.JOB_ERROR_CODES[0]
    history: dx.History = dx.stays(state)
    job = dxjobs.add_job(kind, history)
    assert (job.type, job.state) == (kind, "WAITING")
    problems: list[str] = dx.find_problems(dx.make_error(code))
    assert problems
