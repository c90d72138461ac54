"""What is known of Data Exchange jobs beyond the service model, each fact with where it comes from.

*documented*: on the service's pages. *seen*: observed in programs that run against the service.
*guess*: inferred; a test that knows better says so with ``add_job(..., check=False)``.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._core.timeutils import later

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION: Final = "us-east-1"
ACCOUNT_ID: Final = "123456789012"
# documented, and in the service model only since botocore 1.39
ID_PATTERN: Final = "[a-zA-Z0-9]{30,40}"

# documented: the job's own errors are told only in this state; that no other state has any is a guess
FAILED: Final = "ERROR"
# documented: only a job that is WAITING can be cancelled. That the four end states are final, and that a
# job times out only once it is in progress, is a guess: ``job.become`` may go to any state, and with
# check=False also from an end state.
SUCCESSORS: Final[Mapping[str, tuple[str, ...]]] = {
    "WAITING": ("IN_PROGRESS", "CANCELLED"),
    "IN_PROGRESS": ("COMPLETED", "ERROR", "TIMED_OUT"),
    "COMPLETED": (),
    "ERROR": (),
    "CANCELLED": (),
    "TIMED_OUT": (),
}
# documented: a job is deleted so long after it was created
LIFETIME: Final = datetime.timedelta(days=90)
# documented: how many assets one job imports from or exports to S3, and how many revisions it exports
MOST_ENTRIES: Final = {
    ("ImportAssetsFromS3", "AssetSources"): 100,
    ("ExportAssetsToS3", "AssetDestinations"): 100,
    ("ExportRevisionsToS3", "RevisionDestinations"): 1,
}
# documented is the most that a page of ListJobs holds; guess: so many where MaxResults does not say
PAGE_SIZE: Final = 200

# documented: this code goes with LimitName and LimitValue; that no other code does is a guess
QUOTA_CODE: Final = "SERVICE_QUOTA_EXCEEDED_EXCEPTION"
# documented: an asset that a job creates gets the tags of AssetConfiguration, and exports create none
EXPORT_PREFIX: Final = "EXPORT_"

# seen: in which states a job of these types must and may carry a signed URL. That an import has it from
# its creation on is documented; whether it keeps it is not known, so that later it may be absent.
SIGNED_URL_REQUIRED: Final = {
    "EXPORT_ASSET_TO_SIGNED_URL": frozenset({"COMPLETED"}),
    "IMPORT_ASSET_FROM_SIGNED_URL": frozenset({"WAITING"}),
}
SIGNED_URL_PERMITTED: Final = {"EXPORT_ASSET_TO_SIGNED_URL": frozenset({"COMPLETED"})}
# documented: a signed URL and its expiry
SIGNED_URL_MEMBERS: Final = ("SignedUrl", "SignedUrlExpiresAt")
# documented: how long a signed URL is valid, in seconds
_SIGNED_URL_SECONDS: Final = {"EXPORT_ASSET_TO_SIGNED_URL": 60}
_UPLOAD_URL_SECONDS: Final = 3600

# guess, from their names: the types that can meet a limit. A limit that is not listed fits any type.
LIMIT_TYPES: Final = {
    "Assets per revision": frozenset(
        {
            "IMPORT_ASSETS_FROM_S3",
            "IMPORT_ASSET_FROM_SIGNED_URL",
            "IMPORT_ASSET_FROM_API_GATEWAY_API",
        }
    ),
    "Asset size in GB": frozenset({"IMPORT_ASSETS_FROM_S3", "IMPORT_ASSET_FROM_SIGNED_URL"}),
    "Amazon Redshift datashare assets per revision": frozenset(
        {"IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES"}
    ),
    "AWS Lake Formation data permission assets per revision": frozenset(
        {"IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY"}
    ),
    "Amazon S3 data access assets per revision": frozenset(
        {"CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET"}
    ),
}

# documented: what a job error can point at; where in Details its id stands follows from the names.
# From the most to the least specific.
RESOURCE_MEMBERS: Final = {"ASSET": "AssetId", "REVISION": "RevisionId", "DATA_SET": "DataSetId"}

# guess: members that say something unusual (there is another page, the revision was revoked, the resource
# belongs to somebody else), which an answer that is made up leaves out
REVOCATION_MEMBERS: Final = frozenset({"RevocationComment", "Revoked", "RevokedAt"})
UNUSUAL_MEMBERS: Final = REVOCATION_MEMBERS | {"NextToken", "OriginDetails", "SourceId"}
# guess: the value of a limit that a job is told to exceed
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
    """The ARN of a job (documented)."""
    return f"arn:aws:dataexchange:{region}:{account_id}:jobs/{job_id}"


def may_have_signed_url(type_: str, state: str | None) -> bool:
    """Whether a job of this type may carry one in this state; in any state, where nothing is known of its type."""
    return state in SIGNED_URL_PERMITTED.get(type_, (state,))


def url_expires_at(
    type_: str, created: datetime.datetime, updated: datetime.datetime
) -> datetime.datetime:
    """When a signed URL expires: an upload's runs from creation, a download's from completion (documented)."""
    seconds = _SIGNED_URL_SECONDS.get(type_)
    if seconds is None:
        return later(created, datetime.timedelta(seconds=_UPLOAD_URL_SECONDS))
    return later(updated, datetime.timedelta(seconds=seconds))
