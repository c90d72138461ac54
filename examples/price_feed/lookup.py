"""Look up a job. The error handling has a bug that is found in real programs."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError

dataexchange = boto3.client("dataexchange")


def state_of(job_id: str) -> str:
    """Return the state of a job, or "GONE" if the job does not exist."""
    try:
        return dataexchange.get_job(JobId=job_id)["State"]
    except ClientError as error:
        # The bug: this is the code of a job error. The exception has the code ResourceNotFoundException.
        if error.response["Error"]["Code"] == "RESOURCE_NOT_FOUND_EXCEPTION":
            return "GONE"
        raise
