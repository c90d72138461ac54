"""The names that users type: job types, states, error codes and two markers.

They are written out so that editors complete them and annotations can use them. Everything else about a
job (members, required ones, patterns, routes) is read from the installed service model; a test compares
these lists with it.
Source: https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
"""

from __future__ import annotations

import enum
from typing import Final, Literal, get_args

JobType = Literal[
    "IMPORT_ASSETS_FROM_S3",
    "IMPORT_ASSET_FROM_SIGNED_URL",
    "EXPORT_ASSETS_TO_S3",
    "EXPORT_ASSET_TO_SIGNED_URL",
    "EXPORT_REVISIONS_TO_S3",
    "IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES",
    "IMPORT_ASSET_FROM_API_GATEWAY_API",
    "CREATE_S3_DATA_ACCESS_FROM_S3_BUCKET",
    "IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY",
]
JobType.__doc__ = "The type of a job: what it imports or exports, from where and to where."
PendingState = Literal["WAITING", "IN_PROGRESS"]
TerminalState = Literal["ERROR", "COMPLETED", "CANCELLED", "TIMED_OUT"]
JobState = Literal[PendingState, TerminalState]
JobErrorCode = Literal[
    "ACCESS_DENIED_EXCEPTION",
    "INTERNAL_SERVER_EXCEPTION",
    "MALWARE_DETECTED",
    "RESOURCE_NOT_FOUND_EXCEPTION",
    "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
    "VALIDATION_EXCEPTION",
    "MALWARE_SCAN_ENCRYPTED_FILE",
]

JOB_TYPES: Final[tuple[JobType, ...]] = get_args(JobType)
PENDING_STATES: Final[tuple[PendingState, ...]] = get_args(PendingState)
TERMINAL_STATES: Final[tuple[TerminalState, ...]] = get_args(TerminalState)
JOB_STATES: Final[tuple[JobState, ...]] = (*PENDING_STATES, *TERMINAL_STATES)
JOB_ERROR_CODES: Final[tuple[JobErrorCode, ...]] = get_args(JobErrorCode)


class Marker(enum.Enum):
    """Values that mean something no other value can mean."""

    ALWAYS = "without end, where a count is asked for"
    ABSENT = "the member is left out"

    def __repr__(self) -> str:
        return f"dx.{self.name}"


ALWAYS: Final = Marker.ALWAYS
ABSENT: Final = Marker.ABSENT
