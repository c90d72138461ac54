"""Whatever is given: a call works or says in its own words what is wrong, and the fake works on."""

from __future__ import annotations

import contextlib
import datetime
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from clients import client_for
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.errors import InvalidArgument

import pytest_dxjobs as dx
from pytest_dxjobs import faults, strategies as dxst


class Sullen:
    """Compares with nothing, is neither true nor false, shows nothing, and is no key."""

    def refuse(self, *_: object) -> Any:
        raise RuntimeError("compared, judged or shown")

    __eq__ = __bool__ = __repr__ = refuse
    __hash__ = None  # type: ignore[assignment]


KNOWN: list[Any] = [
    *dx.JOB_STATES,
    *dx.JOB_TYPES[:2],
    *dx.JOB_ERROR_CODES[:2],
    *("get_job", "create_job", "GetJob", "us-east-1", "0" * 12, "0" * 32, "2024-01-01", "raises"),
    *(dx.ABSENT, dx.ALWAYS, dx.completes(), dx.polls(2), dx.make_job(), dx.make_error()),
    *(faults.throttling(), datetime.date.max, datetime.date.min, datetime.timedelta.max),
    *(10**400, -1, math.nan, math.inf, object, print, lambda *_: 1, ..., NotImplemented),
    *(lambda *_: {}, ValueError("example"), KeyboardInterrupt, b"", range(3), iter(()), 1j),
]
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(KNOWN)
anything = plain | st.recursive(
    plain,
    lambda each: (
        st.lists(each, max_size=3)
        | st.tuples(each, each)
        | st.dictionaries(
            st.text(max_size=3) | st.sampled_from(["State", "Errors", "Id", "Details"]),
            each,
            max_size=3,
        )
    ),
    max_leaves=6,
)
MEMBERS = ("State", "Errors", "Id", "Details", "CreatedAt", "Message", "Nonsense")


def arguments(data: st.DataObject, call: Callable[..., Any]) -> tuple[list[Any], dict[str, Any]]:
    """Something for each parameter, or nothing where it has a default."""
    given_: list[Any] = []
    named: dict[str, Any] = {}
    for each in inspect.signature(call).parameters.values():
        if each.kind is each.VAR_KEYWORD:
            names = st.lists(st.sampled_from(MEMBERS), max_size=2)
            named |= {name: data.draw(anything) for name in data.draw(names) if name not in named}
        elif each.kind is each.VAR_POSITIONAL:
            given_ += data.draw(st.lists(anything, max_size=3))
        elif each.kind is each.POSITIONAL_ONLY:
            if each.default is not each.empty and not data.draw(st.booleans()):
                break
            given_.append(data.draw(anything))
        elif each.default is each.empty or data.draw(st.booleans()):
            named[each.name] = data.draw(anything)
    return given_, named


def functions(module: Any, names: Sequence[str]) -> list[Any]:
    found = [(name, getattr(module, name)) for name in names]
    return [pytest.param(each, id=name) for name, each in found if inspect.isfunction(each)]


def public(kind: type) -> list[str]:
    return [
        name
        for name, each in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and name not in ("activate", "deactivate")
    ]


GOOD: dict[str, Any] = {
    "about": "An example.",
    "fault": faults.throttling(),
    "history": dx.completes(),
    "method": "get_job",
    "name": "mine",
    "service_response": {},
    "state": "ERROR",
    "type": "EXPORT_ASSETS_TO_S3",
}


def one_at_a_time(call: Callable[..., Any]) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Each of the values for each parameter, beside what is good for the others."""
    parameters = inspect.signature(call).parameters.values()
    named_ones = [each for each in parameters if each.kind is not each.VAR_KEYWORD]
    for bad in named_ones:
        needed = [each for each in named_ones if each is bad or each.default is each.empty]
        for value in (*KNOWN, Sullen(), [Sullen()], {"State": Sullen()}):
            given_: list[Any] = []
            named: dict[str, Any] = {}
            for each in needed:
                argument = value if each is bad else GOOD.get(each.name)
                if each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL):
                    given_.append(argument)
                else:
                    named[each.name] = argument
            yield given_, named


hostile = settings(max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow])
CLIENT = client_for()


@contextlib.contextmanager
def permitted(call: Callable[..., Any]) -> Iterator[None]:
    """What a call may raise: its own error, which begins with its name or the argument's, and what it asserts."""
    name = told = call.__name__
    asserts = (AssertionError,) if name.startswith(("assert_", "check")) else ()
    try:
        yield
    except asserts:
        pass
    except dx.UsageError as error:
        told = str(error).removeprefix("faults.")
    assert told.startswith((name, *inspect.signature(call).parameters)), told


