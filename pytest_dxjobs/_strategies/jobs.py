"""Draw coherent jobs by construction: each choice depends on the choices before it."""

from __future__ import annotations

import datetime
import functools
import itertools
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.timeutils import plain_utc
from pytest_dxjobs._core.values import find_values
from pytest_dxjobs._jobs.example_values import ExampleContext
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import Model, enum_of
from pytest_dxjobs._strategies.candidates import IDS
from pytest_dxjobs._strategies.generators import default_generator, generator

if TYPE_CHECKING:
    from pytest_dxjobs._strategies.generators import Source


_CREATION_TIMES: Final = tuple(
    plain_utc(datetime.datetime.fromisoformat(text))
    for text in (
        "2024-01-01",
        "2019-11-13",  # the launch of the service
        "2020-02-29T23:59:59.999",
        "2023-06-15T12:30:00.250",
        "2024-12-31T23:59:59",
    )
)
_DEFAULT_TIME: Final = _CREATION_TIMES[0]
_REGIONS_AND_ACCOUNTS: Final = (
    (documented.REGION, documented.ACCOUNT_ID),
    ("eu-central-1", "0" * 12),
    ("us-gov-west-1", "9" * 12),
)
# From creation to the last update.
_AGES: Final = tuple(datetime.timedelta(seconds=seconds) for seconds in (0, 0.001, 1, 59.999, 300, 86_400, 7_689_600))
_ID_PAIRS: Final = tuple(itertools.permutations(IDS, 2))
# How to make the AssetConfiguration; None is for a job without one.
_CONFIGURATION_GENERATORS: Final = (None, None, default_generator, generator)
_ERROR_COUNTS: Final = (1, 1, 1, 1, 1, 1, 2, 4)


def draw_job(source: Source, installed: Model, types: tuple[str, ...], states: tuple[str, ...]) -> dict[str, Any]:
    """Draw a ``get_job`` response for a job of one of the types in one of the states."""
    type_, state = source.one_of(types), source.one_of(states)
    region, account_id = source.one_of(_REGIONS_AND_ACCOUNTS)
    data_set_id, revision_id = source.one_of(_ID_PAIRS)
    created = source.one_of(_CREATION_TIMES)
    updated = created + source.one_of(_AGES)
    configure = source.one_of(_CONFIGURATION_GENERATORS)
    error_count = source.one_of(_ERROR_COUNTS)
    job_id = source.job_id()
    context = ExampleContext(
        region=region,
        account_id=account_id,
        data_set_id=data_set_id,
        revision_id=revision_id,
        asset_id=data_set_id,
        at=created,
        url_expires_at=documented.url_expires_at(type_, created, updated),
    )
    job: dict[str, Any] = {
        "Arn": documented.job_arn(job_id, region, account_id),
        "CreatedAt": created,
        "Details": draw_details(source.fork(), installed, type_, context, state),
        "Id": job_id,
        "State": state,
        "Type": type_,
        "UpdatedAt": updated,
    }
    if state == documented.FAILED:
        job["Errors"] = [
            draw_error(source.fork(), installed, type_, job["Details"], installed.error_codes)
            for _ in range(error_count)
        ]
    configuration = installed.job.members.get("AssetConfiguration")
    exports = type_.startswith(documented.EXPORT_PREFIX)
    if configuration is not None and configure is not None and not exports:
        job["AssetConfiguration"] = configure(configuration)(source.fork(), context)
    return job


def default_context(type_: str) -> ExampleContext:
    """Return the ids and times for details and errors that are drawn without a job."""
    return ExampleContext(
        region=documented.REGION,
        account_id=documented.ACCOUNT_ID,
        data_set_id=IDS[0],
        revision_id=IDS[1],
        asset_id=IDS[2],
        at=_DEFAULT_TIME,
        url_expires_at=documented.url_expires_at(type_, _DEFAULT_TIME, _DEFAULT_TIME),
    )


