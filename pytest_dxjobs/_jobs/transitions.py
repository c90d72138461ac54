"""Adapt a ``get_job`` response to another state of its history.

Only what depends on the state changes: ``State``, ``UpdatedAt``, ``Errors`` and signed URLs. All else
that the test or a captured response has set is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.constants import ABSENT
from pytest_dxjobs._core.values import without_absent
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
    """Return the response adapted to another state."""
    job = {name: part for name, part in response.items() if name != "Errors"}
    job.update(State=state, UpdatedAt=at)
    type_ = str(response.get("Type"))
    permitted = documented.SIGNED_URL_PERMITTED.get(type_)
    details = details_of_type(installed, {**job, "Type": type_})
    if permitted is not None and details:
        urls = signed_url_members(installed, job, at)
        details = {name: part for name, part in details.items() if name not in urls}
        if state in permitted:
            urls = {name: deferred.get(name, part) for name, part in urls.items()}
            details |= without_absent(urls)
        job["Details"] = {installed.details_members[type_]: details}
    if state == documented.FAILED:
        errors = _errors(installed, job, history, deferred)
        if errors is not ABSENT:
            job["Errors"] = errors
    return job


def _errors(installed: Model, job: Mapping[str, Any], history: History, deferred: Mapping[str, Any]) -> Any:
    errors = history.errors
    if isinstance(errors, tuple):
        return list(errors)
    if errors is ABSENT:
        return ABSENT
    if errors is None and "Errors" in deferred:
        return deferred["Errors"]
    return [fitting_error(installed, str(job.get("Type")), job.get("Details"), errors)]


def split_deferred(
    installed: Model, members: Mapping[str, Any], type_: str, history: History
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split members into those of the first state and those for later states (errors, signed URLs)."""
    first, *later = [stage.state for stage in history.stages]
    kept, deferred = dict(members), {}
    if first != documented.FAILED and documented.FAILED in later and "Errors" in kept:
        deferred["Errors"] = kept.pop("Errors")
    permitted = documented.SIGNED_URL_PERMITTED.get(type_, frozenset())
    details = details_of_type(installed, {**members, "Type": type_})
    if first not in permitted and permitted.intersection(later) and details:
        name = installed.details_members[type_]
        urls = _url_members(installed.details.members[name])
        deferred.update({url: details[url] for url in urls if url in details})
        kept["Details"] = {name: {part: details[part] for part in details if part not in urls}}
    return kept, {name: without_absent(part) for name, part in deferred.items()}


def find_history_problems(
    installed: Model, response: Mapping[str, Any], history: History, deferred: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what the service could not have sent in any state of the history, each problem once.

    Absent and empty ``Errors`` are no problem if ``fails`` was called with them.
    """
    at = response.get("UpdatedAt")
    if history.errors in (ABSENT, ()):
        history = History(history.stages)
        if response.get("State") == documented.FAILED:
            response = response_in_state(installed, response, documented.FAILED, at, history, {})
    later = [response_in_state(installed, response, stage.state, at, history, deferred) for stage in history.stages[1:]]
    yield from dict.fromkeys(problem for each in (response, *later) for problem in find_problems(each))


def details_of_type(installed: Model, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the member of ``Details`` that belongs to the job's type; empty if it is no dict."""
    all_details = job.get("Details")
    if not isinstance(all_details, dict):
        return {}
    details = all_details.get(installed.details_members.get(job["Type"]))
    return details if isinstance(details, dict) else {}


def signed_url_members(installed: Model, job: Mapping[str, Any], at: datetime.datetime) -> dict[str, Any]:
    """Return the URLs that the service generates for a job, and when they expire."""
    _, _, _, region, account_id, *_ = [*str(job.get("Arn")).split(":"), *_DEFAULT_ARN_PARTS]
    context = ExampleContext(region, account_id, "", "", "", at, documented.url_expires_at(job["Type"], at, at))
    shape = installed.details.members[installed.details_members[job["Type"]]]
    return {url: example_builder(shape.members[url], url)(context) for url in _url_members(shape)}


def _url_members(shape: Shape) -> list[str]:
    return [name for name in shape.members if name.endswith(("Url", "UrlExpiresAt"))]


_DEFAULT_ARN_PARTS = ("", "", "", documented.REGION, documented.ACCOUNT_ID)