CALLS = [
    *functions(dx, dx.__all__),
    *functions(faults, faults.__all__),
    *(dx.FakeDataExchange, dx.VirtualClock),
]


@pytest.mark.parametrize("call", CALLS)
def test_functions_with_one_bad_argument(call: Callable[..., Any]) -> None:
    for given_, named in one_at_a_time(call):
        with permitted(call):
            call(*given_, **named)


METHODS = [*public(dx.FakeDataExchange), "become", "default_history"]


def method(name: str, fake: dx.FakeDataExchange) -> Callable[..., Any]:
    """A method of the fake, or of a job in it; that an attribute is set is taken for one."""

    def default_history(history: Any) -> None:
        fake.default_history = history

    if name == "default_history":
        return default_history
    job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    call: Callable[..., Any] = getattr(job if name == "become" else fake, name)
    return call


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_the_fake_with_one_bad_argument(name: str) -> None:
    with dx.FakeDataExchange(strict=False) as fake:
        call = method(name, fake)
        for given_, named in one_at_a_time(call):
            with permitted(call):
                call(*given_, **named)


@pytest.mark.parametrize("make", functions(dxst, dxst.__all__))
def test_strategies_with_one_bad_argument(make: Callable[..., Any]) -> None:
    for given_, named in one_at_a_time(make):
        with contextlib.suppress(InvalidArgument):
            make(*given_, **named).validate()


@pytest.mark.parametrize("call", CALLS)
@given(data=st.data())
@hostile
def test_functions(call: Callable[..., Any], data: st.DataObject) -> None:
    given_, named = arguments(data, call)
    with permitted(call):
        call(*given_, **named)


@given(data=st.data())
@hostile
def test_scenarios(data: st.DataObject) -> None:
    _, named = arguments(data, dx.Scenario)
    with permitted(dx.Scenario):
        dx.Scenario(**{name: value for name, value in named.items() if name != "_scene"})


@pytest.mark.parametrize("name", METHODS)
@given(data=st.data())
@hostile
def test_methods_of_the_fake_which_works_on(name: str, data: st.DataObject) -> None:
    with dx.FakeDataExchange(strict=False) as fake:
        call = method(name, fake)
        given_, named = arguments(data, call)
        with permitted(call):
            call(*given_, **named)
        fake.reset()
        fake.default_history = dx.completes()
        job = fake.add_job("EXPORT_ASSETS_TO_S3")
        assert CLIENT.get_job(JobId=job.id)["State"] == "COMPLETED"


@pytest.mark.parametrize("name", public(dx.VirtualClock))
@given(data=st.data())
@hostile
def test_methods_of_the_clock_which_works_on(name: str, data: st.DataObject) -> None:
    with dx.VirtualClock() as clock:
        call = getattr(clock, name)
        given_, named = arguments(data, call)
        with permitted(call):
            call(*given_, **named)
        clock.move_to("2025-01-01")
        clock.tick()
        assert clock.now.second == 1


@pytest.mark.parametrize("name", public(dx.Scenario))
@given(data=st.data())
@hostile
def test_methods_of_a_scenario(name: str, data: st.DataObject) -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        call = getattr(dx.Scenario("mine", "Mine.")._staged(fake, clock), name)
        given_, named = arguments(data, call)
        with permitted(call):
            call(*given_, **named)


@pytest.mark.parametrize("make", functions(dxst, dxst.__all__))
@given(data=st.data())
@hostile
def test_strategies(make: Callable[..., Any], data: st.DataObject) -> None:
    given_, named = arguments(data, make)
    with contextlib.suppress(InvalidArgument):
        data.draw(make(*given_, **named))
