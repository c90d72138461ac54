"""Formats of strings that the service model does not check: ids, ARNs, buckets, keys, hashes.

Each ``validate_`` function returns what is wrong with a value, or an empty string.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._model.documented import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable

_ID: Final = re.compile(ID_PATTERN, re.ASCII)
_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+", re.ASCII)
_JOB_ARN: Final = re.compile(r"arn:aws[a-z-]*:dataexchange:[a-z]+(-[a-z0-9]+)+:[0-9]{12}:jobs/[^/:]+", re.ASCII)
_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}", re.ASCII)
_REGION: Final = re.compile(r"[a-z]+(-[a-z0-9]+)+", re.ASCII)
_BUCKET: Final = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_IP_ADDRESS: Final = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
_BUCKET_PREFIXES: Final = ("xn--", "sthree-")
_BUCKET_SUFFIXES: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def validate_job_id(value: str) -> str:
    """Check the id of a job (documented; the ids seen have 32 lowercase hex digits)."""
    return "" if _ID.fullmatch(value) else "is not a job id: use 30 to 40 ASCII letters and digits"


def validate_job_arn(value: str) -> str:
    """Check the ARN of a job, with any id (documented)."""
    if _JOB_ARN.fullmatch(value):
        return ""
    return "is not a job ARN: use arn:aws:dataexchange:REGION:ACCOUNT:jobs/ID (ACCOUNT: 12 digits)"


def validate_arn(value: str) -> str:
    """Check an ARN; see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html."""
    if _ARN.fullmatch(value):
        return ""
    return "is not an ARN: use arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE (ACCOUNT: 12 digits)"


def validate_account_id(value: str) -> str:
    """Check an account id (documented)."""
    return "" if _ACCOUNT_ID.fullmatch(value) else "is not an account id: use 12 digits"


def validate_region(value: str) -> str:
    """Check the form of a region's name; whether there is such a region depends on the service."""
    return "" if _REGION.fullmatch(value) else "is not a region: use a name such as us-east-1"


def validate_bucket(value: str) -> str:
    """Check a bucket; see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html."""
    if not _BUCKET.fullmatch(value) or _IP_ADDRESS.fullmatch(value):
        return (
            "is not a bucket name: use 3 to 63 lowercase letters, digits, hyphens and single dots, "
            "with a letter or digit at both ends, but not an IP address"
        )
    if value.startswith(_BUCKET_PREFIXES) or value.endswith(_BUCKET_SUFFIXES):
        return "is not a bucket name: S3 reserves this prefix or suffix"
    return ""


def validate_key(value: str) -> str:
    """Check an object key; see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html."""
    size = len(value.encode(errors="replace"))
    if 1 <= size <= 1024:
        return ""
    return f"is not an object key: use 1 to 1024 bytes of UTF-8, not {size}"


def validate_md5(value: str) -> str:
    """Check the base64 of an MD5 hash (documented)."""
    try:
        size = len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return "is not base64"
    return "" if size == 16 else f"is the base64 of {size} bytes; an MD5 hash has 16"


def validator_for(member: str) -> Callable[[str], str] | None:
    """Return the check for a member of ``Details`` by its name, which also covers members of newer types."""
    return _BY_NAME.get(member) or next(
        (validator for suffix, validator in _BY_SUFFIX.items() if member.endswith(suffix)), None
    )


_BY_NAME: Final = {
    "Bucket": validate_bucket,
    "Key": validate_key,
    "Keys": validate_key,
    "KeyPrefixes": validate_key,
    "KeyPattern": validate_key,
    "CatalogId": validate_account_id,
}
_BY_SUFFIX: Final = {"Md5Hash": validate_md5, "Arn": validate_arn}
