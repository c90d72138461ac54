"""The section ``dxjobs`` in the report of a failed test, and where its traceback ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from failure_reports import report_lines

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
    """Return the lines of the section of the last failure; none if there is no section."""
    pytester.makepyfile(test_it=PREAMBLE + inspect.cleandoc(body))
    lines = pytester.runpytest("-p", "no:randomly", "-p", "no:cacheprovider", *options).outlines
    headlines = [number for number, line in enumerate(lines) if line.strip("- ") == "dxjobs"]
    if not headlines:
        return []
    rest = lines[headlines[-1] + 1 :]
    return rest[: next(number for number, line in enumerate(rest) if line[:1] in "=_")]


def leave_a_fault_unused(fake: dx.FakeDataExchange) -> None:
    with dx.FakeDataExchange() as inner:
        inner.throttle()


def expect_an_error(fake: dx.FakeDataExchange) -> None:
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
        leave_a_fault_unused,
        expect_an_error,
        lambda fake: check(fake, SCENARIO, "check", lambda job_id: None),
        lambda fake: check(fake, SCENARIO, "check_creating", lambda: None),
        lambda fake: check(fake, SCENARIO, "check_creating", lambda: pytest.fail("enough")),
    ],
)
def test_the_traceback_of_a_failed_assertion_ends_in_the_test(
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


def test_an_exception_raised_by_the_test_keeps_its_traceback() -> None:
    with pytest.raises(dx.UsageError) as caught:
        raise dx.UsageError("mine")
    entries = list(caught.traceback)
    trim_traceback(caught.value)
    assert list(caught.traceback) == entries


def test_a_job_has_a_chart_along_virtual_time(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_job_set_to_a_state_is_reported_as_such(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=10))
    job.become("TIMED_OUT")
    assert report_lines(dxjobs, dxjobs_clock)[1] == "  The job was put into TIMED_OUT, where it stays."


def test_there_is_no_chart_if_no_time_passed(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=60))
    with dx.raises_not_found():
        client.get_job(JobId="0" * 32)
    client.get_job(JobId=job.id)
    client.get_job(JobId=job.id)
    assert report_lines(dxjobs, dxjobs_clock) == [
        f"Job {'0' * 32}, not in the fake, 1 failed call",
        f"Job {job.id}, EXPORT_ASSETS_TO_S3, IN_PROGRESS, 2 polls",
        "  The history of the job is dx.completes(after=60), and only 0.000 s of IN_PROGRESS have passed.",
        "Calls, from 2025-01-01 00:00:00 UTC:",
        "       +0.000 s  ..00000000  get_job  404 ResourceNotFoundException",
        f"       +0.000 s  ..{job.id[-8:]}  get_job  200 IN_PROGRESS   2 times, last at +0.000 s",
    ]


def test_a_history_of_several_stages_shows_the_time_in_the_current_one(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock
) -> None:
    history = dx.history(("WAITING", 60), ("IN_PROGRESS", 600), "ERROR")
    dxjobs.add_job("EXPORT_ASSETS_TO_S3", history)
    dxjobs_clock.tick(61.5)
    reason = report_lines(dxjobs, dxjobs_clock)[1]
    assert reason.endswith(", and only 1.500 s of IN_PROGRESS have passed.")


def test_an_expired_job_is_reported_as_no_longer_in_the_fake(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job()
    dxjobs_clock.tick(90 * 86_400)
    with dx.raises_not_found(job):
        client.get_job(JobId=job.id)
    headline = f"Job {job.id}, no longer in the fake, 1 failed call"
    assert report_lines(dxjobs, dxjobs_clock)[0] == headline


def test_many_jobs_and_calls_are_shortened_unless_verbose(
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
    assert "... and 3 more (-vv shows all jobs)" in lines
    calls = [line for line in lines if "get_job" in line]
    assert len(calls) == 11
    assert "  ... (-vv shows all calls)" in lines
    lines = section(pytester, body, "-vv")
    assert sum(line.startswith("Job ") for line in lines) == 8
    assert sum("get_job" in line for line in lines) == 17
    assert not any("more" in line or "..." in line for line in lines)


def test_only_failed_tests_with_a_fake_have_a_section(pytester: pytest.Pytester) -> None:
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


def test_a_failed_scenario_check_has_no_section(pytester: pytest.Pytester) -> None:
    body = """
        @pytest.mark.dxjobs(scenarios="completes-later")
        def test_it(dxjobs_scenario):
            dxjobs_scenario.check(CODE)
            assert False
        """
    assert section(pytester, body.replace("CODE", "lambda _: None")) == []
    assert section(pytester, body.replace("CODE", "lambda _: wait(dxjobs_scenario.job)")) != []


def test_there_is_no_section_without_jobs_and_calls(pytester: pytest.Pytester) -> None:
    assert section(pytester, "def test_it(dxjobs): dxjobs.throttle()") == []


def test_a_test_that_fails_at_its_end_has_a_section(pytester: pytest.Pytester) -> None:
    lines = section(pytester, "def test_it(dxjobs): dxjobs.add_job(); dxjobs.throttle()")
    assert lines[0].endswith(", EXPORT_ASSETS_TO_S3, COMPLETED, 0 polls")
    assert "Calls" not in "".join(lines)


def test_a_bug_in_the_report_does_not_hide_the_failure(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_report, "draw_timeline", None)
    lines = section(pytester, "def test_it(dxjobs): assert False")
    assert lines[0] == "No report: this is a bug in pytest-dxjobs."
    assert lines[-1] == "TypeError: 'NoneType' object is not callable"


def test_the_section_shows_the_failing_example(pytester: pytest.Pytester) -> None:
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
    ("before", "after", "end"),
    [
        ("CLIENT.get_job(JobId=job.id); assert False", "", "IN_PROGRESS, 1 poll"),
        ("", "wait(job); assert False", "COMPLETED, 3 polls"),
        (
            "",
            "with contextlib.suppress(Exception): CLIENT.list_data_sets()",
            "IN_PROGRESS, 0 polls",
        ),
    ],
    ids=["in the setup", "in the teardown", "by a swallowed call"],
)
def test_a_fixture_that_fails_has_a_section(pytester: pytest.Pytester, before: str, after: str, end: str) -> None:
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
    assert lines[0].endswith(f", EXPORT_ASSETS_TO_S3, {end}")
    assert end.startswith("COMPLETED") or lines[1].endswith(" only 0.000 s of IN_PROGRESS have passed.")


def test_fake_and_clock_are_released_after_the_last_report(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_one(dxjobs, dxjobs_clock): pass
        def test_other(dxjobs_clock): assert False
        """
    )
    pytester.makeconftest(
        """
        def pytest_sessionfinish(session):
            values = [value for item in session.items for value in item.stash._storage.values()]
            assert not [each for each in values if "dxjobs" in type(each).__module__]
            assert len(session.items) == 2
        """
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1, failed=1)
