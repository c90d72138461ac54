"""``check`` and ``check_creating``, called by a test: what they take, and what a mistake is told as."""

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
def staged() -> Any:
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        yield dx.Scenario("mine", "Mine.")._bind(fake, clock)


async def later(_: object) -> Any:
    """Answer at some time."""


def poll(fake: dx.FakeDataExchange) -> None:
    import boto3

    client = boto3.client("dataexchange", region_name="us-east-1")
    for job in fake.jobs:
        for _ in range(3):
            client.get_job(JobId=job.id)


def test_one_that_takes_place_is_equal_to_what_it_was(staged: dx.Scenario) -> None:
    assert staged == dx.Scenario("mine", "Mine.")


def test_a_scenario_is_for_one_piece_of_code(staged: dx.Scenario) -> None:
    staged.check(lambda _: poll(staged.fake))
    with pytest.raises(dx.UsageError, match="check: a scenario is for one piece of code"):
        staged.check(lambda _: poll(staged.fake))
    with pytest.raises(dx.UsageError, match="check_creating: a scenario is for one piece of code"):
        staged.check_creating(print)


def test_what_nothing_answers_is_told_as_such(staged: dx.Scenario) -> None:
    import boto3

    client = boto3.client("dataexchange", region_name="us-east-1")

    def swallow(_: str) -> None:
        try:
            client.list_data_sets()
        except Exception as error:
            raise ValueError from error

    with pytest.raises(dx.UnexpectedCall, match="list_data_sets"):
        staged.check(swallow)


def test_what_is_no_function_is_told(staged: dx.Scenario) -> None:
    wrong: Any = "wait"
    with pytest.raises(dx.UsageError, match="check: the code is a function, not 'wait'"):
        staged.check(wrong)
    with pytest.raises(dx.UsageError, match="check_creating: failed is a function, not 'wait'"):
        staged.check_creating(print, failed=wrong)
    with pytest.raises(dx.UsageError, match="check: failed is a function, not the coroutine"):
        staged.check(print, failed=later)


def test_a_failed_that_fails_is_told(staged: dx.Scenario) -> None:
    with pytest.raises(
        dx.UsageError, match=r"failed raised TypeError: .* what the code returned, 7"
    ):
        staged.check(lambda _: 7, failed=len)


def test_what_cannot_be_called_so_is_told(staged: dx.Scenario) -> None:
    wrong: Any = lambda: None  # noqa: E731
    with pytest.raises(dx.UsageError, match="check: the code is called with one argument, the id"):
        staged.check(wrong)


def test_code_with_arguments_creates_no_job(staged: dx.Scenario) -> None:
    wrong: Any = lambda job_id: None  # noqa: E731
    with pytest.raises(dx.UsageError, match="check_creating: the code is called with no argument"):
        staged.check_creating(wrong)


@pytest.mark.parametrize("code", [None, 0])
def test_leaving_with_what_means_success_is_told(code: int | None) -> None:
    def leave(job_id: str) -> None:
        poll(fake)
        sys.exit(code)

    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        failing = dx.Scenario("mine", "Mine.", "raises", dx.fails("MALWARE_DETECTED"))
        with pytest.raises(
            AssertionError, match=r"it left with SystemExit\(.*\), which passes for"
        ):
            failing._bind(fake, clock).check(leave)


def test_a_crash_is_told_with_the_line_of_the_code_beneath() -> None:
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


def test_a_sleep_is_told_with_the_call_before_it() -> None:
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


def test_where_no_job_was_polled_the_refusal_is_what_should_be_told() -> None:
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
        with pytest.raises(
            AssertionError, match=r"none of 'AccessDeniedException', .*: ValueError"
        ):
            refused._bind(fake, clock).check(start)


def test_code_of_which_nothing_is_known_is_called(staged: dx.Scenario) -> None:
    with pytest.raises(AssertionError, match="it did not poll job"):
        staged.check(type)


