"""What the service says of a job after it has moved to another state.

A response is adapted, not made anew: what the test set, and what a captured response holds, stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.constants import ABSENT
from pytest_dxjobs._core.messages import safe_str
from pytest_dxjobs._core.values import cleaned
from pytest_dxjobs._jobs.coherence import find_problems
from pytest_dxjobs._jobs.example_values import ExampleContext, example_builder
from pytest_dxjobs._jobs.histories import History
from pytest_dxjobs._jobs.job_errors import fitting_error
from pytest_dxjobs._model import documented

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from pytest_dxjobs._model.service_model import Model, Shape


def response_in_state(
    installed: Model,
    response: Mapping[str, Any],
    state: str,
    at: Any,
    history: History,
    deferred: Mapping[str, Any],
) -> dict[str, Any]:
    """The response for the job in another state, since a moment.

    Args:
        installed: The service model.
        response: The response so far; it may be one that was read back from its JSON.
        state: The state that the job is in now.
        at: Since when: a datetime.
        history: What its errors are, if it failed.
        deferred: Members that were given for the state in which the service has them, as ``set_aside`` says.
    """
    job = {name: part for name, part in response.items() if name != "Errors"}
    job.update(State=state, UpdatedAt=at)
    type_ = safe_str(response.get("Type"))
    permitted = documented.SIGNED_URL_PERMITTED.get(type_)
    own = details_of_type(installed, {**job, "Type": type_})
    if permitted is not None and own:
        urls = signed_url_members(installed, job, at)
        details = {name: part for name, part in own.items() if name not in urls}
        if state in permitted:
            details |= cleaned({name: deferred.get(name, part) for name, part in urls.items()})
        job["Details"] = {installed.details_members[type_]: details}
    if state == documented.FAILED:
        errors = _errors(installed, job, history, deferred)
        if errors is not ABSENT:
            job["Errors"] = errors
    return job


def _errors(
    installed: Model, job: Mapping[str, Any], history: History, deferred: Mapping[str, Any]
) -> Any:
    if isinstance(history.errors, tuple):
        return list(history.errors)
    if history.errors is ABSENT:
        return ABSENT
    if history.errors is None and "Errors" in deferred:
        return deferred["Errors"]
    code = {"code": history.errors} if isinstance(history.errors, str) else {}
    return [fitting_error(installed, safe_str(job.get("Type")), job.get("Details"), **code)]


def split_deferred(
    installed: Model, members: Mapping[str, Any], type_: str, history: History
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the members that belong to a state which the job will reach only later from the others."""
    first, *later = [stage.state for stage in history.stages]
    kept, deferred = dict(members), {}
    if first != documented.FAILED and documented.FAILED in later and "Errors" in kept:
        deferred["Errors"] = kept.pop("Errors")
    permitted = documented.SIGNED_URL_PERMITTED.get(type_, frozenset())
    own = details_of_type(installed, {**members, "Type": type_})
    if first not in permitted and permitted.intersection(later) and own:
        name = installed.details_members[type_]
        urls = _url_members(installed.details.members[name])
        deferred.update({url: own[url] for url in urls if url in own})
        kept["Details"] = {name: {part: own[part] for part in own if part not in urls}}
    return kept, {name: cleaned(part) for name, part in deferred.items()}


def find_history_problems(
    installed: Model, response: Mapping[str, Any], history: History, deferred: Mapping[str, Any]
) -> Iterator[str]:
    """What the service could not have sent in one of the states of the history, each problem once.

    The awkward forms of ``Errors`` that ``fails`` offers are meant, and no problem.
    """
    at = response.get("UpdatedAt")
    if history.errors in (ABSENT, ()):
        history = History(history.stages)
        if response.get("State") == documented.FAILED:
            response = response_in_state(installed, response, documented.FAILED, at, history, {})
    on_the_way = [
        response_in_state(installed, response, stage.state, at, history, deferred)
        for stage in history.stages[1:]
    ]
    yield from dict.fromkeys(
        problem for each in (response, *on_the_way) for problem in find_problems(each)
    )


def details_of_type(installed: Model, job: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``Details`` that belongs to the type; empty where a test has put something else."""
    details = job.get("Details")
    own = (
        details.get(installed.details_members.get(job["Type"]))
        if isinstance(details, dict)
        else None
    )
    return own if isinstance(own, dict) else {}


def signed_url_members(
    installed: Model, job: Mapping[str, Any], at: datetime.datetime
) -> dict[str, Any]:
    """The URLs that the service makes for a job, and when they expire."""
    _, _, _, region, account_id, *_ = [*safe_str(job.get("Arn")).split(":"), *_NOWHERE]
    context = ExampleContext(
        region, account_id, "", "", "", at, documented.url_expires_at(job["Type"], at, at)
    )
    shape = installed.details.members[installed.details_members[job["Type"]]]
    return {url: example_builder(shape.members[url], url)(context) for url in _url_members(shape)}


def _url_members(shape: Shape) -> list[str]:
    return [name for name in shape.members if name.endswith(("Url", "UrlExpiresAt"))]


_NOWHERE = ("", "", "", documented.REGION, documented.ACCOUNT_ID)
