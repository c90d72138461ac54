"""With bad input a call works or raises ``UsageError`` that names the argument, and the fake works afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from types import MappingProxyType
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from clients import client_for
from draws import draw_examples
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.errors import InvalidArgument
from string_enums import member

import pytest_dxjobs as dx
from pytest_dxjobs import faults, strategies as dxst
from pytest_dxjobs._plugin.options import OPTIONS, clock_for, fake_for
from pytest_dxjobs._plugin.scenario_selection import scenarios_for


async def coroutine_function(*_: object) -> Any:
    """A function that returns no plain value."""


TEXTS = (
    *dx.JOB_STATES,
    *dx.JOB_TYPES[:2],
    *dx.JOB_ERROR_CODES[:2],
    *("get_job", "create_job", "GetJob", "us-east-1", "0" * 12, "0" * 32, "2024-01-01", "raises"),
)
KNOWN: list[Any] = [
    *(*TEXTS, *map(member, TEXTS)),
    *(MappingProxyType({}), coroutine_function),
    *(dx.ABSENT, dx.ALWAYS, dx.completes(), dx.polls(2), dx.make_job(), dx.make_error()),
    *(faults.throttling(), datetime.date.max, datetime.date.min, datetime.timedelta.max),
    *(10**400, -1, math.nan, math.inf, object, print, lambda *_: 1, ..., NotImplemented),
    *(lambda *_: {}, ValueError("example"), KeyboardInterrupt, b"", range(3), iter(()), 1j),
]
plain_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(KNOWN)
any_values = plain_values | st.recursive(
    plain_values,
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


def draw_arguments(data: st.DataObject, call: Callable[..., Any]) -> tuple[list[Any], dict[str, Any]]:
    """Draw a value for each parameter; those with a default may have none."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for each in inspect.signature(call).parameters.values():
        if each.kind is each.VAR_KEYWORD:
            names = st.lists(st.sampled_from(MEMBERS), max_size=2)
            named |= {name: data.draw(any_values) for name in data.draw(names) if name not in named}
        elif each.kind is each.VAR_POSITIONAL:
            positional += data.draw(st.lists(any_values, max_size=3))
        elif each.kind is each.POSITIONAL_ONLY:
            if each.default is not each.empty and not data.draw(st.booleans()):
                break
            positional.append(data.draw(any_values))
        elif each.default is each.empty or data.draw(st.booleans()):
            named[each.name] = data.draw(any_values)
    return positional, named


def functions(module: Any, names: Sequence[str]) -> list[Any]:
    found = [(name, getattr(module, name)) for name in names]
    return [pytest.param(each, id=name) for name, each in found if inspect.isfunction(each)]


def public_methods(kind: type) -> list[str]:
    return [
        name
        for name, each in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and name not in ("activate", "deactivate")
    ]


VALID: dict[str, Any] = {
    "about": "An example.",
    "fault": faults.throttling(),
    "history": dx.completes(),
    "method": "get_job",
    "name": "mine",
    "service_response": {},
    "state": "ERROR",
    "type": "EXPORT_ASSETS_TO_S3",
}


