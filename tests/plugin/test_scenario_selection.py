"""The fixture ``dxjobs_scenario``: which scenarios a test runs through, and what it has for them."""

from __future__ import annotations

import functools
import textwrap

import pytest

from pytest_dxjobs._plugin.scenario_selection import _calls
from pytest_dxjobs._scenarios.catalogue import catalogue

PREAMBLE = """
import asyncio, time
import boto3
import pytest
import pytest_dxjobs as dx

keys = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
client = boto3.client("dataexchange", region_name="us-east-1", **keys)

def wait(job_id):
    for _ in range(10):
        job = client.get_job(JobId=job_id)
        if job["State"] == "COMPLETED":
            return
        if job["State"] in dx.TERMINAL_STATES:
            raise ValueError(f"{job['State']} {job.get('Errors')}")
        time.sleep(10)
    raise TimeoutError(job_id)
"""


def run(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=PREAMBLE + textwrap.dedent(code))
    return pytester.runpytest("-p", "no:randomly", *options)


def ids(result: pytest.RunResult) -> list[str]:
    return [
        line.partition("[")[2].rstrip("]") for line in result.outlines if line.startswith("test_it")
    ]


def names(*groups: str, only: str | None = "check") -> list[str]:
    return [each.name for each in catalogue() if each.group in groups and each.only in (None, only)]


USUAL = ("states", "job-errors", "service-errors", "creating")
TEST = """
def test_wait(dxjobs_scenario):
    dxjobs_scenario.check(wait)
"""
CREATING = """
def test_creating(dxjobs_scenario):
    dxjobs_scenario.check_creating(lambda: None)
"""


def test_a_test_runs_once_for_each_scenario_of_the_usual_groups(pytester: pytest.Pytester) -> None:
    result = run(pytester, TEST, "--collect-only", "-q")
    assert ids(result) == names(*USUAL)
    assert "two-jobs" not in ids(result)


def test_one_that_creates_its_jobs_runs_through_those_for_such_code(
    pytester: pytest.Pytester,
) -> None:
    result = run(pytester, CREATING, "--collect-only", "-q")
    assert ids(result) == names(*USUAL, only="check_creating")
    assert {"two-jobs", "signed-url-missing"} < {*ids(result)}
    assert "never-started" not in ids(result)


def test_groups_and_names_are_chosen_by_the_marker(pytester: pytest.Pytester) -> None:
    expected = {
        '"states"': names("states"),
        '["resilience", "error"]': ["error", *names("resilience")],
        '"all"': names(*USUAL, "resilience", "future"),
        '"two-jobs"': ["two-jobs"],
    }
    tests = [f"@pytest.mark.dxjobs(scenarios={chosen}){TEST}" for chosen in expected]
    code = "".join(test.replace("test_wait", f"test_{n}") for n, test in enumerate(tests))
    result = run(pytester, code, "--collect-only", "-q")
    assert ids(result) == [name for several in expected.values() for name in several]


