"""The rules of the API reference for a job, written by hand, to check drawn jobs against.

https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html. It shares no code with the package.
"""

from __future__ import annotations

import base64
import datetime
import re
from typing import Any

ID = re.compile(r"[a-zA-Z0-9]{30,40}", re.ASCII)
ARN = re.compile(r"arn:aws[a-z-]*:dataexchange:[a-z0-9-]+:\d{12}:jobs/([a-zA-Z0-9]+)", re.ASCII)
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
STATES = {"WAITING", "IN_PROGRESS", "ERROR", "COMPLETED", "CANCELLED", "TIMED_OUT"}
CODES = {
    "ACCESS_DENIED_EXCEPTION",
    "INTERNAL_SERVER_EXCEPTION",
    "MALWARE_DETECTED",
    "RESOURCE_NOT_FOUND_EXCEPTION",
    "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
    "VALIDATION_EXCEPTION",
    "MALWARE_SCAN_ENCRYPTED_FILE",
}
# By job type: the member of Details, its required members and its optional ones.
DETAILS: dict[str, tuple[str, set[str], set[str]]] = {
    "IMPORT_ASSETS_FROM_S3": (
        "ImportAssetsFromS3",
        {"AssetSources", "DataSetId", "RevisionId"},
        set(),
    ),
    "IMPORT_ASSET_FROM_SIGNED_URL": (
        "ImportAssetFromSignedUrl",
        {"AssetName", "DataSetId", "RevisionId"},
        {"Md5Hash", "SignedUrl", "SignedUrlExpiresAt"},
    ),
    "EXPORT_ASSETS_TO_S3": (
        "ExportAssetsToS3",
        {"AssetDestinations", "DataSetId", "RevisionId"},
        {"Encryption"},
    ),
    "EXPORT_ASSET_TO_SIGNED_URL": (
        "ExportAssetToSignedUrl",
        {"AssetId", "DataSetId", "RevisionId"},
        {"SignedUrl", "SignedUrlExpiresAt"},
    ),
    "EXPORT_REVISIONS_TO_S3": (
        "ExportRevisionsToS3",
        {"DataSetId", "RevisionDestinations"},
        {"Encryption", "EventActionArn"},
    ),
    "IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES": (
        "ImportAssetsFromRedshiftDataShares",
        {"AssetSources", "DataSetId", "RevisionId"},
        set(),
    ),
    "IMPORT_ASSET_FROM_API_GATEWAY_API": (
        "ImportAssetFromApiGatewayApi",
        {"ApiId", "ApiName", "ApiSpecificationMd5Hash", "ApiSpecificationUploadUrl"}
        | {
            "ApiSpecificationUploadUrlExpiresAt",
            "DataSetId",
            "ProtocolType",
            "RevisionId",
            "Stage",
        },
        {"ApiDescription", "ApiKey"},
    ),
    "CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET": (
        "CreateS3DataAccessFromS3Bucket",
        {"AssetSource", "DataSetId", "RevisionId"},
        set(),
    ),
    "IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY": (
        "ImportAssetsFromLakeFormationTagPolicy",
        {"CatalogId", "RoleArn", "DataSetId", "RevisionId"},
        {"Database", "Table"},
    ),
}
JOB_MEMBERS = {"Arn", "CreatedAt", "Details", "Id", "State", "Type", "UpdatedAt"}


def assert_valid_job(job: dict[str, Any]) -> None:
    assert job.keys() >= JOB_MEMBERS
    assert job.keys() <= JOB_MEMBERS | {"Errors", "AssetConfiguration"}
    assert ID.fullmatch(job["Id"])
    arn = ARN.fullmatch(job["Arn"])
    assert arn is not None
    assert arn[1] == job["Id"]
    assert job["State"] in STATES
    assert job["CreatedAt"].tzinfo is datetime.timezone.utc
    assert job["CreatedAt"] <= job["UpdatedAt"]
    member, required, optional = DETAILS[job["Type"]]
    assert list(job["Details"]) == [member]
    details = job["Details"][member]
    assert details.keys() >= required
    assert details.keys() <= required | optional
    for name, value in scalars(details):
        if name.endswith("Id") and name not in ("ApiId", "CatalogId"):
            assert ID.fullmatch(value), name
        if name == "Bucket":
            assert BUCKET.fullmatch(value)
        if name in ("Key", "Keys", "KeyPrefixes"):
            assert 1 <= len(value.encode()) <= 1024
        if name.endswith("Md5Hash"):
            assert len(base64.b64decode(value, validate=True)) == 16
        if name == "Stage":
            assert re.fullmatch("[A-Za-z0-9_-]{1,128}", value)
        if name in ("TagKey", "TagValues"):  # Lake Formation tags
            assert re.fullmatch(r"[\w .:/=+@%-]+", value)
            assert len(value) <= (128 if name == "TagKey" else 256)
        if name == "KeyPattern":
            assert "${Asset.Name}" in value or "${Asset.Id}" in value
        if name == "CatalogId":
            assert re.fullmatch("[0-9]{12}", value)
    encryption = details.get("Encryption")
    if encryption is not None:
        assert ("KmsKeyArn" in encryption) == (encryption["Type"] == "aws:kms")
    assert ("SignedUrl" in details) == ("SignedUrlExpiresAt" in details)
    if job["Type"] == "EXPORT_ASSET_TO_SIGNED_URL":
        assert ("SignedUrl" in details) == (job["State"] == "COMPLETED")
    if job["Type"] == "IMPORT_ASSET_FROM_SIGNED_URL" and job["State"] == "WAITING":
        assert "SignedUrl" in details
    assert "AssetConfiguration" not in job or not job["Type"].startswith("EXPORT_")
    tags = [tag["Key"] for tag in job.get("AssetConfiguration", {}).get("Tags", ())]
    assert len(tags) == len({*tags})
    assert all(1 <= len(tag) <= 128 for tag in tags)
    assert ("Errors" in job) == (job["State"] == "ERROR")
    assert job.get("Errors") != []
    for error in job.get("Errors", ()):
        assert_valid_error(error, job["Type"], details)


def assert_valid_error(error: dict[str, Any], type_: str, job_details: dict[str, Any]) -> None:
    assert error["Code"] in CODES
    assert isinstance(error["Message"], str)
    if error["Code"] != "SERVICE_QUOTA_EXCEEDED_EXCEPTION":
        assert not error.keys() & {"LimitName", "LimitValue"}
    if "ResourceId" in error:
        assert error["ResourceId"] in [value for _, value in scalars(job_details)]
    details = error.get("Details")
    if details is None:
        return
    if type_ == "IMPORT_ASSETS_FROM_S3":
        assert details["ImportAssetsFromS3JobErrorDetails"]
        assert all(source in job_details["AssetSources"] for source in details["ImportAssetsFromS3JobErrorDetails"])
    else:
        assert type_ == "IMPORT_ASSET_FROM_SIGNED_URL"
        assert details == {"ImportAssetFromSignedUrlJobErrorDetails": {"AssetName": job_details["AssetName"]}}


def scalars(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return the name and value of every scalar, however deeply nested; list items go by the list's name."""
    if isinstance(value, dict):
        return [scalar for key, part in value.items() for scalar in scalars(part, key)]
    if isinstance(value, list):
        return [scalar for part in value for scalar in scalars(part, name)]
    return [(name, value)]
