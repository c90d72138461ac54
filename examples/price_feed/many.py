"""Export many revisions, each with its own job, ten at a time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import boto3

dataexchange = boto3.client("dataexchange")


def export_all(data_set_id: str, revision_ids: list[str], bucket: str) -> dict[str, str]:
    """Export the revisions, and return the end state of each job by revision id."""
    with ThreadPoolExecutor(max_workers=10) as pool:
        states = pool.map(lambda each: export_revision(data_set_id, each, bucket), revision_ids)
        return dict(zip(revision_ids, states, strict=True))


def export_revision(data_set_id: str, revision_id: str, bucket: str) -> str:
    """Export one revision, and return the end state of its job."""
    job = dataexchange.create_job(
        Type="EXPORT_REVISIONS_TO_S3",
        Details={
            "ExportRevisionsToS3": {
                "DataSetId": data_set_id,
                "RevisionDestinations": [{"RevisionId": revision_id, "Bucket": bucket}],
            }
        },
    )
    dataexchange.start_job(JobId=job["Id"])
    while True:
        state = dataexchange.get_job(JobId=job["Id"])["State"]
        if state not in ("WAITING", "IN_PROGRESS"):
            return state
        time.sleep(0.001)
