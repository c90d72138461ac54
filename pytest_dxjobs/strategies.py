"""Hypothesis strategies for jobs, what becomes of them, and what goes wrong on the way.

    from pytest_dxjobs import strategies as dxst

They follow the habits of ``hypothesis.strategies``: each has a plural name and draws one value; options go
by name; a bad one raises ``InvalidArgument`` when a value is drawn. Values are made by construction, so that
nothing is filtered out, and shrink to the simplest job that a person would write.
"""

from __future__ import annotations

from collections.abc import Collection, Set
from typing import TYPE_CHECKING, Any, cast

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis.strategies import DrawFn, composite

from pytest_dxjobs._core.arguments import one_of, read
from pytest_dxjobs._core.constants import JOB_ERROR_CODES, JOB_STATES, JOB_TYPES
from pytest_dxjobs._core.errors import UsageError
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._strategies import (
    faults as _drawn_faults,
    from_model,
    histories as _drawn_histories,
    jobs as _drawn_jobs,
)
from pytest_dxjobs._strategies.shapes import Source
from pytest_dxjobs._strategies.values import JOB_IDS

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
    """Draw what ``get_job`` may answer: valid and coherent, as ``dx.find_problems`` judges it.

    Members that the service may leave out are there in some and absent in others, and texts hold what the
    service permits in them. ``dxjobs.add_job(job)`` takes any.

    Args:
        type: One of ``dx.JOB_TYPES``, or several; None is any that the installed botocore knows.
        state: One of ``dx.JOB_STATES``, or several; None is any.

    Raises:
        InvalidArgument: There is no such type or state, when a value is drawn.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    types = _chosen("jobs: type", type, model().types, JOB_TYPES)
    states = _chosen("jobs: state", state, model().states, JOB_STATES)
    return _drawn_jobs.draw_job(Source(draw), model(), types, states)


@composite
def job_errors(
    draw: DrawFn, *, type: OneOrSeveral = None, code: OneOrSeveral = None
) -> dict[str, Any]:
    """Draw one entry of a job's ``Errors``, as a job of the type has it.

    It names resources of a job that nobody sees: ``jobs(state="ERROR")`` draws errors that fit their job.

    Args:
        type: One of ``dx.JOB_TYPES``, or several; None is any.
        code: One of ``dx.JOB_ERROR_CODES``, or several; None is any.

    Raises:
        InvalidArgument: There is no such type or code, when a value is drawn.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    installed = model()
    types = _chosen("job_errors: type", type, installed.types, JOB_TYPES)
    codes = _chosen("job_errors: code", code, installed.error_codes, JOB_ERROR_CODES)
    source = Source(draw)
    type_ = source.one_of(types)
    context = _drawn_jobs.default_context(type_)
    about = _drawn_jobs.draw_details(source.apart(), installed, type_, context)
    return _drawn_jobs.draw_error(source, installed, type_, about, codes)


def job_ids() -> st.SearchStrategy[str]:
    """Draw an id that the service permits: 32 lowercase hex digits, as it makes them, or 30 to 40 letters and digits.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return JOB_IDS


@composite
def details(draw: DrawFn, type: OneOrSeveral = None) -> dict[str, Any]:
    """Draw the ``Details`` of a job: a dict with the one member that belongs to its type.

    Args:
        type: One of ``dx.JOB_TYPES``, or several; None is any.

    Raises:
        InvalidArgument: There is no such type, when a value is drawn.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    types = _chosen("details: type", type, model().types, JOB_TYPES)
    source = Source(draw)
    type_ = source.one_of(types)
    return _drawn_jobs.draw_details(source, model(), type_, _drawn_jobs.default_context(type_))


@composite
def histories(draw: DrawFn, *, type: OneOrSeveral = None, outcome: OneOrSeveral = None) -> History:
    """Draw how a job moves, such as ``dx.completes(polls=3)``, for ``add_job``, ``next_job`` and ``default_history``.

    Its repr is what a test would write.

    Args:
        type: One of ``dx.JOB_TYPES``, or several; None is any. It is checked, and changes nothing: the errors of a
            history fit whichever job it is given to.
        outcome: The state in which it stays, one of ``dx.JOB_STATES``, or several. None is any end state.

    Raises:
        InvalidArgument: There is no such type or state, when a value is drawn.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    _chosen("histories: type", type, model().types, JOB_TYPES)
    ends = _drawn_histories.ENDS if outcome is None else outcome
    outcomes = _chosen("histories: outcome", ends, JOB_STATES, JOB_STATES)
    return _drawn_histories.draw_history(draw, model(), draw(st.sampled_from(outcomes)))


def faults() -> st.SearchStrategy[Fault]:
    """Draw what goes wrong with a request, such as ``faults.throttling()``, for ``inject``."""
    return _drawn_faults.FAULTS


def fault_schedules() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw what goes wrong when: a list of what to give to ``inject``, one dict for each fault.

    ``for each in schedule: dxjobs.inject(**each)`` lays it down. ``after`` is the number of requests that pass
    before, counted from the first one, and ``requests`` is the number of requests that fail so.
    """
    return _drawn_faults.SCHEDULES


def model_responses() -> st.SearchStrategy[dict[str, Any]]:
    """Draw anything that the API model permits as an answer of ``get_job``: members absent, lists empty.

    Much of it the service would never send; ``dxjobs.add_job(response, check=False)`` takes it.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return cast("st.SearchStrategy[dict[str, Any]]", from_model.values(model().job))


@composite
def future_responses(draw: DrawFn) -> dict[str, Any]:
    """Draw what a later service may answer: a job with an unknown state, type, error code or member.

    ``dxjobs.add_job(response, check=False)`` takes it. What botocore's parser does not know it leaves out.

    See https://docs.aws.amazon.com/data-exchange/latest/apireference/v1-jobs-jobid.html
    """
    return _drawn_jobs.draw_future(Source(draw), model())


def _chosen(
    place: str, given: object, known: tuple[str, ...], documented: tuple[str, ...]
) -> tuple[str, ...]:
    """The values to choose from."""
    if given is None:
        return known
    one = isinstance(given, str) or not isinstance(given, Collection)
    try:
        several = (given,) if one else read(place, given, tuple)
        chosen = [one_of(place, each, known, documented) for each in several]
    except UsageError as error:
        raise InvalidArgument(str(error)) from None
    if not chosen:
        raise InvalidArgument(f"{place}: {show(given)} is empty; there are {', '.join(documented)}")
    if isinstance(given, Set):  # the order of which differs from run to run
        chosen.sort()
    return tuple(chosen)
