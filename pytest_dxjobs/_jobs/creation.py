"""Build new jobs: those that a test adds with ``add_job``, and those of CreateJob requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.arguments import raise_problems, text
from pytest_dxjobs._core.errors import ServiceRefusal, UsageError
from pytest_dxjobs._core.ids import next_id
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.timeutils import now, truncate_to_milliseconds
from pytest_dxjobs._core.values import is_aware, plain_copy, without_metadata
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
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._model.validation import violations

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._model.service_model import Model, Shape


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job before it is added to the fake: its first response, its history, members for later states."""

    response: dict[str, Any]
    history: History
    deferred: Mapping[str, Any]
    is_generated: bool = False  # no member comes from the test, so there is nothing to check

    def check(self) -> None:
        """Raise ``UsageError`` if the service could not send the job in one of its states."""
        if not self.is_generated:
            raise_problems(
                "add_job: the service could not have sent this response (add_job(..., check=False) accepts it):",
                find_history_problems(model(), self.response, self.history, self.deferred),
            )


def job_from_type(
    type_: object, history: History, members: Mapping[str, object], region: str, account_id: str
) -> NewJob:
    """Build the job that ``add_job(type, history, **members)`` adds."""
    if not isinstance(type_, str):
        raise UsageError(
            f"add_job: the first argument is a job type or a response, not {show(type_)}; the second is a history"
        )
    type_, members = text("add_job: type", type_), plain_copy(members)
    for name in members:
        if name.lower() in ("state", "type", "history"):
            raise UsageError(
                f"add_job: {name} cannot be passed by name; type and history are the first two arguments, "
                "as in add_job(type, dx.stays(state))"
            )
    if history.errors is not None and "Errors" in members:
        raise UsageError("add_job: errors are given twice, by the history and as Errors; keep one")
    installed = model()
    state = history.stages[0].state
    kept, deferred = split_deferred(installed, members, type_, history)
    response = build_job("add_job", type_, state, kept, region, account_id)
    if state == documented.FAILED and history.errors is not None:
        response = response_in_state(installed, response, state, response["UpdatedAt"], history, deferred)
    is_generated = not members and not isinstance(history.errors, tuple)
    return NewJob(response, history, deferred, is_generated)


def job_from_response(given: Mapping[str, Any], history: History | None, members: Mapping[str, object]) -> NewJob:
    """Build the job that ``add_job(response, history)`` adds; without a history it stays in its state."""
    if members:
        raise UsageError(
            f"add_job: a response takes no other members, but {', '.join(members)} is given; "
            "put members into the response, as in add_job(dx.make_job(type, state, **members))"
        )
    response = without_metadata(plain_copy(given))
    state = response.get("State")
    if history is None:
        state = state if isinstance(state, str) else ""
        return NewJob(response, History((Stage(state),), written=f"dx.stays({state!r})"), {})
    installed = model()
    kept, deferred = split_deferred(installed, response, str(response.get("Type")), history)
    first = history.stages[0].state
    if first == state and history.errors is None:
        return NewJob(kept, history, deferred)
    at = truncate_to_milliseconds(now())
    created: Any = response.get("CreatedAt")
    if is_aware(created):
        at = max(at, created)
    return NewJob(response_in_state(installed, kept, first, at, history, deferred), history, deferred)


def job_from_request(
    installed: Model,
    params: Mapping[str, Any],
    region: str,
    account_id: str,
    at: datetime.datetime,
) -> dict[str, Any]:
    """Return the response for the WAITING job that a CreateJob request creates.

    Checks more than botocore, which checks only types and required members.

    Raises:
        ServiceRefusal: The service would reject the request, or could not send the job.
    """
    if problems := _request_problems(installed, params):
        raise ServiceRefusal("ValidationException", "; ".join(problems))
    identifier, type_ = next_id(), params["Type"]
    at = truncate_to_milliseconds(at)
    response = {
        "Arn": documented.job_arn(identifier, region, account_id),
        "CreatedAt": at,
        "Details": _response_members(installed.details, params["Details"]),
        "Id": identifier,
        "State": "WAITING",
        "Type": type_,
        "UpdatedAt": at,
    }
    if "AssetConfiguration" in params:
        response["AssetConfiguration"] = params["AssetConfiguration"]
    details = details_of_type(installed, response)
    if details and documented.may_have_signed_url(type_, "WAITING"):
        details.update(signed_url_members(installed, response, at))
    if problems := find_problems(response):
        raise ServiceRefusal("ValidationException", "; ".join(problems))
    return response


def _request_problems(installed: Model, params: Mapping[str, Any]) -> list[str]:
    """Return what the service would reject, as ``path: what is wrong``, once for each path."""
    shape = installed.new_job
    found = list(violations(shape, params, ""))
    type_, details = params.get("Type"), params.get("Details")
    if isinstance(type_, str) and isinstance(details, dict):  # a client may skip validation
        found += [*_details_problems(installed, type_, details), *_entry_problems(details)]
    by_path = {problem.partition(": ")[0]: problem for problem in reversed(found)}
    return list(reversed(by_path.values()))


def _details_problems(installed: Model, type_: str, details: Mapping[str, Any]) -> Iterator[str]:
    expected = installed.details_members.get(type_)
    if len(details) != 1:
        given = ", ".join(details) or "no member"
        yield f"Details: has {given}; exactly one is needed, {expected or 'the one'} for Type {type_}"
    elif expected is not None and expected not in details:
        yield f"Details.{next(iter(details))}: does not fit Type {type_}, which needs {expected}"


def _entry_problems(details: Mapping[str, Any]) -> Iterator[str]:
    for (name, member), most in documented.MAX_ENTRIES.items():
        entries = len(details.get(name, {}).get(member, ()))
        if entries > most:
            yield f"Details.{name}.{member}: {entries} entries; a job has at most {most}"


def _response_members(shape: Shape, value: Any) -> Any:
    """Return the request's value without the members that responses do not have."""
    if shape.type_name == "structure":
        return {
            name: _response_members(shape.members[name], part) for name, part in value.items() if name in shape.members
        }
    if shape.type_name == "list":
        return [_response_members(shape.member, element) for element in value]
    return value
