"""The names that users type: job types, states, error codes and two markers.

They are written out for annotations and for completion in editors; a test compares them with the service
model. Everything else about a job is read from the installed service model.
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
JobErrorCode.__doc__ = """The ``Code`` of an entry of ``Errors``: why a job failed.

See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
"""

JOB_TYPES: Final[tuple[JobType, ...]] = get_args(JobType)
"""The documented job types, each a ``JobType``."""
PENDING_STATES: Final[tuple[PendingState, ...]] = get_args(PendingState)
"""The states that a job can still leave."""
TERMINAL_STATES: Final[tuple[TerminalState, ...]] = get_args(TerminalState)
"""The states in which a job ends; as far as is known, it stays there."""
JOB_STATES: Final[tuple[JobState, ...]] = (*PENDING_STATES, *TERMINAL_STATES)
"""The documented job states, each a ``JobState``: the pending ones first."""
JOB_ERROR_CODES: Final[tuple[JobErrorCode, ...]] = get_args(JobErrorCode)
"""The documented codes of job errors, each a ``JobErrorCode``."""


class Marker(enum.Enum):
    """Sentinel values of arguments."""

    ALWAYS = "without end, as a count"
    ABSENT = "absent, as a member"

    def __repr__(self) -> str:
        return f"dx.{self.name}"


ALWAYS: Final = Marker.ALWAYS
"""Without end, as the value of ``times``, ``requests`` or ``calls``."""
ABSENT: Final = Marker.ABSENT
"""Absent from the response, as the value of a member or the ``errors`` of ``dx.fails``."""
