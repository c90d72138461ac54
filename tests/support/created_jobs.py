"""Jobs of the tests on how jobs move: created, polled, and told apart by their data sets."""

from __future__ import annotations

from typing import Any

from clients import START

import pytest_dxjobs as dx

DATA_SETS = [dx.job_id(f"data set {number}") for number in range(10)]
EXPORT, IMPORT = "EXPORT_ASSET_TO_SIGNED_URL", "IMPORT_ASSETS_FROM_S3"
WAITING, RUNNING, COMPLETED = "WAITING", "IN_PROGRESS", "COMPLETED"
CANCELLED, TIMED_OUT = "CANCELLED", "TIMED_OUT"
KEPT = ("Arn", "CreatedAt", "Id", "Type")
OWN_URL = {"ExportAssetToSignedUrl": {"SignedUrl": "https://mine"}}
MALWARE = dx.make_error("MALWARE_DETECTED", Message="prices.csv is infected")
UNFIT: Any = [{"Code": "NOPE", "Message": "x"}, {"Code": "MALWARE_DETECTED"}]


def get(client: Any, job: dx.Job) -> dict[str, Any]:
    response: dict[str, Any] = client.get_job(JobId=job.id)
    del response["ResponseMetadata"]
    return response


def seen(client: Any, job: dx.Job) -> tuple[str, float]:
    """The state that a poll is told, and since how many seconds after the start."""
    response = get(client, job)
    return response["State"], (response["UpdatedAt"] - START).total_seconds()


def create(client: Any, data_set: str = DATA_SETS[0], type_: str = EXPORT) -> str:
    own = {"DataSetId": data_set, "RevisionId": "b" * 32}
    details = {
        EXPORT: {"ExportAssetToSignedUrl": {**own, "AssetId": "c" * 32}},
        IMPORT: {"ImportAssetsFromS3": {**own, "AssetSources": [{"Bucket": "b12", "Key": "x"}]}},
    }
    response = client.create_job(Type=type_, Details=details[type_])
    assert response["State"] == WAITING
    return str(response["Id"])


def fate(client: Any, job_id: str) -> str:
    """What becomes of a job once it is started."""
    client.start_job(JobId=job_id)
    return str(client.get_job(JobId=job_id)["State"])