def draw_details(
    source: Source, installed: Model, type_: str, context: ExampleContext, state: str | None = None
) -> dict[str, Any]:
    """Draw the ``Details`` of a job of this type. The state determines whether there is a signed URL."""
    name = installed.details_members.get(type_)
    if name is None:
        return {}
    shape = installed.details.members[name]
    details: dict[str, Any] = generator(shape, name, name)(source, context)
    urls = [url for url in documented.SIGNED_URL_MEMBERS if url in shape.members]
    if state in documented.SIGNED_URL_REQUIRED.get(type_, ()):
        details |= {url: generator(shape.members[url], url, name)(source, context) for url in urls}
    elif not documented.may_have_signed_url(type_, state):
        details = {key: part for key, part in details.items() if key not in urls}
    return {name: details}


def draw_error(
    source: Source,
    installed: Model,
    type_: str,
    details: dict[str, Any],
    codes: tuple[str, ...],
) -> dict[str, Any]:
    """Draw one of the ``Errors`` of a job with this type and these details."""
    code = source.one_of(codes)
    limit_names = _limit_names(installed, type_) if code == documented.QUOTA_CODE else ()
    context = default_context(type_)
    message = generator(installed.error.members["Message"], "Message")
    error = {"Code": code, "Message": message(source, context)}
    resources = [
        (kind, resource_id)
        for kind, member in documented.RESOURCE_MEMBERS.items()
        for resource_id in find_values(member, details)
    ]
    optional = ["ResourceType", "ResourceId"] if resources else []
    optional += ["LimitName", "LimitValue"] if limit_names else []
    details_member = installed.error_details_member(type_)
    optional += ["Details"] if details_member is not None else []
    chosen = source.some_of(tuple(optional))
    if "ResourceType" in chosen or "ResourceId" in chosen:
        kind, resource_id = source.one_of(resources)
        error |= {"ResourceType": kind, "ResourceId": resource_id}
    if "LimitName" in chosen or "LimitValue" in chosen:
        value = generator(installed.error.members["LimitValue"], "LimitValue")
        error |= {"LimitName": source.one_of(limit_names), "LimitValue": value(source, context)}
    if details_member is not None:
        [own] = details.values()
        error["Details"] = {details_member: _error_details(source, installed, details_member, own)}
    return {name: part for name, part in error.items() if name in ("Code", "Message", *chosen)}


def _error_details(source: Source, installed: Model, member: str, details: dict[str, Any]) -> Any:
    """Draw the details of an error from those of its job."""
    shape = installed.error_details.members[member]
    if shape.type_name == "list":
        return details["AssetSources"][: 1 + source.randrange(len(details["AssetSources"]))]
    return {name: details[name] for name in shape.members if name in details}


@functools.cache
def _limit_names(installed: Model, type_: str) -> tuple[str, ...]:
    """Return the limits that a job of this type can exceed."""
    names = enum_of(installed.error.members["LimitName"])
    return tuple(name for name in names if type_ in documented.LIMIT_TYPES.get(name, (type_,)))


_FUTURE_PARTS: Final = ("state", "type", "code", "members")
_FUTURE_STATES: Final = ("PAUSED", "CANCELLING", "PARTIALLY_COMPLETED")
_FUTURE_TYPES: Final = ("EXPORT_ASSETS_TO_SFTP", "IMPORT_ASSETS_FROM_ICEBERG_TABLES")
_FUTURE_CODES: Final = ("REGION_DISABLED_EXCEPTION", "DATA_GRANT_EXPIRED")
_FUTURE_MEMBERS: Final = ({"Progress": 42}, {"Owner": {"AccountId": "123456789012"}})


def draw_future_response(source: Source, installed: Model) -> dict[str, Any]:
    """Draw a job with an unknown state, type, error code or member, or several of them."""
    unknown = source.some_of(_FUTURE_PARTS, 1)
    states = (documented.FAILED,) if "code" in unknown else installed.states
    job = draw_job(source.fork(), installed, installed.types, states)
    if "state" in unknown:
        job["State"] = source.one_of(_FUTURE_STATES)
    if "type" in unknown:
        job["Type"] = source.one_of(_FUTURE_TYPES)
        words = [word.capitalize() for word in job["Type"].split("_")]
        job["Details"] = {"".join(words): {"DataSetId": "0" * 32}}
    if "code" in unknown:
        job["Errors"][0]["Code"] = source.one_of(_FUTURE_CODES)
    if "members" in unknown:
        job |= source.one_of(_FUTURE_MEMBERS)
    return job
