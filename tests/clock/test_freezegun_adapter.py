"""The clock beside other tools that set the time: it adopts a freeze, rejects time-machine, and spares pytest."""

from __future__ import annotations

import datetime
import textwrap
import time
import xml.etree.ElementTree as ET

import freezegun
import freezegun.api
import pytest
import time_machine

import pytest_dxjobs as dx
from pytest_dxjobs._core.timeutils import plain_utc

UTC = datetime.timezone.utc


def run(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(
        "import datetime, time\nimport boto3, freezegun, pytest\nimport pytest_dxjobs as dx\n" + textwrap.dedent(test)
    )
    return pytester.runpytest("-p", "no:randomly", *options)


def test_an_active_freeze_is_adopted_and_stays_active() -> None:
    with freezegun.freeze_time("2020-05-01") as frozen:
        with dx.VirtualClock() as clock:
            assert clock.now == datetime.datetime(2020, 5, 1, tzinfo=UTC)
            time.sleep(60)
            frozen.tick(30)
            clock.tick(10)
            assert clock.now == datetime.datetime(2020, 5, 1, 0, 1, 40, tzinfo=UTC)
            assert frozen() == datetime.datetime(2020, 5, 1, 0, 1, 40)  # noqa: DTZ001
        assert time.time() == datetime.datetime(2020, 5, 1, 0, 1, 40, tzinfo=UTC).timestamp()
        with dx.VirtualClock("2021-01-01") as clock:
            assert clock.now == datetime.datetime(2021, 1, 1, tzinfo=UTC)


def test_a_freeze_that_starts_later_sets_the_time() -> None:
    with dx.VirtualClock() as clock:
        with freezegun.freeze_time("2020-05-01"):
            time.sleep(60)
            assert clock.now == datetime.datetime(2020, 5, 1, 0, 1, tzinfo=UTC)
        assert clock.now == datetime.datetime(2025, 1, 1, tzinfo=UTC)


def test_a_ticking_freeze_is_moved_from_its_current_time() -> None:
    with freezegun.freeze_time("2020-05-01", tick=True), dx.VirtualClock() as clock:
        for _ in range(3):
            clock.tick(3600)
        passed = clock.now - datetime.datetime(2020, 5, 1, tzinfo=UTC)
        assert datetime.timedelta(hours=3) < passed < datetime.timedelta(hours=3, minutes=1)


def test_freezegun_is_restored() -> None:
    def state() -> list[object]:
        api = freezegun.api
        return [api.call_stack_inspection_limit, *api.ignore_lists, *api.freeze_factories]

    assert state() == [freezegun.api.call_stack_inspection_limit]
    with dx.VirtualClock():
        assert freezegun.api.call_stack_inspection_limit == 1
    assert state() == [5]
    with freezegun.freeze_time("2020-05-01"):
        before = state()
        with dx.VirtualClock():
            assert state() != before
        assert state() == before


def test_pytest_reads_real_time_under_the_inner_of_two_freezes() -> None:
    pytest_module = {"__name__": "_pytest.runner", "time": time, "before": time.time()}
    with (
        freezegun.freeze_time("2020-05-01", ignore=["exports"]),
        freezegun.freeze_time("2021-05-01"),
    ):
        before = [*freezegun.api.ignore_lists]
        with dx.VirtualClock():
            exec("assert time.time() >= before", pytest_module)
            assert time.time() < datetime.datetime(2021, 5, 2, tzinfo=UTC).timestamp()
        assert freezegun.api.ignore_lists == before


def test_a_freeze_that_ends_before_the_clock_is_reported() -> None:
    frozen = freezegun.freeze_time("2020-05-01")
    frozen.start()
    with dx.VirtualClock() as clock:
        frozen.stop()
        with pytest.raises(dx.UsageError, match="the freeze that was active when the clock started"):
            clock.tick()
        with pytest.raises(dx.UsageError, match=r"has ended\. End the clock before the freeze"):
            time.sleep(1)
    assert freezegun.api.call_stack_inspection_limit == 5


def test_an_active_time_machine_is_rejected() -> None:
    with time_machine.travel("2020-05-01"):
        with pytest.raises(dx.UsageError, match="time-machine is travelling"):
            dx.VirtualClock().__enter__()
        assert time.sleep is not None
    with dx.VirtualClock() as clock:
        time.sleep(1)
        assert len(clock.sleeps) == 1


def test_the_freezer_of_pytest_freezer_is_adopted_in_either_order(
    pytester: pytest.Pytester,
) -> None:
    result = run(
        pytester,
        """
        @pytest.mark.freeze_time("2020-05-01")
        def test_freezer_first(freezer, dxjobs, dxjobs_clock):
            job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=300))
            freezer.tick(100)
            time.sleep(100)
            assert job.state == "IN_PROGRESS"
            dxjobs_clock.tick(100)
            assert job.state == "COMPLETED"
            assert datetime.datetime.now() == datetime.datetime(2020, 5, 1, 0, 5)

        def test_clock_first(dxjobs_clock, freezer):
            freezer.move_to("2020-05-01")
            time.sleep(60)
            assert dxjobs_clock.now.timestamp() == time.time()
            assert datetime.datetime.now() == datetime.datetime(2020, 5, 1, 0, 1)

        @freezegun.freeze_time("2020-05-01")
        def test_decorated(dxjobs, dxjobs_clock):
            job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=300))
            time.sleep(300)
            assert job.state == "COMPLETED"
            assert dxjobs_clock.now == datetime.datetime(2020, 5, 1, 0, 5, tzinfo=datetime.timezone.utc)

        @freezegun.freeze_time("2020-05-01")
        class TestDecorated:
            def test_method(self, dxjobs_clock):
                time.sleep(300)
                assert datetime.datetime.now() == datetime.datetime(2020, 5, 1, 0, 5)

        def test_later():
            assert datetime.datetime.now().year > 2025
        """,
    )
    result.assert_outcomes(passed=5)


@pytest.mark.parametrize("fixtures", ["dxjobs_clock", "freezer, dxjobs_clock", "dxjobs_clock, freezer"])
def test_the_durations_of_tests_stay_real(pytester: pytest.Pytester, fixtures: str) -> None:
    result = run(
        pytester,
        f"""
        def test_a_day({fixtures}):
            time.sleep(86_400)
        """,
        "--junitxml=report.xml",
        "--durations=0",
        "-vv",
    )
    result.assert_outcomes(passed=1)
    report = ET.parse(pytester.path / "report.xml")
    times = [float(each.attrib["time"]) for each in report.iter() if "time" in each.attrib]
    assert len(times) == 2
    assert all(0 <= each < 60 for each in times)
    shown = [float(line.split("s ")[0]) for line in result.outlines if " call " in line or " setup " in line]
    assert all(0 <= each < 60 for each in shown)


def test_jobs_get_virtual_times_in_any_order_of_fixtures(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture
        def job(dxjobs):
            return dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=60))

        @pytest.mark.dxjobs(start="2024-02-29T23:59:00Z")
        def test_order(dxjobs, job, dxjobs_clock):
            response = boto3.client("dataexchange", region_name="us-east-1").get_job(JobId=job.id)
            assert response["CreatedAt"].isoformat() == "2024-02-29T23:59:00+00:00"
            assert response["State"] == "IN_PROGRESS"
            time.sleep(60)
            assert job.state == "COMPLETED"
        """,
    )
    result.assert_outcomes(passed=1)


def test_the_ini_file_sets_the_start_and_its_mistakes_name_the_option(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeini("[pytest]\ndxjobs_start = 2024-02-29\n")
    test = "def test_start(dxjobs_clock):\n    assert dxjobs_clock.now.day == 29\n"
    run(pytester, test).assert_outcomes(passed=1)
    pytester.makeini("[pytest]\ndxjobs_start = 2023-02-29\n")
    result = run(pytester, test)
    result.assert_outcomes(errors=1)
    needed = "start: a datetime, a date or a string such as '2024-03-31T12:00:00Z' is needed, not '2023-02-29'"
    result.stdout.fnmatch_lines([f"UsageError: ini option dxjobs_{needed}"])


def test_mistakes_in_the_marker_name_the_marker(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.mark.dxjobs(start=12)
        def test_wrong(dxjobs_clock): pass

        @pytest.mark.dxjobs(begin="2024-02-29")
        def test_misspelt(dxjobs_clock): pass

        @pytest.mark.dxjobs("2024-02-29")
        def test_nameless(dxjobs_clock): pass
        """,
    )
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        [
            "UsageError: @pytest.mark.dxjobs: start: a datetime, * is needed, not 12",
            "UsageError: @pytest.mark.dxjobs: 'begin' is not valid; did you mean *? Choose from region, *, start*",
            "UsageError: @pytest.mark.dxjobs: options are given by name, *; the names are region, *, without",
        ]
    )


