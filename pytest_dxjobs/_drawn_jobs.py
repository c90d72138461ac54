"""Random jobs in which everything fits: each choice is made from what the ones before it leave."""

from __future__ import annotations

import datetime
import functools
import itertools
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs import _service
from pytest_dxjobs._drawing import (
    IDS,
    IDS_THERE_ARE,
    choices_of,
    draw_each,
    drawer,
    fewest_choices,
    id_of,
    subsets,
    usual,
)
from pytest_dxjobs._instants import plain
from pytest_dxjobs._model import Model, enum_of
from pytest_dxjobs._samples import Blanks
from pytest_dxjobs._validity import values_of

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

_INSTANTS: Final = tuple(
    plain(datetime.datetime.fromisoformat(text))
    for text in (
        "2024-01-01",
        "2019-11-13",  # when the service began
        "2020-02-29T23:59:59.999",
        "2023-06-15T12:30:00.250",
        "2024-12-31T23:59:59",
    )
)
_USUAL: Final = _INSTANTS[0]
_numbers: Final = st.integers(0, IDS_THERE_ARE - 1)
_PLACES: Final = (
    (_service.REGION, _service.ACCOUNT_ID),
    ("eu-central-1", "0" * 12),
    ("us-gov-west-1", "9" * 12),
)
_AGES: Final = tuple(
    datetime.timedelta(seconds=seconds) for seconds in (0, 0.001, 1, 59.999, 300, 86_400, 7_689_600)
)
# What nobody looks at first: when and where a job was created, how old it is, which resources it is about, and
# whether its assets are configured: mostly not, or as everybody has it.
_CIRCUMSTANCES: Final[dict[str, tuple[Any, ...]]] = {
    "place": _PLACES,
    "age": _AGES,
    "resources": (*itertools.permutations((IDS[0], IDS[1], IDS[-1], IDS[-3]), 2),),
    "created": _INSTANTS,
    "configure": (None, None, usual, drawer),
}
_few: Final = st.sampled_from((1, 1, 1, 1, 1, 1, 2, 4))


def draw_job(
    draw: DrawFn, installed: Model, types: tuple[str, ...], states: tuple[str, ...]
) -> dict[str, Any]:
    """A response of ``get_job`` for a job of one of the types, in one of the states."""
    type_, state = draw(_one_of_each(installed, types, states))
    identifier = id_of(draw(_numbers))
    circumstances = draw_each(draw, _CIRCUMSTANCES, together=len(_CIRCUMSTANCES))
    region, account_id = circumstances["place"]
    data_set_id, revision_id = circumstances["resources"]
    created, configure = circumstances["created"], circumstances["configure"]
    updated = created + circumstances["age"]
    blanks = Blanks(
        region=region,
        account_id=account_id,
        data_set_id=data_set_id,
        revision_id=revision_id,
        asset_id=data_set_id,
        at=created,
        url_expires_at=_service.url_expires_at(type_, created, updated),
    )
    job: dict[str, Any] = {
        "Arn": _service.job_arn(identifier, region, account_id),
        "CreatedAt": created,
        "Details": draw_details(draw, installed, type_, blanks, state),
        "Id": identifier,
        "State": state,
        "Type": type_,
        "UpdatedAt": updated,
    }
    if state == _service.FAILED:
        job["Errors"] = [
            draw_error(draw, installed, type_, job["Details"], installed.error_codes)
            for _ in range(draw(_few))
        ]
    configured = installed.job.members.get("AssetConfiguration")
    exports = type_.startswith(_service.EXPORT_PREFIX)
    if configured is not None and configure is not None and not exports:
        job["AssetConfiguration"] = configure(configured)(draw, blanks)
    return job


def usual_blanks(type_: str) -> Blanks:
    """The ids and times of a job that nobody asks for."""
    return Blanks(
        region=_service.REGION,
        account_id=_service.ACCOUNT_ID,
        data_set_id=IDS[0],
        revision_id=IDS[1],
        asset_id=IDS[2],
        at=_USUAL,
        url_expires_at=_service.url_expires_at(type_, _USUAL, _USUAL),
    )


