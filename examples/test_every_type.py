"""Jobs of every type, with the members that the service would return, or those that the test sets."""

from __future__ import annotations

import pytest
from price_feed import exports

import pytest_dxjobs as dx


@pytest.mark.parametrize("job_type", dx.JOB_TYPES)
def test_a_job_of_any_type_can_be_waited_for(
    dxjobs: dx.FakeDataExchange, job_type: dx.JobType
) -> None:
    job = dxjobs.add_job(job_type)

    assert exports.wait(job.id)["Type"] == job_type


@pytest.mark.parametrize("job_type", dx.JOB_TYPES)
def test_a_failed_job_of_any_type_tells_why(
    dxjobs: dx.FakeDataExchange, job_type: dx.JobType
) -> None:
    job = dxjobs.add_job(job_type, dx.stays("ERROR"))

    with pytest.raises(exports.ExportError, match="VALIDATION_EXCEPTION: "):
        exports.wait(job.id)


def test_a_readable_label_stands_for_an_id(dxjobs: dx.FakeDataExchange) -> None:
    nightly = dx.job_id("nightly")
    dxjobs.add_job("EXPORT_REVISIONS_TO_S3", Id=nightly)

    assert exports.wait(nightly)["Arn"].endswith(f":jobs/{nightly}")


def test_only_what_matters_to_the_test_is_written_down(dxjobs: dx.FakeDataExchange) -> None:
    bucket = [{"AssetId": dx.job_id("asset"), "Bucket": "prices"}]
    job = dxjobs.add_job(
        "EXPORT_ASSETS_TO_S3",
        Details={"ExportAssetsToS3": {"AssetDestinations": bucket}},
    )

    details = exports.wait(job.id)["Details"]["ExportAssetsToS3"]

    assert details["AssetDestinations"] == bucket
    assert details["RevisionId"]  # all other members have default values


def test_what_the_service_could_not_send_is_refused(dxjobs: dx.FakeDataExchange) -> None:
    impossible = dx.make_job("EXPORT_ASSETS_TO_S3", "COMPLETED", Errors=[dx.make_error()])

    assert dx.find_problems(impossible) == [
        "Errors: present, although State is 'COMPLETED'; only a job in state ERROR has them"
    ]
    with pytest.raises(dx.UsageError, match="could not have sent"):
        dxjobs.add_job(impossible)
