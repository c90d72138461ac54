"""Return why a job failed: one function that crashes on some responses, and one that does not."""

from __future__ import annotations

import boto3

client = boto3.client("dataexchange")


def careless_reason(job_id: str) -> str:
    """Return the reason; crash if the service does not name a resource."""
    error = client.get_job(JobId=job_id)["Errors"][0]
    return f"{error['Code']} on {error['ResourceType']} {error['ResourceId']}: {error['Message']}"


def careful_reason(job_id: str) -> str:
    """Return the reason, whatever the response contains."""
    job = client.get_job(JobId=job_id)
    errors = [f"{error['Code']}: {error['Message']}" for error in job.get("Errors", [])]
    return "; ".join(errors) or f"the job is {job['State']}"
