"""Make complete, coherent ``get_job`` responses from the service model.

Members that the test sets replace the default ones, and the other members follow: the ARN the id, one
time the other, the errors the ``Details``.
"""

from __future__ import annotations

import datetime
import functools
import itertools
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_dxjobs._core.arguments import one_of, raise_problems
from pytest_dxjobs._core.constants import ABSENT, JOB_STATES, JOB_TYPES
from pytest_dxjobs._core.ids import next_ids
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.timeutils import now, shift, truncate_to_milliseconds
from pytest_dxjobs._core.values import is_aware, plain_copy, without_absent
from pytest_dxjobs._jobs.example_values import ExampleBuilder, ExampleContext, example_builder
from pytest_dxjobs._jobs.job_errors import fitting_error
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.formats import validate_job_id
from pytest_dxjobs._model.service_model import Model, model
from pytest_dxjobs._model.validation import violations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dataexchange.type_defs import GetJobResponseTypeDef

    from pytest_dxjobs._core.constants import JobState, JobType

_DEFAULT_AGE: Final = datetime.timedelta(minutes=5)


def make_job(
    type: JobType | str = "EXPORT_ASSETS_TO_S3",
    state: JobState | str = "COMPLETED",
    /,
    **members: object,
) -> GetJobResponseTypeDef:
    """Make the dict that ``client.get_job(...)`` would return, without ``ResponseMetadata``.

    It has every member that the service documents for the type and state, and they fit each other. A type
    that only a newer botocore knows is filled from its model.

    Args:
        type: One of ``dx.JOB_TYPES``, or a type that the installed botocore knows.
        state: One of ``dx.JOB_STATES``, or a state that the installed botocore knows.
        **members: Members of the response that replace the default ones. ``Details`` with only some members
            keeps the rest; lists replace lists. ``dx.ABSENT`` omits a member. The defaults follow the given
            members: ``Arn`` follows ``Id``, ``UpdatedAt`` follows ``CreatedAt``. Datetimes are aware; the
            defaults are the current time in UTC, in milliseconds.

    Returns:
        A new dict. Default ids are the same in each run of a test, and unique within it.

    Raises:
        UsageError: A type, state or member does not exist, a value has the wrong type, ``Details`` belong to
            another type, or a datetime is naive. The message has the value, its place, and what is permitted.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    job = build_job("make_job", type, state, members, documented.REGION, documented.ACCOUNT_ID, _DEFAULT_AGE)
    return cast("GetJobResponseTypeDef", job)


def build_job(
    call: str,
    type_: str,
    state: str,
    members: Mapping[str, object],
    region: str,
    account_id: str,
    age: datetime.timedelta = datetime.timedelta(),
) -> dict[str, Any]:
    """Make a job as ``make_job`` does, for any region and account; messages name the ``call``.

    The age is the time from ``CreatedAt`` to ``UpdatedAt``; a WAITING job has none.
    """
    installed = model()
    members = plain_copy(members)
    type_ = one_of(f"{call}: type", _string(members, "Type", type_), installed.types, JOB_TYPES)
    state = one_of(f"{call}: state", _string(members, "State", state), installed.states, JOB_STATES)
    created, updated = _times(members, datetime.timedelta() if state == "WAITING" else age)
    default_id, data_set_id, revision_id, asset_id = next_ids(4)
    identifier = _string(members, "Id", default_id)
    context = ExampleContext(
        region=region,
        account_id=account_id,
        data_set_id=data_set_id,
        revision_id=revision_id,
        asset_id=asset_id,
        at=created,
        url_expires_at=documented.url_expires_at(type_, created, updated),
    )
    job: dict[str, Any] = _job_builder(installed, type_, state)(context)
    job.update(
        Arn=documented.job_arn(identifier, region, account_id),
        CreatedAt=created,
        Id=identifier,
        State=state,
        Type=type_,
        UpdatedAt=updated,
    )
    if members:
        job.update(_merged_members(call, members, job, installed))
        job = without_absent(job)
    if state == documented.FAILED and "Errors" not in members:
        job["Errors"] = [fitting_error(installed, type_, job.get("Details"))]
    return job


@functools.cache
def _job_builder(installed: Model, type_: str, state: str) -> ExampleBuilder:
    """Return a function that makes the members that depend on the type and state."""
    name = installed.details_members.get(type_)
    parts: dict[str, ExampleBuilder] = {"Details": lambda _: {}}
    if name is not None:
        parts["Details"] = example_builder(installed.details.members[name])
    if "AssetConfiguration" in installed.job.members and not type_.startswith(documented.EXPORT_PREFIX):
        parts["AssetConfiguration"] = example_builder(installed.job.members["AssetConfiguration"])
    has_url = documented.may_have_signed_url(type_, state)

    def build(context: ExampleContext) -> dict[str, Any]:
        job = {key: part(context) for key, part in parts.items()}
        if name is not None:
            if not has_url:
                for url in documented.SIGNED_URL_MEMBERS:
                    del job["Details"][url]
            job["Details"] = {name: job["Details"]}
        return job

    return build


def _times(members: Mapping[str, object], age: datetime.timedelta) -> tuple[datetime.datetime, datetime.datetime]:
    """Return ``CreatedAt`` and ``UpdatedAt``; one that is not given follows from the other."""
    created, updated = (
        cast("datetime.datetime", value) if is_aware(value) else None
        for value in (members.get("CreatedAt"), members.get("UpdatedAt"))
    )
    if created is not None:
        return created, updated or shift(created, age)
    updated = updated or truncate_to_milliseconds(now())
    return shift(updated, -age), updated


def _merged_members(
    call: str, members: Mapping[str, object], job: dict[str, Any], installed: Model
) -> dict[str, object]:
    """Return the given members merged with the default ones; raise if any are invalid."""
    type_ = job["Type"]
    expected = installed.details_members.get(type_)
    details = members.get("Details")
    unexpected = []
    if isinstance(details, dict):
        unexpected = [name for name in details if name != expected]
        members = {**members, "Details": {k: v for k, v in details.items() if k == expected}}
    merged = {name: merge(job.get(name), value) for name, value in members.items()}
    id_problems = [*_id_problems(members.get("Id"))]
    checked = {name: part for name, part in merged.items() if name != "Id" or not id_problems}
    raise_problems(
        f"{call}: this does not fit a job of type {type_}:",
        itertools.chain(
            id_problems,
            (_details_problem(name, type_, expected, installed) for name in unexpected),
            violations(installed.job, checked, "", absent=ABSENT),
        ),
    )
    return merged


def _id_problems(value: object) -> Iterator[str]:
    if isinstance(value, str) and (problem := validate_job_id(value)):
        yield f"Id: {show(value)} {problem}; dx.job_id({show(value)}) makes one from a label"


def _details_problem(name: object, type_: str, expected: str | None, installed: Model) -> str:
    known = name in installed.details.members
    problem = f".{name}: belongs to another type" if known else f": unknown member {show(name)}"
    own = f"Details={{{expected!r}: {{...}}}}" if expected else "no Details"
    return f"Details{problem}; {type_} has {own}"


def merge(default: object, given: object) -> object:
    """Return the given value; if both are dicts, with the members that only the default has."""
    if not isinstance(default, dict) or not isinstance(given, dict):
        return given
    merged = {name: value for name, value in default.items() if name not in given}
    merged.update({name: merge(default.get(name), value) for name, value in given.items()})
    if merged.get("Type") != default.get("Type") and "KmsKeyArn" not in given:
        merged.pop("KmsKeyArn", None)  # another type of encryption does not keep the default key
    return merged


def _string(members: Mapping[str, object], name: str, default: Any) -> Any:
    """Return the given member if it is a string, else the default."""
    value = members.get(name)
    return value if isinstance(value, str) else default
