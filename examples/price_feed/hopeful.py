"""Wait for an export with a typical loop. ``examples/test_what_is_wrong.py`` shows its bugs."""

from __future__ import annotations

import time

import boto3

dataexchange = boto3.client("dataexchange")


def wait(job_id: str) -> None:
    """Poll a job every five seconds until it completes or fails."""
    while True:
        job = dataexchange.get_job(JobId=job_id)
        if job["State"] == "COMPLETED":
            return
        if job["State"] == "ERROR":
            raise RuntimeError(job["Errors"][0]["Message"])
        time.sleep(5)
