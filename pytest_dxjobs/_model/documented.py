"""Facts about Data Exchange jobs beyond the service model, each with its source.

*documented*: on the service's pages. *seen*: observed in programs that run against the service.
*guess*: inferred; a test that knows better uses ``add_job(..., check=False)``.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.timeutils import shift

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION: Final = "us-east-1"
ACCOUNT_ID: Final = "123456789012"
# documented, and in the service model only since botocore 1.39
ID_PATTERN: Final = "[a-zA-Z0-9]{30,40}"

# documented: a job in this state has Errors; guess: in no other state
FAILED: Final = "ERROR"
# documented: only a WAITING job can be cancelled. guess: the four end states are final, and a job times
# out only when it is IN_PROGRESS. ``job.become`` may go to any state, with check=False from an end state, too.
SUCCESSORS: Final[Mapping[str, tuple[str, ...]]] = {
    "WAITING": ("IN_PROGRESS", "CANCELLED"),
    "IN_PROGRESS": ("COMPLETED", "ERROR", "TIMED_OUT"),
    "COMPLETED": (),
    "ERROR": (),
    "CANCELLED": (),
    "TIMED_OUT": (),
}
# documented: a job is deleted this long after its creation
LIFETIME: Final = datetime.timedelta(days=90)
# documented: the most assets that one job imports from or exports to S3, and the most revisions it exports
MAX_ENTRIES: Final = {
    ("ImportAssetsFromS3", "AssetSources"): 100,
    ("ExportAssetsToS3", "AssetDestinations"): 100,
    ("ExportRevisionsToS3", "RevisionDestinations"): 1,
}
# documented: the maximum of a page of ListJobs; guess: also the default of MaxResults
PAGE_SIZE: Final = 200

# documented: errors with this code have LimitName and LimitValue; guess: no others have
QUOTA_CODE: Final = "SERVICE_QUOTA_EXCEEDED_EXCEPTION"
# documented: an asset that a job creates gets the tags of AssetConfiguration; exports create no asset
EXPORT_PREFIX: Final = "EXPORT_"

# seen: the states in which a job of these types must and may have a signed URL. documented: an import has
# it from its creation on. Whether it keeps it is unknown, so it may be absent later.
SIGNED_URL_REQUIRED: Final = {
    "EXPORT_ASSET_TO_SIGNED_URL": frozenset({"COMPLETED"}),
    "IMPORT_ASSET_FROM_SIGNED_URL": frozenset({"WAITING"}),
}
SIGNED_URL_PERMITTED: Final = {"EXPORT_ASSET_TO_SIGNED_URL": frozenset({"COMPLETED"})}
# documented: a signed URL and the time it expires
SIGNED_URL_MEMBERS: Final = ("SignedUrl", "SignedUrlExpiresAt")
# documented: the validity of a signed URL
_SIGNED_URL_SECONDS: Final = {"EXPORT_ASSET_TO_SIGNED_URL": 60}
_UPLOAD_URL_SECONDS: Final = 3600

# guess, from their names: the types that can exceed a limit. A limit that is not listed fits any type.
LIMIT_TYPES: Final = {
    "Assets per revision": frozenset(
        {
            "IMPORT_ASSETS_FROM_S3",
            "IMPORT_ASSET_FROM_SIGNED_URL",
            "IMPORT_ASSET_FROM_API_GATEWAY_API",
        }
    ),
    "Asset size in GB": frozenset({"IMPORT_ASSETS_FROM_S3", "IMPORT_ASSET_FROM_SIGNED_URL"}),
    "Amazon Redshift datashare assets per revision": frozenset({"IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES"}),
    "AWS Lake Formation data permission assets per revision": frozenset(
        {"IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY"}
    ),
    "Amazon S3 data access assets per revision": frozenset({"CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET"}),
}

# documented: the resources of a job error; guess: the member of Details with its id, from the names.
# From the most to the least specific.
RESOURCE_MEMBERS: Final = {"ASSET": "AssetId", "REVISION": "RevisionId", "DATA_SET": "DataSetId"}

# guess: members for unusual cases (another page, a revoked revision, a resource of somebody else), which
# generated responses leave out
REVOCATION_MEMBERS: Final = frozenset({"RevocationComment", "Revoked", "RevokedAt"})
UNUSUAL_MEMBERS: Final = REVOCATION_MEMBERS | {"NextToken", "OriginDetails", "SourceId"}
# guess: the value of a limit that a test lets a job exceed
LIMIT_VALUE: Final = 100.0

# guess: the wording
ERROR_MESSAGES: Final = {
    "ACCESS_DENIED_EXCEPTION": "Access to the resource was denied.",
    "INTERNAL_SERVER_EXCEPTION": "An internal error occurred while the job was running.",
    "MALWARE_DETECTED": "Malware was detected in the asset.",
    "RESOURCE_NOT_FOUND_EXCEPTION": "The resource was not found.",
    "SERVICE_QUOTA_EXCEEDED_EXCEPTION": "The job exceeds a service quota.",
    "VALIDATION_EXCEPTION": "The job request is not valid.",
    "MALWARE_SCAN_ENCRYPTED_FILE": "The asset is encrypted and cannot be scanned for malware.",
}


def job_arn(job_id: str, region: str, account_id: str) -> str:
    """Return the ARN of a job (documented)."""
    return f"arn:aws:dataexchange:{region}:{account_id}:jobs/{job_id}"


def may_have_signed_url(type_: str, state: str | None) -> bool:
    """Return whether a job may have a signed URL in this state; jobs of most types may in any."""
    return state in SIGNED_URL_PERMITTED.get(type_, (state,))


def url_expires_at(type_: str, created: datetime.datetime, updated: datetime.datetime) -> datetime.datetime:
    """Return when a signed URL expires: after creation (upload) or completion (download); documented."""
    seconds = _SIGNED_URL_SECONDS.get(type_)
    if seconds is None:
        return shift(created, datetime.timedelta(seconds=_UPLOAD_URL_SECONDS))
    return shift(updated, datetime.timedelta(seconds=seconds))
