"""The fixture ``dxjobs_scenario`` and the selection of scenarios."""

from __future__ import annotations

import functools
import textwrap

import pytest

from pytest_dxjobs._plugin.scenario_selection import _called_checks
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
    return [line.partition("[")[2].rstrip("]") for line in result.outlines if line.startswith("test_it")]


def names(*groups: str, only: str | None = "check") -> list[str]:
    return [each.name for each in catalogue() if each.group in groups and each.only in (None, only)]


DEFAULT_GROUPS = ("states", "job-errors", "service-errors", "creating")
TEST = """
def test_wait(dxjobs_scenario):
    dxjobs_scenario.check(wait)
"""
CREATING = """
def test_creating(dxjobs_scenario):
    dxjobs_scenario.check_creating(lambda: None)
"""


def test_a_test_runs_for_each_scenario_of_the_default_groups(pytester: pytest.Pytester) -> None:
    result = run(pytester, TEST, "--collect-only", "-q")
    assert ids(result) == names(*DEFAULT_GROUPS)
    assert "two-jobs" not in ids(result)


def test_a_test_that_calls_check_creating_gets_the_scenarios_for_it(
    pytester: pytest.Pytester,
) -> None:
    result = run(pytester, CREATING, "--collect-only", "-q")
    assert ids(result) == names(*DEFAULT_GROUPS, only="check_creating")
    assert {"two-jobs", "signed-url-missing"} < {*ids(result)}
    assert "never-started" not in ids(result)


def test_the_marker_selects_groups_and_names(pytester: pytest.Pytester) -> None:
    expected = {
        '"states"': names("states"),
        '["resilience", "error"]': ["error", *names("resilience")],
        '"all"': names(*DEFAULT_GROUPS, "resilience", "future"),
        '"two-jobs"': ["two-jobs"],
    }
    tests = [f"@pytest.mark.dxjobs(scenarios={selected}){TEST}" for selected in expected]
    code = "".join(test.replace("test_wait", f"test_{n}") for n, test in enumerate(tests))
    result = run(pytester, code, "--collect-only", "-q")
    assert ids(result) == [name for selected in expected.values() for name in selected]


def test_the_ini_file_selects_groups_and_names(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ndxjobs_scenarios = resilience error")
    result = run(pytester, TEST, "--collect-only", "-q")
    assert ids(result) == ["error", *names("resilience")]


@pytest.mark.parametrize("place", ["marker", "ini"])
def test_an_excluded_scenario_is_skipped_with_its_reason(pytester: pytest.Pytester, place: str) -> None:
    code = f'@pytest.mark.dxjobs(scenarios="states"){TEST}'
    if place == "marker":
        code = code.replace('"states"', '"states", without={"never-started": "not: ours"}')
    else:
        pytester.makeini("[pytest]\ndxjobs_without =\n    never-started: not: ours")
    result = run(pytester, code, "-rs")
    result.assert_outcomes(passed=8, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * not: ours"])


def test_an_invalid_option_is_a_usage_error(pytester: pytest.Pytester) -> None:
    expected = {
        'scenarios="sates"': "scenarios: 'sates' is not valid; did you mean 'states'? Choose from all, creating, *",
        "scenarios=7": "scenarios: a name or a list of names is needed, not 7",
        "scenarios=[7]": "scenarios: 7 is not valid*",
        'without=["error: ours"]': "without: a dict such as {'timed-out': 'the reason'} is needed, not *",
        "without=7": "without: a dict such as {'timed-out': 'the reason'} is needed, not 7",
        'without={"eror": "x"}': "without: 'eror' is not valid; did you mean 'error'? Choose from *",
        'without={"error": " "}': "without: error: a reason is needed, not ' '",
        'scenario="all"': "'scenario' is not valid; did you mean 'scenarios'? Choose from *",
    }
    for number, option in enumerate(expected):
        code = f"import pytest\n@pytest.mark.dxjobs({option}){TEST}"
        pytester.makepyfile(**{f"test_{number}": code})
    result = pytester.runpytest("-p", "no:randomly")
    result.assert_outcomes(errors=len(expected))
    result.stdout.fnmatch_lines([f"UsageError: @pytest.mark.dxjobs: {message}" for message in expected.values()])


def test_the_exclusions_of_all_markers_are_merged(pytester: pytest.Pytester) -> None:
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


def test_a_test_that_calls_no_check_fails(pytester: pytest.Pytester) -> None:
    code = '@pytest.mark.dxjobs(scenarios="error")\ndef test_wait(dxjobs_scenario): pass\n'
    result = run(pytester, code)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["dxjobs_scenario: the test called neither check() nor *"])


def test_a_failed_check_is_reported_at_its_line(pytester: pytest.Pytester) -> None:
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
            "E *But it returned None, as if the job had succeeded.",
            "E *Usually: *",
        ]
    )


