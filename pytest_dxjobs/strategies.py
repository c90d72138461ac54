"""Hypothesis strategies for jobs, histories and faults.

    from pytest_dxjobs import strategies as dxst

They follow the conventions of ``hypothesis.strategies``. Each has a plural name and draws one value. An invalid
argument raises ``InvalidArgument`` when a value is drawn. Values are built by construction, not filtered, and shrink
to the simplest job that a person would write.

See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
"""

from __future__ import annotations

from collections.abc import Collection, Set
from typing import TYPE_CHECKING, Any, cast

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis.strategies import DrawFn, composite

from pytest_dxjobs._core.arguments import one_of
from pytest_dxjobs._core.constants import JOB_ERROR_CODES, JOB_STATES, JOB_TYPES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import choose_from, show
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._strategies.candidates import JOB_IDS
from pytest_dxjobs._strategies.faults import FAULTS, SCHEDULES
from pytest_dxjobs._strategies.generators import Source
from pytest_dxjobs._strategies.histories import ENDS, draw_history
from pytest_dxjobs._strategies.jobs import (
    default_context,
    draw_details,
    draw_error,
    draw_future_response,
    draw_job,
)
from pytest_dxjobs._strategies.model_responses import strategy_for

if TYPE_CHECKING:
    from pytest_dxjobs._jobs.histories import History
    from pytest_dxjobs._service.fault import Fault

OneOrSeveral = str | Collection[str] | None

__all__ = (
    "details",
    "fault_schedules",
    "faults",
    "future_responses",
    "histories",
    "job_errors",
    "job_ids",
    "jobs",
    "model_responses",
)


@composite
def jobs(draw: DrawFn, *, type: OneOrSeveral = None, state: OneOrSeveral = None) -> dict[str, Any]:
    """Draw a valid and coherent ``get_job`` response, in which ``dx.find_problems`` finds nothing.

    Optional members are present in some responses and absent in others. Texts include edge cases that the service
    permits. ``dxjobs.add_job(job)`` accepts every response.

    Args:
        type: One of ``dx.JOB_TYPES``, or several. None is any type that the installed botocore knows.
        state: One of ``dx.JOB_STATES``, or several. None is any.

    Raises:
        InvalidArgument: When a value is drawn, if a type or state is unknown.
    """
    types = _options("jobs: type", type, model().types, JOB_TYPES)
    states = _options("jobs: state", state, model().states, JOB_STATES)
    return draw_job(Source(draw), model(), types, states)


@composite
def job_errors(draw: DrawFn, *, type: OneOrSeveral = None, code: OneOrSeveral = None) -> dict[str, Any]:
    """Draw one entry of the ``Errors`` of a job.

    The resources that it names belong to no job. For errors that match their job, use ``jobs(state="ERROR")``.

    Args:
        type: The type of the job: one of ``dx.JOB_TYPES``, or several. None is any.
        code: One of ``dx.JOB_ERROR_CODES``, or several. None is any.

    Raises:
        InvalidArgument: When a value is drawn, if a type or code is unknown.
    """
    installed = model()
    types = _options("job_errors: type", type, installed.types, JOB_TYPES)
    codes = _options("job_errors: code", code, installed.error_codes, JOB_ERROR_CODES)
    source = Source(draw)
    type_ = source.one_of(types)
    context = default_context(type_)
    job_details = draw_details(source.fork(), installed, type_, context)
    return draw_error(source, installed, type_, job_details, codes)


def job_ids() -> st.SearchStrategy[str]:
    """Draw a valid job id: 32 lowercase hex digits, as the service generates it, or 30 to 40 letters and digits."""
    return JOB_IDS


@composite
def details(draw: DrawFn, type: OneOrSeveral = None) -> dict[str, Any]:
    """Draw the ``Details`` of a job: a dict with the one member for its type.

    Args:
        type: One of ``dx.JOB_TYPES``, or several. None is any.

    Raises:
        InvalidArgument: When a value is drawn, if a type is unknown.
    """
    types = _options("details: type", type, model().types, JOB_TYPES)
    source = Source(draw)
    type_ = source.one_of(types)
    return draw_details(source, model(), type_, default_context(type_))


@composite
def histories(draw: DrawFn, *, type: OneOrSeveral = None, outcome: OneOrSeveral = None) -> History:
    """Draw a history, such as ``dx.completes(polls=3)``, for ``add_job``, ``next_job`` or ``default_history``.

    Its repr is what a test would write.

    Args:
        type: One of ``dx.JOB_TYPES``, or several. None is any. It is validated and has no other effect: a history
            makes errors that match its job.
        outcome: The last state: one of ``dx.JOB_STATES``, or several. None is any end state.

    Raises:
        InvalidArgument: When a value is drawn, if a type or state is unknown.
    """
    _options("histories: type", type, model().types, JOB_TYPES)
    outcomes = _options("histories: outcome", outcome, ENDS, JOB_STATES)
    return draw_history(draw, model(), draw(st.sampled_from(outcomes)))


def faults() -> st.SearchStrategy[Fault]:
    """Draw a fault, such as ``faults.throttling()``, for ``inject``."""
    return FAULTS


def fault_schedules() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw a schedule of faults: a list of dicts with the arguments of ``inject``.

    ``for arguments in schedule: dxjobs.inject(**arguments)`` applies it. ``after`` is the number of requests before
    the fault, counted from the first request. ``requests`` is the number of requests that fail.
    """
    return SCHEDULES


def model_responses() -> st.SearchStrategy[dict[str, Any]]:
    """Draw any ``get_job`` response that the API model permits: members may be absent, lists empty.

    The service never sends many of them. Add one with ``dxjobs.add_job(response, check=False)``.
    """
    return cast("st.SearchStrategy[dict[str, Any]]", strategy_for(model().job))


@composite
def future_responses(draw: DrawFn) -> dict[str, Any]:
    """Draw a response of a future service: a job with an unknown state, type, error code or member.

    Add one with ``dxjobs.add_job(response, check=False)``. botocore's parser drops unknown members.
    """
    return draw_future_response(Source(draw), model())


def _options(place: str, given: object, known: tuple[str, ...], documented: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values to draw from; raise `InvalidArgument` if one is unknown."""
    if given is None:
        return known
    several = isinstance(given, Collection) and not isinstance(given, str)
    values: tuple[Any, ...] = tuple(cast("Collection[Any]", given)) if several else (given,)
    try:
        options = [one_of(place, value, known, documented) for value in values]
    except UsageError as error:
        raise InvalidArgument(str(error)) from None
    if not options:
        raise InvalidArgument(f"{place}: {show(given)} is empty{choose_from(given, documented)}")
    if isinstance(given, Set):  # its order varies from run to run
        options.sort()
    return tuple(options)
