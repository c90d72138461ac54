"""Look a job up. What it does about errors is wrong, as it is in programs that can be found."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError

dataexchange = boto3.client("dataexchange")


def state_of(job_id: str) -> str:
    """The state of a job, or "GONE" where there is no such job."""
    try:
        return dataexchange.get_job(JobId=job_id)["State"]
    except ClientError as error:
        # The code of an error that a job has met. The exception's is ResourceNotFoundException.
        if error.response["Error"]["Code"] == "RESOURCE_NOT_FOUND_EXCEPTION":
            return "GONE"
        raise
