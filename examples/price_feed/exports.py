"""Create an export job, start it, and wait until it ends.

There is no code for tests here: the client is created at import, as in most programs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_dataexchange.type_defs import GetJobResponseTypeDef

dataexchange = boto3.client("dataexchange")

FAILED_STATES = ("ERROR", "CANCELLED", "TIMED_OUT")


class ExportError(Exception):
    """The export did not complete."""


def export(data_set_id: str, revision_id: str, asset_id: str, bucket: str) -> str:
    """Export one asset to a bucket, wait until it is there, and return the id of the job."""
    job = dataexchange.create_job(
        Type="EXPORT_ASSETS_TO_S3",
        Details={
            "ExportAssetsToS3": {
                "DataSetId": data_set_id,
                "RevisionId": revision_id,
                "AssetDestinations": [{"AssetId": asset_id, "Bucket": bucket}],
            }
        },
    )
    dataexchange.start_job(JobId=job["Id"])
    wait(job["Id"])
    return job["Id"]


def wait(job_id: str, timeout: float = 900, interval: float = 5) -> GetJobResponseTypeDef:
    """Poll a job every ``interval`` seconds until it completes, for at most ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            job = dataexchange.get_job(JobId=job_id)
        except dataexchange.exceptions.ResourceNotFoundException as error:
            raise ExportError(f"job {job_id} does not exist (any more)") from error
        if job["State"] == "COMPLETED":
            return job
        if job["State"] in FAILED_STATES:
            raise ExportError(f"job {job_id} ended in {job['State']}: {reasons(job)}")
        if time.monotonic() >= deadline:
            raise ExportError(f"job {job_id} is still {job['State']} after {timeout} seconds")
        time.sleep(interval)


def reasons(job: GetJobResponseTypeDef) -> str:
    """Return the errors of a failed job as text; a job may fail without any."""
    errors = [f"{error['Code']}: {error['Message']}" for error in job.get("Errors") or []]
    return "; ".join(errors) or "no reason given"
