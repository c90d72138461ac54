"""Why a job failed, told twice: once for what the author has seen, once for what may come."""

from __future__ import annotations

import boto3

client = boto3.client("dataexchange")


def careless_reason(job_id: str) -> str:
    """Crashes where the service does not name a resource."""
    error = client.get_job(JobId=job_id)["Errors"][0]
    return f"{error['Code']} on {error['ResourceType']} {error['ResourceId']}: {error['Message']}"


def careful_reason(job_id: str) -> str:
    """Takes nothing for granted."""
    job = client.get_job(JobId=job_id)
    told = [f"{error['Code']}: {error['Message']}" for error in job.get("Errors", [])]
    return "; ".join(told) or f"the job is {job['State']}"