def test_groups_and_names_are_chosen_by_the_ini_file(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ndxjobs_scenarios = resilience error")
    result = run(pytester, TEST, "--collect-only", "-q")
    assert ids(result) == ["error", *names("resilience")]


@pytest.mark.parametrize("place", ["marker", "ini"])
def test_one_that_is_left_out_is_reported_with_the_reason(
    pytester: pytest.Pytester, place: str
) -> None:
    code = f'@pytest.mark.dxjobs(scenarios="states"){TEST}'
    if place == "marker":
        code = code.replace('"states"', '"states", without={"never-started": "not: ours"}')
    else:
        pytester.makeini("[pytest]\ndxjobs_without =\n    never-started: not: ours")
    result = run(pytester, code, "-rs")
    result.assert_outcomes(passed=8, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * not: ours"])


def test_a_mistake_in_an_option_is_told(pytester: pytest.Pytester) -> None:
    expected = {
        'scenarios="sates"': "scenarios: 'sates' is not one of all, creating, *did you mean 'states'?",
        "scenarios=7": "scenarios: names are needed, not 7",
        "scenarios=[7]": "scenarios: 7 is not one of *",
        'without=["error: ours"]': "without: a dict of names and reasons is needed, not *",
        "without=7": "without: a dict of names and reasons is needed, not 7",
        'without={"eror": "x"}': "without: 'eror' is not one of *did you mean 'error'?",
        'without={"error": " "}': "without: error: a reason is needed, not ' '",
        'scenario="all"': "'scenario' is not one of *did you mean 'scenarios'?",
    }
    for number, option in enumerate(expected):
        code = f"import pytest\n@pytest.mark.dxjobs({option}){TEST}"
        pytester.makepyfile(**{f"test_{number}": code})
    result = pytester.runpytest("-p", "no:randomly")
    result.assert_outcomes(errors=len(expected))
    result.stdout.fnmatch_lines(
        [f"UsageError: @pytest.mark.dxjobs: {told}" for told in expected.values()]
    )


def test_scenarios_are_left_out_by_all_markers_of_a_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        pytestmark = pytest.mark.dxjobs(without={"error": "ours", "cancelled": "theirs"})

        @pytest.mark.dxjobs(scenarios="states", without={"error": "mine"})
        def test_wait(dxjobs_scenario):
            dxjobs_scenario.check(wait)

        @pytest.mark.dxjobs(scenarios=["error", "cancelled"], without=None)
        def test_wait_for_all(dxjobs_scenario):
            dxjobs_scenario.check(wait)
        """,
        "-rs",
    )
    result.assert_outcomes(passed=9, skipped=2)
    result.stdout.fnmatch_lines_random(["SKIPPED * mine", "SKIPPED * theirs"])


def test_a_test_that_checks_nothing_fails(pytester: pytest.Pytester) -> None:
    code = '@pytest.mark.dxjobs(scenarios="error")\ndef test_wait(dxjobs_scenario): pass\n'
    result = run(pytester, code)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["dxjobs_scenario: the test has called neither check nor *"])


def test_a_failure_is_a_report_at_the_line_of_the_check(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.mark.dxjobs(scenarios="timed-out")
        def test_wait(dxjobs_scenario):
            dxjobs_scenario.check(lambda job_id: None)
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "dxjobs_scenario = <Scenario timed-out: The job ends in TIMED_OUT.>",
            ">*dxjobs_scenario.check(lambda job_id: None)",
            "E *AssertionError: Scenario timed-out: The job ends in TIMED_OUT.",
            "E *But it returned None, as if all were well.",
            "E *Usually: *",
        ]
    )


def test_it_has_the_fake_the_clock_and_the_job(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture
        def prepared(dxjobs_scenario):
            return dxjobs_scenario

        @pytest.mark.dxjobs(scenarios=["error", "error-validation"], start="2025-06-01")
        def test_wait(prepared, dxjobs, dxjobs_clock, dxjobs_scenario):
            assert prepared is dxjobs_scenario
            assert (prepared.fake, prepared.clock) == (dxjobs, dxjobs_clock)
            assert prepared.name in ("error", "error-validation")
            assert prepared.clock.now.month == 6
            job = prepared.job
            assert job == prepared.job
            prepared.check(wait)
            assert dxjobs.jobs == [job]
            assert job.state == "ERROR"
        """,
    )
    result.assert_outcomes(passed=2)


def test_other_operations_are_answered_unless_the_test_says_otherwise(
    pytester: pytest.Pytester,
) -> None:
    result = run(
        pytester,
        """
        DETAILS = {"DataSetId": "d" * 32, "RevisionDestinations": [{"Bucket": "my-bucket", "RevisionId": "e" * 32}]}

        def export():
            name = client.get_data_set(DataSetId="d" * 32)["Name"]
            assert client.list_data_sets()["DataSets"]
            job = client.create_job(
                Type="EXPORT_REVISIONS_TO_S3", Details={"ExportRevisionsToS3": DETAILS}
            )
            client.start_job(JobId=job["Id"])
            wait(job["Id"])
            return name

        @pytest.mark.dxjobs(scenarios=["completes-later", "cancelled"])
        def test_export(dxjobs_scenario):
            dxjobs_scenario.fake.add_response("get_data_set", lambda params: {"Name": "prices"})
            dxjobs_scenario.check_creating(export)
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_coroutine_function_is_run(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        async def later(job_id):
            await asyncio.sleep(60)
            await asyncio.to_thread(wait, job_id)

        @pytest.mark.dxjobs(scenarios=["completes-later", "stuck-in-waiting"])
        def test_wait(dxjobs_scenario):
            dxjobs_scenario.check(later)

        @pytest.fixture
        def anyio_backend(): return "asyncio"

        @pytest.mark.anyio
        @pytest.mark.dxjobs(scenarios="error")
        async def test_within_a_loop(dxjobs_scenario):
            dxjobs_scenario.check(later)

        @pytest.mark.anyio
        @pytest.mark.dxjobs(scenarios="error")
        async def test_awaitable(dxjobs_scenario):
            dxjobs_scenario.check(lambda job_id: asyncio.get_running_loop().create_future())
        """,
    )
    result.assert_outcomes(passed=2, failed=2)
    told = "*UsageError: check: it runs the event loop for the code, so that the test itself is a plain *"
    result.stdout.fnmatch_lines([told, told])


def test_a_project_adds_its_own(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest_dxjobs as dx
        from pytest_dxjobs import faults

        def pytest_dxjobs_scenarios(config):
            yield dx.Scenario(
                "expired-token",
                "The credentials expire during the wait.",
                "gives up",
                dx.stays("IN_PROGRESS"),
                "the code does not look at the code of a ClientError.",
                prepare=lambda fake: fake.inject(faults.expired_token(), requests=dx.ALWAYS),
            )
        """
    )
    result = run(pytester, TEST, "--collect-only", "-q")
    assert ids(result) == [*names(*USUAL), "expired-token"]
    result = run(pytester, f'@pytest.mark.dxjobs(scenarios="own"){TEST}', "-v")
    result.assert_outcomes(passed=1)


def test_a_mistake_in_the_hook_is_told(pytester: pytest.Pytester) -> None:
    expected = {
        "['error']": "dx.Scenario objects are needed, not 'error'",
        "[None]": "dx.Scenario objects are needed, not None",
        "7": "dx.Scenario objects are needed, not 7",
        "dx.Scenario('all', 'Mine.')": "there is a scenario or group 'all' already",
        "dx.Scenario('error', 'Mine.')": "there is a scenario or group 'error' already",
        "dx.Scenario('mine', 'Mine.', group='all')": "mine: no group is called 'all', which *",
    }
    for number, returned in enumerate(expected):
        folder = pytester.mkdir(f"folder_{number}")
        folder.joinpath("conftest.py").write_text(
            f"import pytest_dxjobs as dx\ndef pytest_dxjobs_scenarios(): return {returned}\n"
        )
        folder.joinpath(f"test_{number}.py").write_text(TEST)
    result = pytester.runpytest("-p", "no:randomly")
    result.assert_outcomes(errors=len(expected))
    result.stdout.fnmatch_lines(
        [f"UsageError: pytest_dxjobs_scenarios: {told}" for told in expected.values()]
    )


def test_a_group_of_its_own_is_on_and_may_be_chosen(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest_dxjobs as dx
        def pytest_dxjobs_scenarios(): return dx.Scenario("mine", "Mine.", group="exports")
        """
    )
    code = f'{TEST}@pytest.mark.dxjobs(scenarios="exports"){TEST.replace("wait(", "other(", 1)}'
    assert ids(run(pytester, code, "--collect-only", "-q")) == [*names(*USUAL), "mine", "mine"]


def test_what_a_test_calls_is_seen_through_its_decorators(pytester: pytest.Pytester) -> None:
    both = [each.name for each in catalogue() if each.group in USUAL]
    result = run(
        pytester,
        """
        from unittest import mock

        @mock.patch("os.getcwd", new=None)
        def test_creating(dxjobs_scenario): dxjobs_scenario.check_creating(lambda: None)

        def by_hand(scenario): scenario.check(wait)

        def test_elsewhere(dxjobs_scenario): by_hand(dxjobs_scenario)
        """,
        "--collect-only",
        "-q",
    )
    assert ids(result) == [*names(*USUAL, only="check_creating"), *both]
    assert _calls(functools.partial(print)) == {"check", "check_creating"}


def test_a_runaway_is_cut_off_early_unless_the_marker_says_otherwise(
    pytester: pytest.Pytester,
) -> None:
    result = run(
        pytester,
        """
        def hang(job_id):
            while True:
                try:
                    client.get_job(JobId=job_id)
                except Exception:
                    pass
                time.sleep(10)

        @pytest.mark.dxjobs(scenarios="stuck-in-waiting")
        def test_usual(dxjobs_scenario):
            dxjobs_scenario.check(hang)

        @pytest.mark.dxjobs(scenarios="stuck-in-waiting", max_polls=50)
        def test_earlier(dxjobs_scenario):
            dxjobs_scenario.check(hang)
        """,
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E *But it had not come to an end: get_job was called 1501 times for *",
            "E *But it had not come to an end: get_job was called 51 times for *",
            "E *Usually: the loop has no deadline, or *",
            "E *Where so many polls are meant, max_polls sets another bound.",
        ]
    )


def test_the_fixture_is_to_be_named(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_it(request): request.getfixturevalue('dxjobs_scenario')\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["dxjobs_scenario is to be among the arguments of the test,*"])
