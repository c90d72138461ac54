"""Random jobs in which everything fits: each choice is made from what the ones before it leave."""

from __future__ import annotations

import datetime
import functools
import itertools
from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._core.timeutils import plain_utc
from pytest_dxjobs._core.values import values_of
from pytest_dxjobs._jobs.example_values import ExampleContext
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.service_model import Model, enum_of
from pytest_dxjobs._strategies.shapes import generator, usual
from pytest_dxjobs._strategies.values import IDS

if TYPE_CHECKING:
    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._strategies.shapes import Source


_INSTANTS: Final = tuple(
    plain_utc(datetime.datetime.fromisoformat(text))
    for text in (
        "2024-01-01",
        "2019-11-13",  # when the service began
        "2020-02-29T23:59:59.999",
        "2023-06-15T12:30:00.250",
        "2024-12-31T23:59:59",
    )
)
_USUAL: Final = _INSTANTS[0]
_PLACES: Final = (
    (documented.REGION, documented.ACCOUNT_ID),
    ("eu-central-1", "0" * 12),
    ("us-gov-west-1", "9" * 12),
)
_AGES: Final = tuple(
    datetime.timedelta(seconds=seconds) for seconds in (0, 0.001, 1, 59.999, 300, 86_400, 7_689_600)
)
_RESOURCES: Final = tuple(itertools.permutations(IDS, 2))
# Whether a job's assets are configured: mostly not, or as everybody has it.
_CONFIGURED: Final = (None, None, usual, generator)
_FEW: Final = (1, 1, 1, 1, 1, 1, 2, 4)


def draw_job(
    source: Source, installed: Model, types: tuple[str, ...], states: tuple[str, ...]
) -> dict[str, Any]:
    """A response of ``get_job`` for a job of one of the types, in one of the states."""
    type_, state = source.one_of(types), source.one_of(states)
    region, account_id = source.one_of(_PLACES)
    data_set_id, revision_id = source.one_of(_RESOURCES)
    created = source.one_of(_INSTANTS)
    updated = created + source.one_of(_AGES)
    configure, errors = source.one_of(_CONFIGURED), source.one_of(_FEW)
    identifier = source.job_id()
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
        "Arn": documented.job_arn(identifier, region, account_id),
        "CreatedAt": created,
        "Details": draw_details(source.apart(), installed, type_, context, state),
        "Id": identifier,
        "State": state,
        "Type": type_,
        "UpdatedAt": updated,
    }
    if state == documented.FAILED:
        job["Errors"] = [
            draw_error(source.apart(), installed, type_, job["Details"], installed.error_codes)
            for _ in range(errors)
        ]
    configured = installed.job.members.get("AssetConfiguration")
    exports = type_.startswith(documented.EXPORT_PREFIX)
    if configured is not None and configure is not None and not exports:
        job["AssetConfiguration"] = configure(configured)(source.apart(), context)
    return job


def default_context(type_: str) -> ExampleContext:
    """The ids and times of a job that nobody asks for."""
    return ExampleContext(
        region=documented.REGION,
        account_id=documented.ACCOUNT_ID,
        data_set_id=IDS[0],
        revision_id=IDS[1],
        asset_id=IDS[2],
        at=_USUAL,
        url_expires_at=documented.url_expires_at(type_, _USUAL, _USUAL),
    )


def draw_details(
    source: Source, installed: Model, type_: str, context: ExampleContext, state: str | None = None
) -> dict[str, Any]:
    """The ``Details`` of a job of this type; with a state, with a signed URL just where that has one."""
    name = installed.details_members.get(type_)
    if name is None:
        return {}
    shape = installed.details.members[name]
    own: dict[str, Any] = generator(shape, name, name)(source, context)
    urls = [url for url in documented.SIGNED_URL_MEMBERS if url in shape.members]
    if state in documented.SIGNED_URL_REQUIRED.get(type_, ()):
        own |= {url: generator(shape.members[url], url, name)(source, context) for url in urls}
    elif not documented.may_have_signed_url(type_, state):
        own = {key: part for key, part in own.items() if key not in urls}
    return {name: own}


def draw_error(
    source: Source,
    installed: Model,
    type_: str,
    details: dict[str, Any],
    codes: tuple[str, ...],
) -> dict[str, Any]:
    """One of the ``Errors`` of a job of this type, with one of the codes, about what its details name."""
    code = source.one_of(codes)
    limits = _limits(installed, type_) if code == documented.QUOTA_CODE else ()
    context = default_context(type_)
    message = generator(installed.error.members["Message"], "Message")
    error = {"Code": code, "Message": message(source, context)}
    resources = [
        (kind, found)
        for kind, member in documented.RESOURCE_MEMBERS.items()
        for found in values_of(member, details)
    ]
    optional = ["ResourceType", "ResourceId"] if resources else []
    optional += ["LimitName", "LimitValue"] if limits else []
    fitting = installed.error_details_member(type_)
    optional += ["Details"] if fitting is not None else []
    chosen = source.some_of(tuple(optional))
    if "ResourceType" in chosen or "ResourceId" in chosen:
        kind, resource = source.one_of(resources)
        error |= {"ResourceType": kind, "ResourceId": resource}
    if "LimitName" in chosen or "LimitValue" in chosen:
        value = generator(installed.error.members["LimitValue"], "LimitValue")
        error |= {"LimitName": source.one_of(limits), "LimitValue": value(source, context)}
    if fitting is not None:
        error["Details"] = {fitting: _about(source, installed, fitting, *details.values())}
    return {name: part for name, part in error.items() if name in (*_ALWAYS, *chosen)}


def _about(source: Source, installed: Model, fitting: str, own: dict[str, Any]) -> Any:
    """What the details of an error say of the details of its job."""
    shape = installed.error_details.members[fitting]
    if shape.type_name == "list":
        return own["AssetSources"][: 1 + source.number(len(own["AssetSources"]))]
    return {name: own[name] for name in shape.members if name in own}


@functools.cache
def _limits(installed: Model, type_: str) -> tuple[str, ...]:
    """The names of the limits that a job of this type can meet."""
    names = enum_of(installed.error.members["LimitName"])
    return tuple(name for name in names if type_ in documented.LIMIT_TYPES.get(name, (type_,)))


_ALWAYS: Final = ("Code", "Message")


_NEWS: Final = ("state", "type", "code", "members")
_STATES: Final = ("PAUSED", "CANCELLING", "PARTIALLY_COMPLETED")
_TYPES: Final = ("EXPORT_ASSETS_TO_SFTP", "IMPORT_ASSETS_FROM_ICEBERG_TABLES")
_CODES: Final = ("REGION_DISABLED_EXCEPTION", "DATA_GRANT_EXPIRED")
_MEMBERS: Final = ({"Progress": 42}, {"Owner": {"AccountId": "123456789012"}})


def draw_future(source: Source, installed: Model) -> dict[str, Any]:
    """A job of today, with at least one thing in it that is not."""
    news = source.some_of(_NEWS, 1)
    states = (documented.FAILED,) if "code" in news else installed.states
    job = draw_job(source.apart(), installed, installed.types, states)
    if "state" in news:
        job["State"] = source.one_of(_STATES)
    if "type" in news:
        job["Type"] = source.one_of(_TYPES)
        words = [word.capitalize() for word in job["Type"].split("_")]
        job["Details"] = {"".join(words): {"DataSetId": "0" * 32}}
    if "code" in news:
        job["Errors"][0]["Code"] = source.one_of(_CODES)
    if "members" in news:
        job |= source.one_of(_MEMBERS)
    return job