def test_plain_utc_converts_to_utc() -> None:
    east = datetime.timezone(datetime.timedelta(hours=2))
    kept = plain_utc(datetime.datetime(2025, 1, 1, 2, tzinfo=east))
    assert (kept, kept.tzinfo) == (datetime.datetime(2025, 1, 1, tzinfo=UTC), UTC)


def test_the_fake_and_the_clock_keep_plain_datetimes(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock
) -> None:
    created = dx.make_job()["CreatedAt"]
    dxjobs.add_job()
    kept = [created, dxjobs_clock.now]
    time.sleep(1)
    kept += [each.at for each in dxjobs_clock.sleeps]
    assert {type(each).__module__ for each in kept} == {"datetime"}


def test_a_job_made_under_a_freeze_has_plain_datetimes() -> None:
    with freezegun.freeze_time("2020-05-01"):
        assert type(datetime.datetime.now(UTC)).__module__ == "freezegun.api"
        created = dx.make_job()["CreatedAt"]
    assert type(created) is datetime.datetime


def test_an_invalid_start_is_reported_without_the_clock_fixture(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.mark.dxjobs(start="tomorrow")
        def test_wrong(dxjobs): pass

        @pytest.mark.dxjobs(start=None)
        def test_none(dxjobs): pass
        """,
    )
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["UsageError: @pytest.mark.dxjobs: start: * not 'tomorrow'"])