def bad_arguments(call: Callable[..., Any]) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Yield calls in which one argument is one of ``KNOWN`` and the others are valid."""
    parameters = inspect.signature(call).parameters.values()
    candidates = [each for each in parameters if each.kind is not each.VAR_KEYWORD]
    for bad in candidates:
        needed = [each for each in candidates if each is bad or each.default is each.empty]
        for value in KNOWN:
            positional: list[Any] = []
            named: dict[str, Any] = {}
            for each in needed:
                argument = value if each is bad else VALID.get(each.name)
                if each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL):
                    positional.append(argument)
                else:
                    named[each.name] = argument
            yield positional, named


bad_input = settings(max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow])
CLIENT = client_for()


@contextlib.contextmanager
def only_usage_errors(call: Callable[..., Any]) -> Iterator[None]:
    """Permit a ``UsageError`` that starts with the name of the call or of an argument, and what an assertion raises."""
    name = message = call.__name__
    asserts = (AssertionError,) if name.startswith(("assert_", "check")) else ()
    try:
        yield
    except asserts:
        pass
    except dx.UsageError as error:
        message = str(error).removeprefix("faults.")
    assert message.startswith((name, *inspect.signature(call).parameters)), message


CALLS = [
    *functions(dx, dx.__all__),
    *functions(faults, faults.__all__),
    *(dx.FakeDataExchange, dx.VirtualClock, dx.Fault, dx.Scenario),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_function_with_one_bad_argument(call: Callable[..., Any]) -> None:
    for positional, named in bad_arguments(call):
        with only_usage_errors(call):
            call(*positional, **named)


METHODS = [*public_methods(dx.FakeDataExchange), "become", "default_history"]


def method(name: str, fake: dx.FakeDataExchange) -> Callable[..., Any]:
    """Return a method of the fake or of a job in it; ``default_history`` is an attribute to set."""

    def default_history(history: Any) -> None:
        fake.default_history = history

    if name == "default_history":
        return default_history
    job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
    call: Callable[..., Any] = getattr(job if name == "become" else fake, name)
    return call


@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_the_fake_with_one_bad_argument(name: str) -> None:
    with dx.FakeDataExchange(strict=False) as fake:
        call = method(name, fake)
        for positional, named in bad_arguments(call):
            with only_usage_errors(call):
                call(*positional, **named)


def hide_arguments(make: Callable[..., Any], positional: list[Any], named: dict[str, Any]) -> Any:
    """Return the strategy within another one, so that Hypothesis does not show its arguments."""
    return st.none().flatmap(lambda _: make(*positional, **named))


@pytest.mark.parametrize("make", functions(dxst, dxst.__all__))
def test_a_strategy_with_one_bad_argument(make: Callable[..., Any]) -> None:
    for positional, named in bad_arguments(make):
        with contextlib.suppress(InvalidArgument):
            draw_examples(hide_arguments(make, positional, named), 1)


@pytest.mark.parametrize("part", [each.name for each in dataclasses.fields(dx.Fault)])
def test_a_fault_with_one_bad_field_is_refused_or_sent(part: str) -> None:
    for value in KNOWN:
        with dx.FakeDataExchange(strict=False) as fake:
            with only_usage_errors(dx.Fault if part == "kind" else faults.garbled):
                fake.inject(dataclasses.replace(faults.garbled(), **{part: value}))
            with contextlib.suppress(BotoCoreError, ClientError):
                CLIENT.get_job(JobId=fake.add_job().id)
            assert len(fake.calls) == len(fake.jobs) == 1


@pytest.mark.parametrize("use", ["add_job", "next_job", "default_history"])
def test_a_history_made_by_its_class_raises_usage_error(use: str) -> None:
    fake = dx.FakeDataExchange()
    before = ["EXPORT_ASSETS_TO_S3"] if use == "add_job" else []
    for value in KNOWN:
        with pytest.raises(dx.UsageError, match=rf"^{use}: a history is needed, not dx.History"):
            method(use, fake)(*before, dx.History(value))


class MarkedItem:
    """A pytest item with one marker."""

    def __init__(self, node: pytest.Item, mark: pytest.Mark) -> None:
        self.config, self.ihook, self.obj = (
            node.config,
            node.ihook,
            test_a_bad_marker_option_is_named,
        )
        self._mark = mark

    def iter_markers(self, _: str) -> list[pytest.Mark]:
        return [self._mark]


@pytest.mark.parametrize("option", [*OPTIONS, "options"])
def test_a_bad_marker_option_is_named(request: pytest.FixtureRequest, option: str) -> None:
    for value in KNOWN:
        options = {option: value} if option in OPTIONS else {}
        mark = pytest.mark.dxjobs.with_args(*[value] * (not options), **options).mark
        test: Any = MarkedItem(request.node, mark)
        message = f"UsageError: @pytest.mark.dxjobs: {option}: "
        try:
            fake_for(test, {})
            with clock_for(test):
                scenarios_for(test)
        except pytest.fail.Exception as failure:
            message = str(failure)
        assert message.startswith(f"UsageError: @pytest.mark.dxjobs: {option.partition(' ')[0]}")


@pytest.mark.parametrize("call", CALLS)
@given(data=st.data())
@bad_input
def test_a_function_with_random_arguments(call: Callable[..., Any], data: st.DataObject) -> None:
    positional, named = draw_arguments(data, call)
    with only_usage_errors(call):
        call(*positional, **named)


@pytest.mark.parametrize("name", METHODS)
@given(data=st.data())
@bad_input
def test_the_fake_works_after_a_method_with_random_arguments(name: str, data: st.DataObject) -> None:
    with dx.FakeDataExchange(strict=False) as fake:
        call = method(name, fake)
        positional, named = draw_arguments(data, call)
        with only_usage_errors(call):
            call(*positional, **named)
        fake.reset()
        fake.default_history = dx.completes()
        job = fake.add_job("EXPORT_ASSETS_TO_S3")
        assert CLIENT.get_job(JobId=job.id)["State"] == "COMPLETED"


@pytest.mark.parametrize("name", public_methods(dx.VirtualClock))
@given(data=st.data())
@bad_input
def test_the_clock_works_after_a_method_with_random_arguments(name: str, data: st.DataObject) -> None:
    with dx.VirtualClock() as clock:
        call = getattr(clock, name)
        positional, named = draw_arguments(data, call)
        with only_usage_errors(call):
            call(*positional, **named)
        clock.move_to("2025-01-01")
        clock.tick()
        assert clock.now.second == 1


@pytest.mark.parametrize("name", public_methods(dx.Scenario))
@given(data=st.data())
@bad_input
def test_a_method_of_a_scenario_with_random_arguments(name: str, data: st.DataObject) -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        call = getattr(dx.Scenario("mine", "Mine.")._bind(fake, clock), name)
        positional, named = draw_arguments(data, call)
        with only_usage_errors(call):
            call(*positional, **named)


@pytest.mark.parametrize("make", functions(dxst, dxst.__all__))
@given(data=st.data())
@bad_input
def test_a_strategy_with_random_arguments(make: Callable[..., Any], data: st.DataObject) -> None:
    positional, named = draw_arguments(data, make)
    with contextlib.suppress(InvalidArgument):
        data.draw(make(*positional, **named))
