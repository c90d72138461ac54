"""The errors of a job that failed: as a test names them, or as they fit a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pytest_dxjobs import _service
from pytest_dxjobs._arguments import one_of, refuse
from pytest_dxjobs._constants import ABSENT, JOB_ERROR_CODES
from pytest_dxjobs._model import Model, model
from pytest_dxjobs._validity import cleaned, values_of, violations

if TYPE_CHECKING:
    from mypy_boto3_dataexchange.type_defs import JobErrorTypeDef

    from pytest_dxjobs._constants import JobErrorCode


def make_error(
    code: JobErrorCode | str = "VALIDATION_EXCEPTION", /, **members: object
) -> JobErrorTypeDef:
    """Make one entry of a job's ``Errors``: the code and a message, and what is given besides.

    Args:
        code: One of ``dx.JOB_ERROR_CODES``, or a code that the installed botocore knows.
        **members: ``Message``, ``ResourceId``, ``ResourceType``, ``LimitName``, ``LimitValue``, ``Details``.
            ``dx.ABSENT`` leaves a member out.

    Raises:
        UsageError: A code or member that does not exist, or an ill-typed value.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    installed = model()
    code = members.get("Code", code)  # type: ignore[assignment]
    one_of("make_error: code", code, installed.error_codes, JOB_ERROR_CODES)
    message = _service.ERROR_MESSAGES.get(code, f"The job failed with {code}.")
    error = {"Code": code, "Message": message, **members}
    refuse(
        "make_error: this is no job error:", violations(installed.error, error, "", absent=ABSENT)
    )
    return cast("JobErrorTypeDef", cleaned(error))


def error_that_fits(
    installed: Model, type_: str, all_details: object, code: str = "VALIDATION_EXCEPTION"
) -> dict[str, Any]:
    """An error with every member that fits a job of this type with these details."""
    error: dict[str, Any] = dict(make_error(code))
    name = installed.details_members.get(type_, "")
    details = all_details.get(name) if isinstance(all_details, dict) else None
    details = details if isinstance(details, dict) else {}
    for kind, resource in _service.RESOURCE_MEMBERS.items():
        found = next(values_of(resource, details), None)
        if found is not None:
            error.update(ResourceType=kind, ResourceId=found)
            break
    if code == _service.QUOTA_CODE:
        limits = (limit for limit, types in _service.LIMIT_TYPES.items() if type_ in types)
        for limit in limits:
            return error | {"LimitName": limit, "LimitValue": _service.LIMIT_VALUE}
    member = installed.error_details_member(type_)
    if member is not None:
        shape = installed.error_details.members[member]
        if shape.type_name == "list":
            about: object = cleaned(details.get("AssetSources", []))
        else:
            about = {key: details[key] for key in shape.members if key in details}
        error["Details"] = {member: about}
    return error
