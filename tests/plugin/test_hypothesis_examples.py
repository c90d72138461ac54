"""The fixtures in ``@given`` tests: reset for each example, checked in each, no health check to suppress."""

from __future__ import annotations

import inspect
import textwrap
import time
from typing import Any

import boto3
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import pytest_dxjobs as dx
from pytest_dxjobs import strategies as dxst
from pytest_dxjobs._plugin.hypothesis_examples import hidden_fixtures

PREAMBLE = """
import asyncio, time
import boto3
import pytest
import pytest_dxjobs as dx
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis import assume, example, given, settings, strategies as st
from pytest_dxjobs import strategies as dxst

keys = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
client = boto3.client("dataexchange", region_name="us-east-1", **keys)
"""


def run(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=PREAMBLE + textwrap.dedent(code))
    return pytester.runpytest("-p", "no:randomly", *options)


_seen: list[tuple[str, float]] = []


@settings(max_examples=50)
@given(number=st.integers())
def test_each_example_has_a_fresh_fake_and_the_clock_at_its_start(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, number: int
) -> None:
    assert dxjobs.jobs == dxjobs.calls == dxjobs_clock.sleeps == []
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=3600))
    _seen.append((job.id, dxjobs_clock.now.timestamp()))
    dxjobs_clock.tick(86_400 * 80)  # exceeds no deadline of Hypothesis
    time.sleep(60)
    assert job.state == "COMPLETED"
    assert len(set(_seen)) == 1


class TestMethods:
    @given(number=st.integers())
    def test_a_method_may_use_the_fixtures(self, dxjobs: dx.FakeDataExchange, number: int) -> None:
        assert dxjobs.jobs == []
        dxjobs.add_job()


@settings(max_examples=20)
@given(job=dxst.jobs())
def test_a_fake_may_be_created_in_each_example(job: dict[str, Any]) -> None:
    with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
        fake.add_job(job)
        clock.tick(86_400)
        assert [each.state for each in fake.jobs] == [job["State"]]


class Consumer(RuleBasedStateMachine):
    """Add jobs, and poll all of them after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = dx.FakeDataExchange(max_polls_after_end=None)
        self.fake.activate()
        self.client = boto3.client("dataexchange", region_name="us-east-1")
        self.jobs: list[dict[str, Any]] = []

    @rule(job=dxst.jobs())
    def add(self, job: dict[str, Any]) -> None:
        if job["Id"] not in [each["Id"] for each in self.jobs]:
            self.fake.add_job(job)
            self.jobs.append(job)

    @invariant()
    def sees_all(self) -> None:
        for job in self.jobs:
            assert self.client.get_job(JobId=job["Id"])["State"] == job["State"]

    def teardown(self) -> None:
        self.fake.deactivate()


TestConsumer = Consumer.TestCase
TestConsumer.settings = settings(max_examples=10, stateful_step_count=8, deadline=None)


def test_an_unused_response_fails_the_example(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @given(number=st.integers(0, 100))
        def test_strict(dxjobs, number):
            if number > 3:
                dxjobs.add_response("get_job")
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E   AssertionError: unused responses:",
            "E     add_response('get_job')",
            "*dxjobs=<FakeDataExchange us-east-1, 0 jobs, active>,",
            "*number=4,",
        ]
    )


def test_a_failing_example_does_not_affect_the_next(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @settings(database=None)
        @given(job=dxst.jobs(state=["COMPLETED", "ERROR"]))
        def test_it(dxjobs, dxjobs_clock, job):
            assert dxjobs.jobs == [] and dxjobs_clock.now.hour == 0
            dxjobs.add_job(job)
            dxjobs.add_response("list_data_sets")
            dxjobs_clock.tick(3600)
            client.list_data_sets()
            assert client.get_job(JobId=job["Id"])["State"] == "COMPLETED"

        @settings(database=None)
        @given(number=st.integers())
        def test_rejected(dxjobs, number):
            try:
                client.get_asset(DataSetId="a", RevisionId="b", AssetId="c")
            except dx.UnexpectedCall:
                pass
            assume(False)

        def test_after(dxjobs):
            assert dxjobs.jobs == dxjobs.calls == []
        """,
    )
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["*'State': 'ERROR',", "*filtering out a lot of *"])
    result.stdout.no_fnmatch_line("*Flaky*")


