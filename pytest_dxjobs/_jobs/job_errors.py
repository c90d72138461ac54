"""The ``Errors`` of a failed job: made by a test, or generated to fit the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pytest_dxjobs._core.arguments import one_of, raise_problems
from pytest_dxjobs._core.constants import ABSENT, JOB_ERROR_CODES
from pytest_dxjobs._core.values import find_values, plain_copy, without_absent
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import Model, model
from pytest_dxjobs._model.validation import violations

if TYPE_CHECKING:
    from mypy_boto3_dataexchange.type_defs import JobErrorTypeDef

    from pytest_dxjobs._core.constants import JobErrorCode


def make_error(code: JobErrorCode | str = "VALIDATION_EXCEPTION", /, **members: object) -> JobErrorTypeDef:
    """Make one entry of a job's ``Errors``: the code, a message, and the given members.

    Args:
        code: One of ``dx.JOB_ERROR_CODES``, or a code that the installed botocore knows.
        **members: ``Message``, ``ResourceId``, ``ResourceType``, ``LimitName``, ``LimitValue``, ``Details``.
            ``dx.ABSENT`` omits a member.

    Raises:
        UsageError: A code or member does not exist, or a value has the wrong type.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    installed = model()
    given: dict[str, Any] = {"Code": code, **plain_copy(members)}
    known = one_of("make_error: code", given["Code"], installed.error_codes, JOB_ERROR_CODES)
    error = {**_code_and_message(known), **given, "Code": known}
    raise_problems("make_error: invalid job error:", violations(installed.error, error, "", absent=ABSENT))
    return cast("JobErrorTypeDef", without_absent(error))


def fitting_error(installed: Model, type_: str, all_details: object, code: str | None = None) -> dict[str, Any]:
    """Return an error with every member that fits a job with this type and ``Details``."""
    code = code or "VALIDATION_EXCEPTION"
    error = _code_and_message(code)
    name = installed.details_members.get(type_, "")
    details = all_details.get(name) if isinstance(all_details, dict) else None
    details = details if isinstance(details, dict) else {}
    for kind, member in documented.RESOURCE_MEMBERS.items():
        resource = next(find_values(member, details), None)
        if resource is not None:
            error.update(ResourceType=kind, ResourceId=resource)
            break
    limits = [limit for limit, types in documented.LIMIT_TYPES.items() if type_ in types]
    if code == documented.QUOTA_CODE and limits:
        return error | {"LimitName": limits[0], "LimitValue": documented.LIMIT_VALUE}
    details_member = installed.error_details_member(type_)
    if details_member is not None:
        shape = installed.error_details.members[details_member]
        if shape.type_name == "list":
            value: object = without_absent(details.get("AssetSources", []))
        else:
            value = {key: details[key] for key in shape.members if key in details}
        error["Details"] = {details_member: value}
    return error


def _code_and_message(code: str) -> dict[str, Any]:
    message = documented.ERROR_MESSAGES.get(code, f"The job failed with {code}.")
    return {"Code": code, "Message": message}
