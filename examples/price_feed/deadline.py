"""A wait as it should be: it knows all end states, has a deadline, and tells why it gave up."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import boto3

client = boto3.client("dataexchange")


class ExportFailed(Exception):
    """The job ended otherwise than it should."""


def wait(job_id: str, timeout: float = 900) -> None:
    """Poll every ten seconds, for a quarter of an hour at the most."""
    deadline = time.monotonic() + timeout
    while (job := client.get_job(JobId=job_id))["State"] in ("WAITING", "IN_PROGRESS"):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"job {job_id} is still {job['State']} after {timeout:.0f} s")
        time.sleep(10)
    if job["State"] != "COMPLETED":
        told = "; ".join(error.get("Message", "") for error in job.get("Errors", []))
        raise ExportFailed(f"job {job_id} ended {job['State']}: {told}")


def wait_for_all(job_ids: list[str]) -> None:
    """One thread for each."""
    with ThreadPoolExecutor(10) as executor:
        list(executor.map(wait, job_ids))
