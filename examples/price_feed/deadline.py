"""Wait for a job: with all end states, a deadline, and a reason in each exception."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import boto3

client = boto3.client("dataexchange")


class ExportFailed(Exception):
    """The job ended in a state other than COMPLETED."""


def wait(job_id: str, timeout: float = 900) -> None:
    """Poll every ten seconds until the job ends, for at most ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while (job := client.get_job(JobId=job_id))["State"] in ("WAITING", "IN_PROGRESS"):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"job {job_id} is still {job['State']} after {timeout:.0f} s")
        time.sleep(10)
    if job["State"] != "COMPLETED":
        reason = "; ".join(error.get("Message", "") for error in job.get("Errors", []))
        raise ExportFailed(f"job {job_id} ended {job['State']}: {reason}")


def wait_for_all(job_ids: list[str]) -> None:
    """Wait for several jobs, ten at a time, each in its own thread."""
    with ThreadPoolExecutor(10) as executor:
        list(executor.map(wait, job_ids))