def test_explicit_examples_parameters_and_dxjobs_client_work(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.mark.parametrize("state", ["COMPLETED", "TIMED_OUT"])
        @settings(max_examples=10)
        @example(number=7)
        @given(number=st.integers())
        def test_it(dxjobs, dxjobs_client, state, number):
            job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays(state))
            assert dxjobs_client.get_job(JobId=job.id)["State"] == state
            assert len(dxjobs.jobs) == 1
        """,
    )
    result.assert_outcomes(passed=2)


def test_other_fixtures_keep_their_health_check(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture
        def other(): pass

        @given(number=st.integers())
        def test_it(dxjobs, other, number): pass
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*unction-scoped fixture 'other'*"])


@pytest.mark.parametrize("own", [True, False])
def test_the_signature_is_restored(own: bool) -> None:
    def test(dxjobs: object, number: int) -> None: ...

    before = inspect.signature(test)
    if own:
        test.__signature__ = before  # type: ignore[attr-defined]
    with hidden_fixtures(test):
        assert [*inspect.signature(test).parameters] == ["number"]
    assert inspect.signature(test) == before
    assert ("__signature__" in vars(test)) == own


def test_a_fixture_must_not_use_the_fake_first(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def set_default(fake):
            fake.default_history = dx.times_out()

        def call(fake):
            client.list_jobs()

        ways = [
            set_default,
            call,
            lambda fake: fake.add_job(),
            lambda fake: fake.add_response("get_job"),
            lambda fake: fake.next_job(dx.times_out()),
            lambda fake: fake.throttle(),
        ]

        @pytest.fixture(autouse=True, params=ways)
        def prepared(dxjobs, request):
            request.param(dxjobs)

        @pytest.mark.dxjobs(strict=False)
        @given(number=st.integers())
        def test_it(dxjobs, number): pass
        """,
    )
    result.assert_outcomes(failed=6)
    errors = [line for line in result.outlines if line.startswith("UsageError: dxjobs is reset for")]
    assert len(errors) == 6


def test_set_up_must_not_use_the_fake_and_a_decorator_may_freeze_the_time(
    pytester: pytest.Pytester,
) -> None:
    result = run(
        pytester,
        """
        import unittest
        import freezegun

        class TestCase(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def prepared(self, dxjobs):
                self.fake = dxjobs

            def setUp(self):
                self.fake.add_job()

            @given(number=st.integers())
            def test_it(self, number): pass

        @freezegun.freeze_time("2020-01-01")
        @given(number=st.integers())
        def test_frozen(dxjobs, dxjobs_clock, number):
            assert dxjobs_clock.now.year == time.gmtime().tm_year == 2020
            dxjobs_clock.tick(10**8)
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*UsageError: dxjobs is reset for each example *setUp*"])


def test_a_failure_is_replayed_from_the_database(pytester: pytest.Pytester) -> None:
    code = """
        @settings(max_examples=200, derandomize=False, database=DirectoryBasedExampleDatabase("db"))
        @given(number=st.integers(0, 10**9))
        def test_it(dxjobs, number):
            with open("numbers", "a") as file:
                print(number, file=file)
            assert number < 10**8 or not dxjobs.add_job()
        """
    run(pytester, code).assert_outcomes(failed=1)
    pytester.path.joinpath("numbers").unlink()
    run(pytester, code).assert_outcomes(failed=1)
    assert pytester.path.joinpath("numbers").read_text().splitlines()[0] == str(10**8)


def test_async_tests_are_checked_in_each_example(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture
        def anyio_backend(): return "asyncio"

        @pytest.mark.anyio
        @settings(max_examples=20, database=None)
        @given(number=st.integers())
        async def test_polls(dxjobs, dxjobs_clock, number):
            assert dxjobs.jobs == [] and dxjobs_clock.now.hour == 0
            job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=3600))
            while (await asyncio.to_thread(client.get_job, JobId=job.id))["State"] != "COMPLETED":
                await asyncio.sleep(600)
            assert dxjobs_clock.now.hour == 1

        @pytest.mark.anyio
        @settings(database=None)
        @given(number=st.integers(0, 10))
        async def test_strict(dxjobs, number):
            if number > 3:
                dxjobs.add_response("get_job")
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*unused responses:", "*number=4,"])
    result.stdout.no_fnmatch_line("*_examples.py*")


def test_a_plugin_that_calls_the_test_sees_its_full_signature(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(
        """
        import inspect

        def pytest_pyfunc_call(pyfuncitem):
            taken = inspect.signature(pyfuncitem.function).parameters
            pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in taken})
            return True
        """
    )
    code = """
        @given(number=st.integers())
        def test_one(dxjobs, number):
            assert dxjobs.jobs == []
        """
    run(pytester, code).assert_outcomes(passed=1)


@settings(max_examples=20)
@given(number=st.integers())
def test_the_clock_is_reset_without_a_fake(dxjobs_clock: dx.VirtualClock, number: int) -> None:
    assert (dxjobs_clock.now.hour, dxjobs_clock.sleeps) == (0, [])
    time.sleep(3600)
