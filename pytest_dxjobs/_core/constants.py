"""The names that users type: job types, states, error codes and two markers.

They are written out so that editors complete them and annotations can use them. Everything else about a
job (members, required ones, patterns, routes) is read from the installed service model; a test compares
these lists with it.
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
JobType.__doc__ = """The type of a job: what it imports or exports, from where and to where.

See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
"""
PendingState = Literal["WAITING", "IN_PROGRESS"]
TerminalState = Literal["ERROR", "COMPLETED", "CANCELLED", "TIMED_OUT"]
JobState = Literal[PendingState, TerminalState]
JobState.__doc__ = """The state of a job.

See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
"""
JobErrorCode = Literal[
    "ACCESS_DENIED_EXCEPTION",
    "INTERNAL_SERVER_EXCEPTION",
    "MALWARE_DETECTED",
    "RESOURCE_NOT_FOUND_EXCEPTION",
    "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
    "VALIDATION_EXCEPTION",
    "MALWARE_SCAN_ENCRYPTED_FILE",
]
JobErrorCode.__doc__ = """The ``Code`` of an entry of ``Errors``, which tells why a job failed.

See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
"""

JOB_TYPES: Final[tuple[JobType, ...]] = get_args(JobType)
"""The types that the service documents, each a ``JobType``."""
PENDING_STATES: Final[tuple[PendingState, ...]] = get_args(PendingState)
"""The states from which a job still moves."""
TERMINAL_STATES: Final[tuple[TerminalState, ...]] = get_args(TerminalState)
"""The states in which a job ends; as far as is known it stays there."""
JOB_STATES: Final[tuple[JobState, ...]] = (*PENDING_STATES, *TERMINAL_STATES)
"""The states that the service documents, each a ``JobState``: the pending ones first."""
JOB_ERROR_CODES: Final[tuple[JobErrorCode, ...]] = get_args(JobErrorCode)
"""The codes that the service documents for the errors of a job, each a ``JobErrorCode``."""


class Marker(enum.Enum):
    """Values that mean something no other value can mean."""

    ALWAYS = "without end, where a count is asked for"
    ABSENT = "the member is left out"

    def __repr__(self) -> str:
        return f"dx.{self.name}"


ALWAYS: Final = Marker.ALWAYS
"""Without end, where a count is asked for: ``times``, ``requests``, ``calls``."""
ABSENT: Final = Marker.ABSENT
"""As the value of a member, or as the ``errors`` of ``dx.fails``: left out of the response."""
