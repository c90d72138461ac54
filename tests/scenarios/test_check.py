"""``check`` and ``check_creating``: their arguments and the messages about mistakes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from created_jobs import create

import pytest_dxjobs as dx
from pytest_dxjobs import faults


@pytest.fixture
def running() -> Any:
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        yield dx.Scenario("mine", "Mine.")._bind(fake, clock)


async def later(_: object) -> Any:
    """A coroutine function, where a plain function is needed."""


def poll(fake: dx.FakeDataExchange) -> None:
    import boto3

    client = boto3.client("dataexchange", region_name="us-east-1")
    for job in fake.jobs:
        for _ in range(3):
            client.get_job(JobId=job.id)


def test_running_scenario_equals_the_plain_one(running: dx.Scenario) -> None:
    assert running == dx.Scenario("mine", "Mine.")


def test_second_check_raises(running: dx.Scenario) -> None:
    running.check(lambda _: poll(running.fake))
    with pytest.raises(dx.UsageError, match="check: this scenario has checked code already"):
        running.check(lambda _: poll(running.fake))
    with pytest.raises(dx.UsageError, match="check_creating: this scenario has checked code"):
        running.check_creating(print)


def test_unexpected_call_raises_although_the_code_swallows_it(running: dx.Scenario) -> None:
    import boto3

    client = boto3.client("dataexchange", region_name="us-east-1")

    def swallow(_: str) -> None:
        try:
            client.list_data_sets()
        except Exception as error:
            raise ValueError from error

    with pytest.raises(dx.UnexpectedCall, match="list_data_sets"):
        running.check(swallow)


def test_argument_that_is_not_a_function_raises(running: dx.Scenario) -> None:
    wrong: Any = "wait"
    with pytest.raises(dx.UsageError, match="check: the code must be a function, not 'wait'; pass"):
        running.check(wrong)
    with pytest.raises(dx.UsageError, match="check_creating: failed: a function is needed, not 'wait'"):
        running.check_creating(print, failed=wrong)
    with pytest.raises(dx.UsageError, match="check: failed: a function is needed, not the coroutine"):
        running.check(print, failed=later)


def test_exception_in_failed_raises_usage_error(running: dx.Scenario) -> None:
    with pytest.raises(dx.UsageError, match=r"failed raised TypeError: .* with the result of the code, 7"):
        running.check(lambda _: 7, failed=len)


def test_check_needs_code_with_one_argument(running: dx.Scenario) -> None:
    wrong: Any = lambda: None  # noqa: E731
    with pytest.raises(
        dx.UsageError,
        match="check: the code must be callable with one argument, the job id: too many",
    ):
        running.check(wrong)


def test_check_creating_needs_code_without_arguments(running: dx.Scenario) -> None:
    wrong: Any = lambda job_id: None  # noqa: E731
    with pytest.raises(dx.UsageError, match="check_creating: the code must be callable without arguments: missing"):
        running.check_creating(wrong)


@pytest.mark.parametrize("code", [None, 0])
def test_exit_code_that_means_success_is_reported(code: int | None) -> None:
    def exit_with_code(job_id: str) -> None:
        poll(fake)
        sys.exit(code)

    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        failing = dx.Scenario("mine", "Mine.", "raises", dx.fails("MALWARE_DETECTED"))
        with pytest.raises(AssertionError, match=r"it exited with SystemExit\(.*\), which means success"):
            failing._bind(fake, clock).check(exit_with_code)


def test_crash_is_reported_with_the_line_that_raised() -> None:
    def deep() -> None:
        raise KeyError("Errors")

    def fail(_: str) -> None:
        poll(fake)
        deep()

    line = deep.__code__.co_firstlineno + 1
    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        failing = dx.Scenario("mine", "Mine.", "raises", dx.fails("MALWARE_DETECTED"))
        with pytest.raises(AssertionError, match=rf"'Errors' \({Path(__file__).name}:{line}\)"):
            failing._bind(fake, clock).check(fail)


def test_timeline_shows_a_sleep_after_the_call_before_it() -> None:
    def wait(_: str) -> None:
        time.sleep(7)
        poll(fake)
        time.sleep(0.5)
        poll(fake)

    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        failing = dx.Scenario("mine", "Mine.", "raises", dx.fails("MALWARE_DETECTED"))
        with pytest.raises(AssertionError) as caught:
            failing._bind(fake, clock).check(wait)
    assert re.findall("then a sleep of (.*) s", str(caught.value)) == ["0.5"]


def test_without_polls_the_reason_is_the_refused_call() -> None:
    def start(job_id: str) -> None:
        import boto3

        client = boto3.client("dataexchange", region_name="us-east-1")
        with pytest.raises(client.exceptions.AccessDeniedException):
            client.start_job(JobId=job_id)
        raise ValueError("the export did not work")

    def refuse(fake: dx.FakeDataExchange) -> None:
        fake.inject(faults.access_denied(), operation="start_job")

    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        refused = dx.Scenario("mine", "Mine.", "raises", prepare=refuse, started=False)
        with pytest.raises(AssertionError, match=r"name the reason \('AccessDeniedException', .*\): ValueError"):
            refused._bind(fake, clock).check(start)


def test_code_without_a_readable_signature_is_called(running: dx.Scenario) -> None:
    with pytest.raises(AssertionError, match="it did not poll job"):
        running.check(type)


def test_generator_raises(running: dx.Scenario) -> None:
    with pytest.raises(dx.UsageError, match="check: the code returned a generator, so nothing ran"):
        running.check(lambda _: (each for each in range(3)))


def test_type_of_an_existing_job_cannot_change(running: dx.Scenario) -> None:
    assert running.job.type == "EXPORT_ASSETS_TO_S3"
    with pytest.raises(dx.UsageError, match=r"type: the job exists already, of type EXPORT_ASSETS_TO_S3"):
        running.check(print, type="IMPORT_ASSETS_FROM_S3")
    running.check(lambda _: poll(running.fake), type="EXPORT_ASSETS_TO_S3")


def test_default_history_with_check_creating_raises(running: dx.Scenario) -> None:
    running.fake.default_history = dx.times_out()
    with pytest.raises(dx.UsageError, match="check_creating: the scenario sets the histories of"):
        running.check_creating(print)


def test_coroutine_keeps_the_current_event_loop(running: dx.Scenario) -> None:
    tasks = []

    async def wait(_: str) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(1e6)))
        await asyncio.sleep(1)
        poll(running.fake)

    current = asyncio.new_event_loop()
    asyncio.set_event_loop(current)
    try:
        running.check(wait)
        assert asyncio.get_event_loop_policy().get_event_loop() is current
    finally:
        asyncio.set_event_loop(None)
        current.close()
    assert tasks[0].cancelled()


def test_type_sets_the_type_of_the_job(running: dx.Scenario) -> None:
    with pytest.raises(dx.UsageError, match=r"^check: type: 'EXPORT_ASSETS' is not valid.* mean"):
        running.check(print, type="EXPORT_ASSETS")
    running.check(lambda _: poll(running.fake), type="IMPORT_ASSETS_FROM_S3")
    assert running.job.type == "IMPORT_ASSETS_FROM_S3"


def test_pytest_fail_in_the_code_fails_the_test(running: dx.Scenario) -> None:
    with pytest.raises(pytest.fail.Exception, match="enough"):
        running.check(lambda _: pytest.fail("enough"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": 7}, "Scenario: name: a string is needed, not 7"),
        (
            {"expected": "return"},
            "Scenario 'mine': expected: 'return' is not valid.* Choose from returns, .*",
        ),
        ({"history": "ERROR"}, "Scenario 'mine': a history is needed, not 'ERROR'; use .*"),
        ({"max_polls": 0}, "Scenario 'mine': max_polls: a whole number from 1 is needed.*"),
        (
            {"only": "creating"},
            "Scenario 'mine': only: 'creating' is not valid; did you mean 'check_creating'.*",
        ),
        ({"prepare": 7}, "Scenario 'mine': prepare: a function is needed, not 7"),
        (
            {"unless": later},
            "'mine': unless: a function is needed, not the coroutine function later",
        ),
        (
            {"prepare": lambda: None},
            "Scenario 'mine': prepare must be callable with .*, the fake: too many",
        ),
        (
            {"answer": lambda: {"a": 1}},
            "Scenario 'mine': answer must be callable with one argument, a job: too many",
        ),
        ({"name": ""}, "Scenario: name: '' is empty"),
        ({"group": ""}, "Scenario 'mine': group: '' is empty"),
        ({"group": None}, "Scenario 'mine': group: a string is needed, not None"),
        (
            {"type": "EXPORT"},
            "Scenario 'mine': type: 'EXPORT' is not valid. Choose from IMPORT_ASSETS_FROM_S3, ",
        ),
        ({"started": "x"}, "Scenario 'mine': started: True or False is needed, not 'x'"),
    ],
)
def test_invalid_scenario_argument_raises(options: dict[str, Any], message: str) -> None:
    with pytest.raises(dx.UsageError, match=message):
        dx.Scenario(**{"name": "mine", "about": "Mine.", **options})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda job: job["Stat"], "KeyError: 'Stat'"),
        (lambda _: 7, "TypeError: .*"),
        (lambda job: {"At": {7}}, "TypeError: .*"),
    ],
)
def test_invalid_answer_raises(answer: Any, error: str) -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        running = dx.Scenario("mine", "Mine.", answer=answer)._bind(fake, clock)
        with pytest.raises(dx.UsageError, match=f"Scenario 'mine': answer made no .*: {error}"):
            running.check(lambda _: poll(fake))


@pytest.mark.parametrize("queue", [dx.FakeDataExchange.add_response, dx.FakeDataExchange.add_client_error])
def test_response_queued_by_prepare_precedes_generated_ones(
    client: Any, queue: Callable[[dx.FakeDataExchange, str], object]
) -> None:
    def export() -> None:
        with contextlib.suppress(ClientError):
            client.get_data_set(DataSetId="d" * 32)
        client.get_data_set(DataSetId="d" * 32)
        job_id = create(client)
        client.start_job(JobId=job_id)
        while client.get_job(JobId=job_id)["State"] != "COMPLETED":
            time.sleep(10)

    scenario = dx.Scenario("mine", "Mine.", prepare=lambda fake: queue(fake, "get_data_set"))
    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        scenario._bind(fake, clock).check_creating(export)
        fake.assert_no_pending_responses()


@pytest.mark.parametrize(("state", "polls"), [("SCANNING", 31), ("TIMED_OUT", 26)])
def test_report_of_an_endless_loop_names_the_state(client: Any, state: str, polls: int) -> None:
    def wait(job_id: str) -> None:
        while client.get_job(JobId=job_id)["State"] != "COMPLETED":
            time.sleep(10)

    scenario = dx.Scenario("mine", "Mine.", answer=lambda job: {**job, "State": state})
    with dx.VirtualClock() as clock, dx.FakeDataExchange(max_polls=30) as fake:
        running = scenario._bind(fake, clock)
        with pytest.raises(AssertionError, match=f"{polls} times .* reported {state}"):
            running.check(wait)


def test_exception_in_a_function_of_the_scenario_names_the_function() -> None:
    for name in "prepare", "unless":
        options: Any = {name: lambda fake: fake.inject(faults.throttling(), rate=20)}
        with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
            running = dx.Scenario("mine", "Mine.", **options)._bind(fake, clock)
            message = f"Scenario 'mine': {name} raised UsageError: inject: rate: a number from 0"
            with pytest.raises(dx.UsageError, match=message):
                running.check(lambda _: poll(fake))


def test_histories_set_before_check_creating_raise() -> None:
    for set_history in (
        lambda fake: setattr(fake, "default_history", dx.fails()),
        lambda fake: fake.next_job(dx.fails()),
    ):
        with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
            set_history(fake)
            with pytest.raises(dx.UsageError, match="remove default_history and next_job"):
                dx.Scenario("mine", "Mine.")._bind(fake, clock).check_creating(print)


def test_scenario_without_the_fixture_has_no_fake() -> None:
    with pytest.raises(dx.UsageError, match="'mine': fake is available only from the fixture dxjobs_"):
        dx.Scenario("mine", "Mine.").fake.add_job()


def test_check_in_a_running_event_loop_raises(running: dx.Scenario) -> None:
    async def test() -> None:
        with pytest.raises(dx.UsageError, match="plain function, not async"):
            running.check(lambda _: asyncio.sleep(1))

    asyncio.run(test())


def test_unless_must_return_a_string() -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        unless: Any = lambda _: 5  # noqa: E731
        running = dx.Scenario("mine", "Mine.", unless=unless)._bind(fake, clock)
        with pytest.raises(dx.UsageError, match=r"'mine': the result of unless: a string .* not 5"):
            running.check(lambda _: poll(fake))