def test_the_scenario_has_the_fake_the_clock_and_the_job(pytester: pytest.Pytester) -> None:
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


def test_other_operations_get_default_responses_unless_the_test_adds_one(
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
    message = "*UsageError: check: an event loop is running already, and the code needs its own; make the *"
    result.stdout.fnmatch_lines([message, message])


def test_a_project_adds_scenarios_by_the_hook(pytester: pytest.Pytester) -> None:
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
    assert ids(result) == [*names(*DEFAULT_GROUPS), "expired-token"]
    result = run(pytester, f'@pytest.mark.dxjobs(scenarios="own"){TEST}', "-v")
    result.assert_outcomes(passed=1)


def test_an_invalid_scenario_of_the_hook_is_a_usage_error(pytester: pytest.Pytester) -> None:
    expected = {
        "['error']": "dx.Scenario objects are needed, not 'error'",
        "[None]": "dx.Scenario objects are needed, not None",
        "7": "dx.Scenario objects are needed, not 7",
        "dx.Scenario('all', 'Mine.')": "the name 'all' belongs to another scenario or group",
        "dx.Scenario('error', 'Mine.')": "the name 'error' belongs to another scenario or group",
        "dx.Scenario('mine', 'Mine.', group='all')": "mine: the group name 'all' is reserved *",
    }
    for number, returned in enumerate(expected):
        folder = pytester.mkdir(f"folder_{number}")
        folder.joinpath("conftest.py").write_text(
            f"import pytest_dxjobs as dx\ndef pytest_dxjobs_scenarios(): return {returned}\n"
        )
        folder.joinpath(f"test_{number}.py").write_text(TEST)
    result = pytester.runpytest("-p", "no:randomly")
    result.assert_outcomes(errors=len(expected))
    result.stdout.fnmatch_lines([f"UsageError: pytest_dxjobs_scenarios: {message}" for message in expected.values()])


def test_a_group_of_the_project_is_selected_by_default_and_by_name(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(
        """
        import pytest_dxjobs as dx
        def pytest_dxjobs_scenarios(): return dx.Scenario("mine", "Mine.", group="exports")
        """
    )
    code = f'{TEST}@pytest.mark.dxjobs(scenarios="exports"){TEST.replace("wait(", "other(", 1)}'
    assert ids(run(pytester, code, "--collect-only", "-q")) == [
        *names(*DEFAULT_GROUPS),
        "mine",
        "mine",
    ]


def test_the_check_is_found_in_a_decorated_test(pytester: pytest.Pytester) -> None:
    both = [each.name for each in catalogue() if each.group in DEFAULT_GROUPS]
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
    assert ids(result) == [*names(*DEFAULT_GROUPS, only="check_creating"), *both]
    assert _called_checks(functools.partial(print)) == {"check", "check_creating"}


def test_a_scenario_lowers_max_polls_unless_the_marker_sets_it(
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
        def test_default(dxjobs_scenario):
            dxjobs_scenario.check(hang)

        @pytest.mark.dxjobs(scenarios="stuck-in-waiting", max_polls=50)
        def test_marked(dxjobs_scenario):
            dxjobs_scenario.check(hang)
        """,
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E *But it did not end: get_job was called 3751 times for *",
            "E *But it did not end: get_job was called 51 times for *",
            "E *Usually: the loop has no deadline, or *",
            "E *If so much polling is intended, raise the option max_polls.",
        ]
    )


def test_the_fixture_must_be_an_argument(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_it(request): request.getfixturevalue('dxjobs_scenario')\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["dxjobs_scenario has no scenario here. Make it an argument *"])
