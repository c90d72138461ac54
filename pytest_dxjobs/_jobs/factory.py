"""Jobs as the service would describe them: complete, coherent, and adapted to what the test sets.

``make_job`` fills a job from the service model and fits the members that hang together to each other:
the ARN to the id, the times to each other, the errors to what ``Details`` name.
"""

from __future__ import annotations

import datetime
import functools
import itertools
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_dxjobs._core.arguments import one_of, read, refuse
from pytest_dxjobs._core.constants import ABSENT, JOB_STATES, JOB_TYPES
from pytest_dxjobs._core.ids import next_ids
from pytest_dxjobs._core.messages import did_you_mean, show
from pytest_dxjobs._core.timeutils import later, now, truncate_to_milliseconds
from pytest_dxjobs._core.values import cleaned, is_aware
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

_AGE: Final = datetime.timedelta(minutes=5)


def make_job(
    type: JobType | str = "EXPORT_ASSETS_TO_S3",
    state: JobState | str = "COMPLETED",
    /,
    **members: object,
) -> GetJobResponseTypeDef:
    """Make the dict that ``client.get_job(...)`` would return, without ``ResponseMetadata``.

    Every member that the service documents for that type and state is there, and all of them fit each
    other. A type that only a newer botocore knows is filled from its model.

    Args:
        type: One of ``dx.JOB_TYPES``, or a type that the installed botocore knows.
        state: One of ``dx.JOB_STATES``, or a state that the installed botocore knows.
        **members: Members of the response, by name, instead of the default ones. A ``Details`` that names
            only some members keeps the rest; lists replace lists. ``dx.ABSENT`` leaves a member out. The
            defaults follow what is given: an ``Id`` brings its ``Arn``, a ``CreatedAt`` its ``UpdatedAt``.
            Datetimes are aware; the defaults are of this moment, with milliseconds, in UTC.

    Returns:
        A new dict. Ids that are not given are the same in each run of a test, and no two calls share one.

    Raises:
        UsageError: A type, state or member that does not exist, an ill-typed value, ``Details`` of another
            type, a naive datetime. Names the value, the place, and what is permitted.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    job = build_job(
        "make_job", type, state, members, documented.REGION, documented.ACCOUNT_ID, _AGE
    )
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
    """``make_job``, in a region and an account, of an age unless it waits, and with errors that name the call."""
    installed = model()
    members = read(call, members)
    type_ = one_of(f"{call}: type", _given(members, "Type", type_), installed.types, JOB_TYPES)
    state = one_of(f"{call}: state", _given(members, "State", state), installed.states, JOB_STATES)
    created, updated = _times(members, datetime.timedelta() if state == "WAITING" else age)
    own, data_set_id, revision_id, asset_id = next_ids(4)
    identifier = _given(members, "Id", own)
    context = ExampleContext(
        region=region,
        account_id=account_id,
        data_set_id=data_set_id,
        revision_id=revision_id,
        asset_id=asset_id,
        at=created,
        url_expires_at=documented.url_expires_at(type_, created, updated),
    )
    job: dict[str, Any] = _blueprint(installed, type_, state)(context)
    job.update(
        Arn=documented.job_arn(identifier, region, account_id),
        CreatedAt=created,
        Id=identifier,
        State=state,
        Type=type_,
        UpdatedAt=updated,
    )
    if members:
        job.update(_overrides(call, members, job, installed))
        job = cleaned(job)
    if state == documented.FAILED and "Errors" not in members:
        job["Errors"] = [fitting_error(installed, type_, job.get("Details"))]
    return job


@functools.cache
def _blueprint(installed: Model, type_: str, state: str) -> ExampleBuilder:
    """What fills a job of this type and state, apart from the members that every job has."""
    name = installed.details_members.get(type_)
    parts: dict[str, ExampleBuilder] = {"Details": lambda _: {}}
    if name is not None:
        parts["Details"] = example_builder(installed.details.members[name])
    if "AssetConfiguration" in installed.job.members and not type_.startswith(
        documented.EXPORT_PREFIX
    ):
        parts["AssetConfiguration"] = example_builder(installed.job.members["AssetConfiguration"])
    has_url = documented.may_have_signed_url(type_, state)

    def fill(context: ExampleContext) -> dict[str, Any]:
        job = {key: part(context) for key, part in parts.items()}
        if name is not None:
            if not has_url:
                for url in documented.SIGNED_URL_MEMBERS:
                    del job["Details"][url]
            job["Details"] = {name: job["Details"]}
        return job

    return fill


def _times(
    members: Mapping[str, object], age: datetime.timedelta
) -> tuple[datetime.datetime, datetime.datetime]:
    """``CreatedAt`` and ``UpdatedAt``, whichever is not given following from the other."""
    created, updated = (
        cast("datetime.datetime", value) if is_aware(value) else None
        for value in (members.get("CreatedAt"), members.get("UpdatedAt"))
    )
    if created is not None:
        return created, updated or later(created, age)
    updated = updated or truncate_to_milliseconds(now())
    return later(updated, -age), updated


def _overrides(
    call: str, members: Mapping[str, object], job: dict[str, Any], installed: Model
) -> dict[str, object]:
    """The given members, completed from the default ones; all that are no such members refused at once."""
    wanted = installed.details_members.get(job["Type"])
    details = members.get("Details")
    foreign = [name for name in (details if isinstance(details, dict) else ()) if name != wanted]
    if isinstance(details, dict):
        members = {**members, "Details": {k: v for k, v in details.items() if k == wanted}}
    merged = {name: merge(job.get(name), value) for name, value in members.items()}
    wrong_id = [*_wrong_id(members.get("Id"))]
    judged = {name: part for name, part in merged.items() if name != "Id" or not wrong_id}
    refuse(
        f"{call}: this does not fit a job of type {job['Type']}:",
        itertools.chain(
            wrong_id,
            (_misplaced(name, wanted, installed) for name in foreign),
            violations(installed.job, judged, "", absent=ABSENT),
        ),
    )
    return merged


def _wrong_id(given: object) -> Iterator[str]:
    if isinstance(given, str) and (problem := validate_job_id(given)):
        yield f"Id: {show(given)} {problem}; dx.job_id({show(given)}) makes one from a label"


def _misplaced(name: object, wanted: str | None, installed: Model) -> str:
    where = f"this one has Details={{{wanted!r}: {{...}}}}"
    if name in installed.details.members:
        return f"Details.{name}: belongs to another type; {where}"
    return f"Details: {show(name)} is no member of it; {where}{did_you_mean(name, [wanted or ''])}"


def merge(default: object, given: object) -> object:
    """The given value, where both are dicts with what it does not say taken from the default."""
    if not isinstance(default, dict) or not isinstance(given, dict):
        return given
    merged = {name: value for name, value in default.items() if name not in given}
    merged.update({name: merge(default.get(name), value) for name, value in given.items()})
    if merged.get("Type") != default.get("Type") and "KmsKeyArn" not in given:
        merged.pop("KmsKeyArn", None)  # another encryption than the default one brings no key
    return merged


def _given(members: Mapping[str, object], name: str, default: Any) -> Any:
    """A member that others hang on: the one given, if it is of use, or the default."""
    value = members.get(name)
    return value if isinstance(value, str) else default
