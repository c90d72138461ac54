"""The written forms that the service model does not tell apart: ids, ARNs, buckets, keys, hashes.

To the model all of these are strings. Each judge returns what is wrong with a value, or "".
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from pytest_dxjobs._model.documented import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable

_JOB_ID: Final = re.compile(ID_PATTERN, re.ASCII)
_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+", re.ASCII)
_JOB_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:dataexchange:[a-z]+(-[a-z0-9]+)+:[0-9]{12}:jobs/[^/:]+", re.ASCII
)
_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}", re.ASCII)
_REGION: Final = re.compile(r"[a-z]+(-[a-z0-9]+)+", re.ASCII)
_BUCKET: Final = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_IP_ADDRESS: Final = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
_BUCKET_PREFIXES: Final = ("xn--", "sthree-")
_BUCKET_SUFFIXES: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def validate_job_id(value: str) -> str:
    """Documented: 30 to 40 letters and digits. Those seen have 32 lowercase hex digits."""
    return "" if _JOB_ID.fullmatch(value) else "is no job id: 30 to 40 ASCII letters and digits"


def validate_job_arn(value: str) -> str:
    """Documented. What the id in it must be, the caller knows."""
    if _JOB_ARN.fullmatch(value):
        return ""
    return "is no ARN of a job: arn:aws:dataexchange:REGION:ACCOUNT:jobs/ID, the account with 12 digits"


def validate_arn(value: str) -> str:
    """Documented: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html."""
    if _ARN.fullmatch(value):
        return ""
    return "is no ARN: arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE, the account with 12 digits"


def validate_account_id(value: str) -> str:
    """Documented: 12 digits."""
    return "" if _ACCOUNT_ID.fullmatch(value) else "is no account id: 12 digits"


def validate_region(value: str) -> str:
    """The form only: which regions there are changes."""
    return "" if _REGION.fullmatch(value) else "is no region: a name such as us-east-1"


def validate_bucket(value: str) -> str:
    """Documented: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html."""
    if not _BUCKET.fullmatch(value) or _IP_ADDRESS.fullmatch(value):
        return (
            "is no bucket name: 3 to 63 lowercase letters, digits, hyphens and single dots, "
            "a letter or digit at both ends, and no IP address"
        )
    if value.startswith(_BUCKET_PREFIXES) or value.endswith(_BUCKET_SUFFIXES):
        return "is no bucket name: S3 keeps this prefix or suffix for itself"
    return ""


def validate_key(value: str) -> str:
    """Documented: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html."""
    size = len(value.encode(errors="replace"))
    return "" if 1 <= size <= 1024 else f"is no object key: 1 to 1024 bytes of UTF-8, not {size}"


def validate_md5(value: str) -> str:
    """Documented: the base64 of the hash."""
    try:
        size = len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return "is no base64"
    return "" if size == 16 else f"is the base64 of {size} bytes, and an MD5 has 16"


def validator_for(member: str) -> Callable[[str], str] | None:
    """The judge for a member of ``Details``, by its name, so that members of later types have one too."""
    return _BY_NAME.get(member) or next(
        (judge for suffix, judge in _BY_SUFFIX.items() if member.endswith(suffix)), None
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
