"""The job that a CreateJob request makes, if the service takes it: botocore looks at types and required members only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.arguments import read, refuse, text
from pytest_dxjobs._core.errors import ServiceRefusal, UsageError
from pytest_dxjobs._core.ids import next_id
from pytest_dxjobs._core.messages import safe_str, show
from pytest_dxjobs._core.timeutils import now, truncate_to_milliseconds
from pytest_dxjobs._core.values import is_aware, members_of
from pytest_dxjobs._jobs.coherence import find_problems
from pytest_dxjobs._jobs.factory import build_job
from pytest_dxjobs._jobs.histories import History, Stage
from pytest_dxjobs._jobs.transitions import (
    details_of_type,
    find_history_problems,
    response_in_state,
    signed_url_members,
    split_deferred,
)
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.documented import FAILED
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._model.validation import violations

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._model.service_model import Model, Shape


def job_from_request(
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
        raise ServiceRefusal("ValidationException", "; ".join(problems))
    identifier, type_ = next_id(), params["Type"]
    at = truncate_to_milliseconds(moment)
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
    own = details_of_type(installed, response)
    if own and documented.may_have_signed_url(type_, "WAITING"):
        own.update(signed_url_members(installed, response, at))
    if problems := find_problems(response):
        raise ServiceRefusal("ValidationException", "; ".join(problems))
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


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is about to enter the fake: its response now, its history, what it will have later."""

    response: dict[str, Any]
    history: History
    deferred: Mapping[str, Any]
    is_generated: bool = (
        False  # nothing in it comes from the test, so that there is nothing to check
    )

    def check(self) -> None:
        """Refuse it if the service could not send it in one of its states."""
        if not self.is_generated:
            refuse(
                "add_job: the service could not have sent this response "
                "(add_job(..., check=False) takes it as it is):",
                find_history_problems(model(), self.response, self.history, self.deferred),
            )


def job_of_type(
    type_: object, history: History, members: Mapping[str, object], region: str, account_id: str
) -> NewJob:
    """A job of a type, with some members given."""
    if not isinstance(type_, str):
        raise UsageError(
            f"add_job: a type or a response comes first, and then a history, not {show(type_)}"
        )
    type_, members = text("add_job: type", type_), read("add_job", members)
    for name in members:
        if name.lower() in ("state", "type", "history"):
            raise UsageError(
                f"add_job: {name} is no member to give by name: type and history come first, "
                "without their names, as in add_job(type, dx.stays(state))"
            )
    if history.errors is not None and "Errors" in members:
        raise UsageError("add_job: the errors are given twice, by the history and as Errors")
    installed = model()
    state = history.stages[0].state
    kept, deferred = split_deferred(installed, members, type_, history)
    response = build_job("add_job", type_, state, kept, region, account_id)
    if state == FAILED and history.errors is not None:
        response = response_in_state(
            installed, response, state, response["UpdatedAt"], history, deferred
        )
    is_generated = not members and not isinstance(history.errors, tuple)
    return NewJob(response, history, deferred, is_generated)


def job_from_response(
    given: Mapping[str, Any], history: History | None, members: Mapping[str, object]
) -> NewJob:
    """A job as a response describes it."""
    if members:
        raise UsageError(
            f"add_job: {', '.join(members)}: members go into the response itself, "
            "as in add_job(dx.make_job(type, state, **members))"
        )
    # What botocore adds to a captured response is no part of the job.
    response = members_of(read("add_job", given))
    state = response.get("State")
    if history is None:
        own = state if isinstance(state, str) else ""
        return NewJob(response, History((Stage(own),), written=f"dx.stays({own!r})"), {})
    installed = model()
    kept, deferred = split_deferred(installed, response, safe_str(response.get("Type")), history)
    first = history.stages[0].state
    if first == state and history.errors is None:
        return NewJob(kept, history, deferred)
    at = truncate_to_milliseconds(now())
    created: Any = response.get("CreatedAt")
    if is_aware(created):
        at = max(at, created)
    return NewJob(
        response_in_state(installed, kept, first, at, history, deferred), history, deferred
    )
