"""The job that a CreateJob request makes, if the service takes it: botocore looks at types and required members only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.ids import next_id
from pytest_dxjobs._core.refusals import Refused
from pytest_dxjobs._core.timeutils import in_milliseconds
from pytest_dxjobs._jobs.coherence import find_problems
from pytest_dxjobs._jobs.transitions import own_details, urls_of
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.validation import violations

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._model.service_model import Model, Shape


def created_or_refused(
    installed: Model,
    params: Mapping[str, Any],
    region: str,
    account_id: str,
    moment: datetime.datetime,
) -> dict[str, Any]:
    """The job that CreateJob makes: WAITING, with the details of the request.

    Raises:
        Refused: The service would not take the request, or the job could not be.
    """
    if problems := _problems(installed, params):
        raise Refused("ValidationException", "; ".join(problems))
    identifier, type_ = next_id(), params["Type"]
    at = in_milliseconds(moment)
    response = {
        "Arn": documented.job_arn(identifier, region, account_id),
        "CreatedAt": at,
        "Details": _known(installed.details, params["Details"]),
        "Id": identifier,
        "State": "WAITING",
        "Type": type_,
        "UpdatedAt": at,
    }
    if "AssetConfiguration" in params:
        response["AssetConfiguration"] = params["AssetConfiguration"]
    own = own_details(installed, response)
    if own and documented.may_have_signed_url(type_, "WAITING"):
        own.update(urls_of(installed, response, at))
    if problems := find_problems(response):
        raise Refused("ValidationException", "; ".join(problems))
    return response


def _known(shape: Shape, value: Any) -> Any:
    """What the response can say of what the request said."""
    if shape.type_name == "structure":
        return {
            name: _known(shape.members[name], part)
            for name, part in value.items()
            if name in shape.members
        }
    if shape.type_name == "list":
        return [_known(shape.member, element) for element in value]
    return value


def _problems(installed: Model, params: Mapping[str, Any]) -> list[str]:
    """What the service would refuse, as ``path: what is wrong``, once for each place."""
    shape = installed.operation("CreateJob").input_shape
    found = list(violations(shape, params, ""))
    type_, details = params.get("Type"), params.get("Details")
    if isinstance(type_, str) and isinstance(details, dict):  # a client may be told not to validate
        found += [*_type_and_details(installed, type_, details), *_too_many(details)]
    by_place = {problem.partition(": ")[0]: problem for problem in reversed(found)}
    return list(reversed(by_place.values()))


def _type_and_details(installed: Model, type_: str, details: Mapping[str, Any]) -> Iterator[str]:
    wanted = installed.details_members.get(type_)
    if len(details) != 1:
        given = ", ".join(details) or "none"
        yield f"Details: exactly one member is needed, {wanted} for the Type {type_}, and not {given}"
    elif wanted is not None and wanted not in details:
        yield f"Details.{next(iter(details))}: does not fit the Type {type_}, which needs {wanted}"


def _too_many(details: Mapping[str, Any]) -> Iterator[str]:
    for (name, member), most in documented.MOST_ENTRIES.items():
        entries = len(details.get(name, {}).get(member, ()))
        if entries > most:
            yield f"Details.{name}.{member}: {entries} entries, and the most for one job is {most}"
