"""Publish prices: create a revision, import files from S3 into it, and finalize it."""

from __future__ import annotations

import time

import boto3

dataexchange = boto3.client("dataexchange")


class ImportFailed(Exception):
    """The import did not complete; the revision exists and is not finalized."""


def publish(data_set_id: str, bucket: str, keys: list[str]) -> str:
    """Put the files into a new revision of the data set, and return its id."""
    revision = dataexchange.create_revision(DataSetId=data_set_id, Comment=f"{len(keys)} files")
    job = dataexchange.create_job(
        Type="IMPORT_ASSETS_FROM_S3",
        Details={
            "ImportAssetsFromS3": {
                "DataSetId": data_set_id,
                "RevisionId": revision["Id"],
                "AssetSources": [{"Bucket": bucket, "Key": key} for key in keys],
            }
        },
    )
    dataexchange.start_job(JobId=job["Id"])
    while (response := dataexchange.get_job(JobId=job["Id"]))["State"] in (
        "WAITING",
        "IN_PROGRESS",
    ):
        time.sleep(0.001)
    if response["State"] != "COMPLETED":
        raise ImportFailed(f"job {job['Id']} ended in {response['State']}")
    dataexchange.update_revision(DataSetId=data_set_id, RevisionId=revision["Id"], Finalized=True)
    return revision["Id"]