def test_a_generator_runs_nothing(staged: dx.Scenario) -> None:
    with pytest.raises(dx.UsageError, match="check: the code is a generator, of which nothing"):
        staged.check(lambda _: (each for each in range(3)))


def test_the_type_of_a_job_that_is_there_cannot_be_given(staged: dx.Scenario) -> None:
    assert staged.job.type == "EXPORT_ASSETS_TO_S3"
    with pytest.raises(
        dx.UsageError, match=r"type: the job is there already, .*EXPORT_ASSETS_TO_S3"
    ):
        staged.check(print, type="IMPORT_ASSETS_FROM_S3")
    staged.check(lambda _: poll(staged.fake), type="EXPORT_ASSETS_TO_S3")


def test_what_becomes_of_jobs_is_for_the_scenario_to_say(staged: dx.Scenario) -> None:
    staged.fake.default_history = dx.times_out()
    with pytest.raises(dx.UsageError, match="check_creating: the scenario says what becomes of"):
        staged.check_creating(print)


def test_a_coroutine_leaves_the_event_loop_of_others_alone(staged: dx.Scenario) -> None:
    left = []

    async def wait(_: str) -> None:
        left.append(asyncio.create_task(asyncio.sleep(1e6)))
        await asyncio.sleep(1)
        poll(staged.fake)

    mine = asyncio.new_event_loop()
    asyncio.set_event_loop(mine)
    try:
        staged.check(wait)
        assert asyncio.get_event_loop_policy().get_event_loop() is mine
    finally:
        asyncio.set_event_loop(None)
        mine.close()
    assert left[0].cancelled()


def test_the_type_of_the_job_may_be_given(staged: dx.Scenario) -> None:
    with pytest.raises(dx.UsageError, match=r"^check: type: 'EXPORT_ASSETS' is not one of .* mean"):
        staged.check(print, type="EXPORT_ASSETS")
    staged.check(lambda _: poll(staged.fake), type="IMPORT_ASSETS_FROM_S3")
    assert staged.job.type == "IMPORT_ASSETS_FROM_S3"


def test_what_interrupts_the_test_goes_on(staged: dx.Scenario) -> None:
    with pytest.raises(pytest.fail.Exception, match="enough"):
        staged.check(lambda _: pytest.fail("enough"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": 7}, "Scenario: name: a string is needed, not 7"),
        ({"expected": "return"}, "Scenario 'mine': expected: 'return' is not one of returns, .*"),
        ({"history": "ERROR"}, "Scenario 'mine': the history is one such as .*"),
        ({"max_polls": 0}, "Scenario 'mine': max_polls: a whole number from 1 is needed.*"),
        ({"only": "creating"}, "Scenario 'mine': only: 'creating' is not one of check, .*"),
        ({"prepare": 7}, "Scenario 'mine': prepare: a function is needed, not 7"),
        (
            {"unless": later},
            "'mine': unless: a function is needed, not the coroutine function later",
        ),
        (
            {"prepare": lambda: None},
            "Scenario 'mine': prepare is called with .*, the fake: too many",
        ),
        (
            {"answer": lambda: {"a": 1}},
            "Scenario 'mine': answer is called with one argument, a job: too many",
        ),
        ({"name": ""}, "Scenario: name: '' is empty"),
        ({"group": ""}, "Scenario 'mine': group: '' is empty"),
        ({"group": None}, "Scenario 'mine': group: a string is needed, not None"),
        (
            {"type": "EXPORT"},
            "Scenario 'mine': type: 'EXPORT' is not one of IMPORT_ASSETS_FROM_S3, ",
        ),
        ({"started": "x"}, "Scenario 'mine': started: True or False is needed, not 'x'"),
    ],
)
def test_a_mistake_in_a_scenario_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(dx.UsageError, match=told):
        dx.Scenario(**{"name": "mine", "about": "Mine.", **options})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda job: job["Stat"], "KeyError: 'Stat'"),
        (lambda _: 7, "TypeError: .*"),
        (lambda job: {"At": {7}}, "TypeError: .*"),
    ],
)
def test_an_answer_that_cannot_be_is_told(answer: Any, told: str) -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        staged = dx.Scenario("mine", "Mine.", answer=answer)._bind(fake, clock)
        with pytest.raises(dx.UsageError, match=f"Scenario 'mine': answer has made no .*: {told}"):
            staged.check(lambda _: poll(fake))


