"""The errors of a job that failed: as a test names or expects them, or as they fit a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_dxjobs._core.arguments import one_of, read, refuse, text
from pytest_dxjobs._core.constants import ABSENT, JOB_ERROR_CODES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import listing, show
from pytest_dxjobs._core.values import cleaned, values_of
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import Model, enum_of, model
from pytest_dxjobs._model.validation import violations

if TYPE_CHECKING:
    from mypy_boto3_dataexchange.type_defs import JobErrorTypeDef

    from pytest_dxjobs._core.constants import JobErrorCode


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
    given: dict[str, Any] = {"Code": code, **read("make_error", members)}
    told = _told(one_of("make_error: code", given["Code"], installed.error_codes, JOB_ERROR_CODES))
    error = {**told, **given, "Code": told["Code"]}
    refuse(
        "make_error: this is no job error:", violations(installed.error, error, "", absent=ABSENT)
    )
    return cast("JobErrorTypeDef", cleaned(error))


def _told(code: str) -> dict[str, Any]:
    """The code and what the service says of it."""
    return {
        "Code": code,
        "Message": documented.ERROR_MESSAGES.get(code, f"The job failed with {code}."),
    }


def assert_job_error(
    response: Mapping[str, Any],
    code: JobErrorCode | str | None = None,
    *,
    resource_id: str | None = None,
    limit_name: str | None = None,
) -> None:
    """Check that a job failed, and with what: that one of its ``Errors`` has all that is named.

    Args:
        response: What ``get_job`` returned.
        code: One of ``dx.JOB_ERROR_CODES``, or a code that the installed botocore knows.
        resource_id: The ``ResourceId``.
        limit_name: The ``LimitName``, as the service writes it: ``"Assets per revision"``.

    Raises:
        AssertionError: It did not fail, or not so; tells the errors that there are.
        UsageError: This is no response, or there is no such code or limit.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    __tracebackhide__ = True
    installed = model()
    if not isinstance(response, Mapping):
        raise UsageError(f"assert_job_error: what get_job returned is needed, not {show(response)}")
    response = read("assert_job_error", response)
    wanted = {}
    if code is not None:
        known = installed.error_codes
        wanted["Code"] = one_of("assert_job_error: code", code, known, JOB_ERROR_CODES)
    if resource_id is not None:
        wanted["ResourceId"] = text("assert_job_error: resource_id", resource_id)
    if limit_name is not None:
        limits = enum_of(installed.error.members["LimitName"])
        wanted["LimitName"] = one_of("assert_job_error: limit_name", limit_name, limits)
    told = " and ".join(f"{name} {value!r}" for name, value in wanted.items())
    headline = f"an error of the job{f' with {told}' if told else ''} was expected"
    state, errors = response.get("State"), response.get("Errors")
    if not isinstance(state, str) or state != documented.FAILED:
        raise AssertionError(f"{headline}, and its State is {show(state)}")
    if not isinstance(errors, list) or not errors:
        raise AssertionError(
            f"{headline}, and its Errors are {'absent' if errors is None else show(errors)}"
        )
    if not any(_has(error, wanted) for error in errors):
        raise AssertionError(listing(f"{headline}, and there is:", map(_shown, errors)))


def _shown(error: object) -> str:
    """What tells one error from another, first."""
    if not isinstance(error, Mapping):
        return show(error)
    return ", ".join(f"{name} {show(error[name])}" for name in _TELLING if name in error)


_TELLING: Final = ("Code", "ResourceType", "ResourceId", "LimitName", "LimitValue", "Message")


def _has(error: object, wanted: Mapping[str, str]) -> bool:
    return isinstance(error, Mapping) and all(
        error.get(name) == value for name, value in wanted.items()
    )


def error_that_fits(
    installed: Model, type_: str, all_details: object, code: str = "VALIDATION_EXCEPTION"
) -> dict[str, Any]:
    """An error with every member that fits a job of this type with these details."""
    error = _told(code)
    name = installed.details_members.get(type_, "")
    details = all_details.get(name) if isinstance(all_details, dict) else None
    details = details if isinstance(details, dict) else {}
    for kind, resource in documented.RESOURCE_MEMBERS.items():
        found = next(values_of(resource, details), None)
        if found is not None:
            error.update(ResourceType=kind, ResourceId=found)
            break
    if code == documented.QUOTA_CODE:
        limits = (limit for limit, types in documented.LIMIT_TYPES.items() if type_ in types)
        for limit in limits:
            return error | {"LimitName": limit, "LimitValue": documented.LIMIT_VALUE}
    member = installed.error_details_member(type_)
    if member is not None:
        shape = installed.error_details.members[member]
        if shape.type_name == "list":
            about: object = cleaned(details.get("AssetSources", []))
        else:
            about = {key: details[key] for key in shape.members if key in details}
        error["Details"] = {member: about}
    return error
