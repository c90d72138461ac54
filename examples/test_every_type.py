"""Jobs of every type, with the members that the service would return, or those that the test sets."""

from __future__ import annotations

import pytest
from price_feed import exports

import pytest_dxjobs as dx


@pytest.mark.parametrize("job_type", dx.JOB_TYPES)
def test_a_job_of_any_type_can_be_waited_for(dxjobs: dx.FakeDataExchange, job_type: dx.JobType) -> None:
    job = dxjobs.add_job(job_type)

    assert exports.wait(job.id)["Type"] == job_type


@pytest.mark.parametrize("job_type", dx.JOB_TYPES)
def test_a_failed_job_of_any_type_has_a_reason(dxjobs: dx.FakeDataExchange, job_type: dx.JobType) -> None:
    job = dxjobs.add_job(job_type, dx.stays("ERROR"))

    with pytest.raises(exports.ExportError, match="VALIDATION_EXCEPTION: "):
        exports.wait(job.id)


def test_an_id_may_come_from_a_readable_label(dxjobs: dx.FakeDataExchange) -> None:
    nightly = dx.job_id("nightly")
    dxjobs.add_job("EXPORT_REVISIONS_TO_S3", Id=nightly)

    assert exports.wait(nightly)["Arn"].endswith(f":jobs/{nightly}")


def test_members_that_the_test_omits_have_default_values(dxjobs: dx.FakeDataExchange) -> None:
    bucket = [{"AssetId": dx.job_id("asset"), "Bucket": "prices"}]
    job = dxjobs.add_job(
        "EXPORT_ASSETS_TO_S3",
        Details={"ExportAssetsToS3": {"AssetDestinations": bucket}},
    )

    details = exports.wait(job.id)["Details"]["ExportAssetsToS3"]

    assert details["AssetDestinations"] == bucket
    assert details["RevisionId"]  # all other members have default values


def test_an_impossible_response_raises_usage_error(dxjobs: dx.FakeDataExchange) -> None:
    impossible = dx.make_job("EXPORT_ASSETS_TO_S3", "COMPLETED", Errors=[dx.make_error()])

    assert dx.find_problems(impossible) == [
        "Errors: present, although State is 'COMPLETED'; only a job in state ERROR has them"
    ]
    with pytest.raises(dx.UsageError, match="could not have sent"):
        dxjobs.add_job(impossible)