@pytest.mark.parametrize(
    "lay_down", [dx.FakeDataExchange.add_response, dx.FakeDataExchange.add_client_error]
)
def test_what_prepare_lays_down_answers_before_what_is_made_up(
    client: Any, lay_down: Callable[[dx.FakeDataExchange, str], object]
) -> None:
    def export() -> None:
        with contextlib.suppress(ClientError):
            client.get_data_set(DataSetId="d" * 32)
        client.get_data_set(DataSetId="d" * 32)
        job_id = create(client)
        client.start_job(JobId=job_id)
        while client.get_job(JobId=job_id)["State"] != "COMPLETED":
            time.sleep(10)

    scenario = dx.Scenario("mine", "Mine.", prepare=lambda fake: lay_down(fake, "get_data_set"))
    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        scenario._bind(fake, clock).check_creating(export)
        fake.assert_no_pending_responses()


@pytest.mark.parametrize(("state", "polls"), [("SCANNING", 31), ("TIMED_OUT", 26)])
def test_a_loop_that_is_ended_is_told_what_it_was_answered(
    client: Any, state: str, polls: int
) -> None:
    def wait(job_id: str) -> None:
        while client.get_job(JobId=job_id)["State"] != "COMPLETED":
            time.sleep(10)

    scenario = dx.Scenario("mine", "Mine.", answer=lambda job: {**job, "State": state})
    with dx.VirtualClock() as clock, dx.FakeDataExchange(max_polls=30) as fake:
        staged = scenario._bind(fake, clock)
        with pytest.raises(AssertionError, match=f"{polls} times .* answered {state}"):
            staged.check(wait)


def test_a_function_of_the_scenario_that_fails_is_told_with_its_name() -> None:
    for name in "prepare", "unless":
        own: Any = {name: lambda fake: fake.inject(faults.throttling(), rate=20)}
        with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
            staged = dx.Scenario("mine", "Mine.", **own)._bind(fake, clock)
            told = f"Scenario 'mine': {name} raised UsageError: inject: rate: a number from 0"
            with pytest.raises(dx.UsageError, match=told):
                staged.check(lambda _: poll(fake))


def test_what_becomes_of_the_jobs_is_said_by_the_scenario_alone() -> None:
    for said in (
        lambda fake: setattr(fake, "default_history", dx.fails()),
        lambda fake: fake.next_job(dx.fails()),
    ):
        with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
            said(fake)
            with pytest.raises(dx.UsageError, match="leave default_history and next_job out"):
                dx.Scenario("mine", "Mine.")._bind(fake, clock).check_creating(print)


def test_one_that_does_not_take_place_says_so() -> None:
    with pytest.raises(dx.UsageError, match="fake: mine does not take place; the fixture dxjobs_"):
        dx.Scenario("mine", "Mine.").fake.add_job()


def test_an_event_loop_of_the_test_is_not_disturbed(staged: dx.Scenario) -> None:
    async def test() -> None:
        with pytest.raises(dx.UsageError, match="plain function, not async"):
            staged.check(lambda _: asyncio.sleep(1))

    asyncio.run(test())


def test_what_unless_says_is_a_text() -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        unless: Any = lambda _: 5  # noqa: E731
        staged = dx.Scenario("mine", "Mine.", unless=unless)._bind(fake, clock)
        with pytest.raises(dx.UsageError, match=r"'mine': what unless returned: a string .* not 5"):
            staged.check(lambda _: poll(fake))
