"""The fixture ``dxjobs_scenario``: which scenarios a test runs through, and what a mistake is told as."""

from __future__ import annotations

import asyncio
import functools
import textwrap
from typing import Any

import pytest

import pytest_dxjobs as dx
from pytest_dxjobs._catalogue import catalogue
from pytest_dxjobs._choice import _calls

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
        'without=["error"]': "without: error: a reason is needed, not ''",
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
        """,
        "-rs",
    )
    result.assert_outcomes(passed=7, skipped=2)
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


@pytest.fixture
def staged() -> Any:
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        yield dx.Scenario("mine", "Mine.")._staged(fake, clock)


def poll(fake: dx.FakeDataExchange) -> None:
    import boto3

    client = boto3.client("dataexchange", region_name="us-east-1")
    for job in fake.jobs:
        for _ in range(3):
            client.get_job(JobId=job.id)


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
        staged = dx.Scenario("mine", "Mine.", answer=answer)._staged(fake, clock)
        with pytest.raises(dx.UsageError, match=f"Scenario 'mine': answer has made no .*: {told}"):
            staged.check(lambda _: poll(fake))


def test_one_that_does_not_take_place_says_so() -> None:
    with pytest.raises(dx.UsageError, match="fake: mine does not take place; the fixture dxjobs_"):
        dx.Scenario("mine", "Mine.").fake.add_job()


def test_an_event_loop_of_the_test_is_not_disturbed(staged: dx.Scenario) -> None:
    async def test() -> None:
        with pytest.raises(dx.UsageError, match="plain function, not async"):
            staged.check(lambda _: asyncio.sleep(1))

    asyncio.run(test())
