"""What the report of a failed test shows of the fake."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from failure_reports import told

import pytest_dxjobs as dx
from pytest_dxjobs._core.tracebacks import trim_traceback
from pytest_dxjobs._plugin import failure_report

PREAMBLE = """
import contextlib, time
import boto3, pytest
from hypothesis import given, settings, strategies as st
import pytest_dxjobs as dx

KEYS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
CLIENT = boto3.client("dataexchange", region_name="us-east-1", **KEYS)

def wait(job):
    while CLIENT.get_job(JobId=job.id)["State"] not in ("COMPLETED", "TIMED_OUT"):
        time.sleep(10)
"""


def section(pytester: pytest.Pytester, body: str, *options: str) -> list[str]:
    """The lines of the section of the last failure."""
    pytester.makepyfile(test_it=PREAMBLE + inspect.cleandoc(body))
    lines = pytester.runpytest("-p", "no:randomly", "-p", "no:cacheprovider", *options).outlines
    headlines = [number for number, line in enumerate(lines) if line.strip("- ") == "dxjobs"]
    if not headlines:
        return []
    told = lines[headlines[-1] + 1 :]
    return told[: next(number for number, line in enumerate(told) if line[:1] in "=_")]


def leave(fake: dx.FakeDataExchange) -> None:
    with dx.FakeDataExchange() as inner:
        inner.throttle()


def expect(fake: dx.FakeDataExchange) -> None:
    with dx.raises_not_found():
        pass


def check(fake: dx.FakeDataExchange, scenario: dx.Scenario, call: str, code: Any) -> None:
    with dx.VirtualClock() as clock:
        getattr(scenario._bind(fake, clock), call)(code)


SCENARIO = dx.Scenario("mine", "A job waits for ever.", "gives up", dx.stays("WAITING"))


@pytest.mark.parametrize(
    "fails",
    [
        lambda fake: fake.assert_polled(fake.jobs[0], 7),
        lambda fake: fake.assert_retried(7),
        lambda fake: fake.assert_not_polled_after_end(),
        lambda fake: fake.assert_all_started_jobs_polled_to_end(),
        lambda fake: fake.assert_poll_interval(fake.jobs[0], min=7),
        lambda fake: fake.assert_poll_interval(fake.jobs[1], min=7),
        lambda fake: fake.assert_intervals_grow(fake.jobs[0]),
        lambda fake: fake.assert_intervals_grow(fake.jobs[1]),
        lambda fake: fake.assert_no_pending_responses(),
        lambda fake: dx.assert_job_error(dx.make_job(), "MALWARE_DETECTED"),
        leave,
        expect,
        lambda fake: check(fake, SCENARIO, "check", lambda job_id: None),
        lambda fake: check(fake, SCENARIO, "check_creating", lambda: None),
        lambda fake: check(fake, SCENARIO, "check_creating", lambda: pytest.fail("enough")),
    ],
)
def test_the_traceback_ends_in_the_test(
    dxjobs: dx.FakeDataExchange, client: Any, fails: Callable[[dx.FakeDataExchange], object]
) -> None:
    job, _ = dxjobs.add_job(), dxjobs.add_job()
    for _ in range(2):
        client.get_job(JobId=job.id)
    dxjobs.add_response("list_jobs")
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        fails(dxjobs)
    client.list_jobs()
    shown = [str(each.path) for each in caught.traceback.filter(caught)]
    assert set(shown) == {__file__}


def test_a_failure_that_the_test_raises_itself_keeps_its_traceback() -> None:
    with pytest.raises(dx.UsageError) as caught:
        raise dx.UsageError("mine")
    entries = list(caught.traceback)
    trim_traceback(caught.value)
    assert list(caught.traceback) == entries


def test_a_job_is_drawn_along_virtual_time(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    lines = section(
        pytester,
        """
        def test_it(dxjobs, dxjobs_clock):
            job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.times_out(after=60))
            wait(job)
            assert job.state == "COMPLETED"
        """,
    )
    assert lines[0].startswith("Job ")
    assert lines[0].endswith(", EXPORT_ASSETS_TO_S3, TIMED_OUT, 7 polls")
    assert lines[1:] == [
        "  The history of the job is dx.times_out(after=60).",
        "  IN_PROGRESS-------------------------------------------------TIMED_OUT",
        "  o.........o.........o.........o.........o.........o.........o",
        "  0 s                                                     +60 s",
        "o poll, 2-9 # several, x failed, ~ backoff, . sleep",
        "Calls, from 2025-01-01 00:00:00 UTC:",
        "       +0.000 s  get_job  200 IN_PROGRESS, then a sleep of 10 s   6 times, last at +50.000 s",
        "      +60.000 s  get_job  200 TIMED_OUT",
    ]


def test_a_job_that_was_put_into_a_state_is_told_so(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=10))
    job.become("TIMED_OUT")
    assert told(dxjobs, dxjobs_clock)[1] == "  The job was put into TIMED_OUT, where it stays."


def test_without_time_there_is_nothing_to_draw_but_the_calls(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=60))
    with dx.raises_not_found():
        client.get_job(JobId="0" * 32)
    client.get_job(JobId=job.id)
    client.get_job(JobId=job.id)
    assert told(dxjobs, dxjobs_clock) == [
        f"Job {'0' * 32}, which is not in the fake, 1 failed call",
        f"Job {job.id}, EXPORT_ASSETS_TO_S3, IN_PROGRESS, 2 polls",
        "  The history of the job is dx.completes(after=60), and only 0.000 s of IN_PROGRESS have passed.",
        "Calls, from 2025-01-01 00:00:00 UTC:",
        "       +0.000 s  ..00000000  get_job  404 ResourceNotFoundException",
        f"       +0.000 s  ..{job.id[-8:]}  get_job  200 IN_PROGRESS   2 times, last at +0.000 s",
    ]


def test_of_a_history_of_several_stages_the_time_in_the_last_one_is_told(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock
) -> None:
    history = dx.history(("WAITING", 60), ("IN_PROGRESS", 600), "ERROR")
    dxjobs.add_job("EXPORT_ASSETS_TO_S3", history)
    dxjobs_clock.tick(61.5)
    assert told(dxjobs, dxjobs_clock)[1].endswith(", and only 1.500 s of IN_PROGRESS have passed.")


def test_a_job_that_is_gone_is_told_so(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job()
    dxjobs_clock.tick(90 * 86_400)
    with dx.raises_not_found(job):
        client.get_job(JobId=job.id)
    headline = f"Job {job.id}, which is no longer in the fake, 1 failed call"
    assert told(dxjobs, dxjobs_clock)[0] == headline


def test_of_many_jobs_and_calls_some_are_told_and_the_rest_on_demand(
    pytester: pytest.Pytester,
) -> None:
    body = """
        def test_it(dxjobs, dxjobs_clock):
            jobs = [dxjobs.add_job() for _ in range(8)]
            for job in jobs * 2:
                wait(job)
            wait(jobs[7])
            assert False
        """
    lines = section(pytester, body, "-v")
    assert sum(line.startswith("Job ") for line in lines) == 5
    assert "... and 3 more; -vv tells of all." in lines
    calls = [line for line in lines if "get_job" in line]
    assert len(calls) == 11
    assert "  ... (-vv tells of all)" in lines
    lines = section(pytester, body, "-vv")
    assert sum(line.startswith("Job ") for line in lines) == 8
    assert sum("get_job" in line for line in lines) == 17
    assert not any("more" in line or "..." in line for line in lines)


def test_nothing_is_shown_where_there_is_nothing_to_explain(pytester: pytest.Pytester) -> None:
    body = """
        def test_good(dxjobs):
            wait(dxjobs.add_job())

        @pytest.mark.xfail(reason="known")
        def test_expected(dxjobs):
            assert False

        def test_other():
            assert False
        """
    assert section(pytester, body, "-rA", "-vv") == []


def test_a_scenario_tells_it_in_its_own_report(pytester: pytest.Pytester) -> None:
    body = """
        @pytest.mark.dxjobs(scenarios="completes-later")
        def test_it(dxjobs_scenario):
            dxjobs_scenario.check(CODE)
            assert False
        """
    assert section(pytester, body.replace("CODE", "lambda _: None")) == []
    assert section(pytester, body.replace("CODE", "lambda _: wait(dxjobs_scenario.job)")) != []


def test_what_was_left_over_is_explained_too(pytester: pytest.Pytester) -> None:
    lines = section(pytester, "def test_it(dxjobs): dxjobs.throttle()")
    assert lines == ["Calls: no call"]


def test_a_mistake_in_telling_it_loses_no_failure(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_report, "draw_timeline", None)
    lines = section(pytester, "def test_it(dxjobs): assert False")
    assert lines[0] == "This could not be told, by a mistake of pytest-dxjobs:"
    assert lines[-1] == "TypeError: 'NoneType' object is not callable"


def test_the_failing_example_is_the_one_that_is_shown(pytester: pytest.Pytester) -> None:
    lines = section(
        pytester,
        """
        @settings(database=None)
        @given(number=st.integers(0, 20))
        def test_it(dxjobs, dxjobs_clock, number):
            wait(dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=10 * number)))
            assert number < 3
        """,
    )
    assert lines[0].endswith(", EXPORT_ASSETS_TO_S3, COMPLETED, 4 polls")
    assert any("then a sleep of 10 s" in line for line in lines)


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        ("CLIENT.get_job(JobId=job.id); assert False", "", "IN_PROGRESS, 1 poll"),
        ("", "wait(job); assert False", "COMPLETED, 3 polls"),
        (
            "",
            "with contextlib.suppress(Exception): CLIENT.list_data_sets()",
            "IN_PROGRESS, 0 polls",
        ),
    ],
    ids=["in the setup", "in the teardown", "by what it leaves"],
)
def test_a_fixture_that_fails_is_explained_too(
    pytester: pytest.Pytester, before: str, after: str, ends: str
) -> None:
    body = f"""
        @pytest.fixture
        def job(dxjobs, dxjobs_clock):
            job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=20))
            {before}
            yield job
            {after}

        def test_it(job):
            pass
        """
    lines = section(pytester, body)
    assert lines[0].endswith(f", EXPORT_ASSETS_TO_S3, {ends}")
    assert ends.startswith("COMPLETED") or lines[1].endswith(
        " only 0.000 s of IN_PROGRESS have passed."
    )


def test_nothing_of_what_a_report_may_tell_of_remains(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_one(dxjobs, dxjobs_clock): pass
        def test_other(dxjobs_clock): assert False
        """
    )
    pytester.makeconftest(
        """
        def pytest_sessionfinish(session):
            left = [value for item in session.items for value in item.stash._storage.values()]
            assert not [each for each in left if "dxjobs" in type(each).__module__]
            assert len(session.items) == 2
        """
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1, failed=1)
