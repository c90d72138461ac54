"""Create, start and poll jobs in tests of histories."""

from __future__ import annotations

from typing import Any

from clients import START

import pytest_dxjobs as dx

DATA_SETS = [dx.job_id(f"data set {number}") for number in range(10)]
EXPORT, IMPORT = "EXPORT_ASSET_TO_SIGNED_URL", "IMPORT_ASSETS_FROM_S3"
WAITING, RUNNING, COMPLETED = "WAITING", "IN_PROGRESS", "COMPLETED"
CANCELLED, TIMED_OUT = "CANCELLED", "TIMED_OUT"
UNCHANGED = ("Arn", "CreatedAt", "Id", "Type")
OWN_URL = {"ExportAssetToSignedUrl": {"SignedUrl": "https://mine"}}
MALWARE = dx.make_error("MALWARE_DETECTED", Message="prices.csv is infected")
INVALID_ERRORS: Any = [{"Code": "NOPE", "Message": "x"}, {"Code": "MALWARE_DETECTED"}]


def get_job(client: Any, job: dx.Job) -> dict[str, Any]:
    response: dict[str, Any] = client.get_job(JobId=job.id)
    del response["ResponseMetadata"]
    return response


def poll(client: Any, job: dx.Job) -> tuple[str, float]:
    """Return the state that ``get_job`` returns, and when the job entered it, in seconds after START."""
    response = get_job(client, job)
    return response["State"], (response["UpdatedAt"] - START).total_seconds()


def create(client: Any, data_set: str = DATA_SETS[0], type_: str = EXPORT) -> str:
    ids = {"DataSetId": data_set, "RevisionId": "b" * 32}
    details = {
        EXPORT: {"ExportAssetToSignedUrl": {**ids, "AssetId": "c" * 32}},
        IMPORT: {"ImportAssetsFromS3": {**ids, "AssetSources": [{"Bucket": "b12", "Key": "x"}]}},
    }
    response = client.create_job(Type=type_, Details=details[type_])
    assert response["State"] == WAITING
    return str(response["Id"])


def state_once_started(client: Any, job_id: str) -> str:
    """Start a job and return its state."""
    client.start_job(JobId=job_id)
    return str(client.get_job(JobId=job_id)["State"])