def draw_details(
    draw: DrawFn, installed: Model, type_: str, blanks: Blanks, state: str | None = None
) -> dict[str, Any]:
    """The ``Details`` of a job of this type; with a state, with a signed URL just where that has one."""
    name = installed.details_members.get(type_)
    if name is None:
        return {}
    shape = installed.details.members[name]
    own: dict[str, Any] = drawer(shape, name, name)(draw, blanks)
    urls = [url for url in _SIGNED_URL if url in shape.members]
    if state in _service.SIGNED_URL_REQUIRED.get(type_, ()):
        own |= {url: drawer(shape.members[url], url, name)(draw, blanks) for url in urls}
    elif state not in _service.SIGNED_URL_PERMITTED.get(type_, (state,)):
        own = {key: part for key, part in own.items() if key not in urls}
    return {name: own}


def draw_error(
    draw: DrawFn,
    installed: Model,
    type_: str,
    details: dict[str, Any],
    codes: tuple[str, ...],
) -> dict[str, Any]:
    """One of the ``Errors`` of a job of this type, with one of the codes, about what its details name."""
    texts = choices_of(installed.error.members["Message"], "Message")
    drawn = draw_each(draw, {"Code": _codes(installed, type_, codes), "Message": texts})
    code, limit = drawn["Code"]
    error = {"Code": code, "Message": drawn["Message"]}
    resources = [
        (kind, found)
        for kind, member in _service.RESOURCE_MEMBERS.items()
        for found in values_of(member, details)
    ]
    optional = ["ResourceType", "ResourceId"] if resources else []
    optional += ["LimitName", "LimitValue"] if limit is not None else []
    fitting = installed.error_details_member(type_)
    optional += ["Details"] if fitting is not None else []
    chosen = draw(subsets(tuple(optional))) if optional else ()
    if "ResourceType" in chosen or "ResourceId" in chosen:
        kind, resource = draw(st.sampled_from(resources))
        error |= {"ResourceType": kind, "ResourceId": resource}
    if "LimitName" in chosen or "LimitValue" in chosen:
        value = drawer(installed.error.members["LimitValue"], "LimitValue")
        error |= {"LimitName": limit, "LimitValue": value(draw, usual_blanks(type_))}
    if fitting is not None and "Details" in chosen:
        error["Details"] = {fitting: _about(draw, installed, fitting, *details.values())}
    return {name: part for name, part in error.items() if name in (*_ALWAYS, *chosen)}


def _about(draw: DrawFn, installed: Model, fitting: str, own: dict[str, Any]) -> Any:
    """What the details of an error say of the details of its job."""
    shape = installed.error_details.members[fitting]
    if shape.type_name == "list":
        return own["AssetSources"][: draw(st.sampled_from(range(1, len(own["AssetSources"]) + 1)))]
    return {name: own[name] for name in shape.members if name in own}


@functools.cache
def _one_of_each(
    installed: Model, types: tuple[str, ...], states: tuple[str, ...]
) -> SearchStrategy[tuple[str, str]]:
    ordered = simplest_first(installed, types)
    return st.sampled_from([(type_, state) for state in states for type_ in ordered])


@functools.cache
def simplest_first(installed: Model, types: tuple[str, ...]) -> tuple[str, ...]:
    """Those whose details need the fewest choices: that is what Hypothesis shrinks to."""

    def choices(type_: str) -> int:
        name = installed.details_members.get(type_)
        return 0 if name is None else fewest_choices(installed.details.members[name], name)

    return tuple(sorted(types, key=choices))


@functools.cache
def _codes(
    installed: Model, type_: str, codes: tuple[str, ...]
) -> tuple[tuple[str, str | None], ...]:
    """The codes, and with that of a quota each limit that a job of this type can meet."""
    names = enum_of(installed.error.members["LimitName"])
    limits = [name for name in names if type_ in _service.LIMIT_TYPES.get(name, (type_,))]
    by_code: dict[str, list[str]] = {_service.QUOTA_CODE: limits}
    return tuple((code, limit) for code in codes for limit in by_code.get(code) or (None,))


_ALWAYS: Final = ("Code", "Message")
_SIGNED_URL: Final = ("SignedUrl", "SignedUrlExpiresAt")
