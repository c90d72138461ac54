"""Reported tracebacks end at the user's line, in pytest runs within the test."""

from __future__ import annotations

import textwrap

import pytest

PREAMBLE = """
import boto3, pytest
import pytest_dxjobs as dx

KEYS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
CLIENT = boto3.client("dataexchange", region_name="us-east-1", **KEYS)

def list_data_sets():
    CLIENT.list_data_sets()  # the user's line
"""


def run(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=PREAMBLE + textwrap.dedent(code))
    return pytester.runpytest("-p", "no:randomly", "-p", "no:cacheprovider", *options)


def test_a_usage_error_is_reported_at_the_users_line(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_one(dxjobs):
            dxjobs.add_job("EXPORT_ASSET_TO_S3")

        @pytest.fixture
        def job(dxjobs):
            return dxjobs.add_job(dx.make_job(Bucket="prices"))

        def test_two(job):
            pass
        """,
    )
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            ">*dxjobs.add_job(dx.make_job(*",
            "E *UsageError: make_job: this does not fit a job of type EXPORT_ASSETS_TO_S3:",
            "test_it.py:*: UsageError",
            ">*dxjobs.add_job(*EXPORT_ASSET_TO_S3*)",
            "E *UsageError: add_job: type: 'EXPORT_ASSET_TO_S3' is not valid*",
            "test_it.py:*: UsageError",
        ]
    )
    result.stdout.no_fnmatch_line("*/factory.py*")


def test_a_usage_error_raised_by_the_test_is_reported_where_it_was_raised(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import pytest_dxjobs as dx

        def test_it():
            raise dx.UsageError("mine")
        """
    )
    result = pytester.runpytest("-p", "no:randomly")
    result.stdout.fnmatch_lines([">       raise dx.UsageError(*", "E       *UsageError: mine"])


def test_a_failed_call_is_reported_at_the_line_of_the_call(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_one(dxjobs):
            list_data_sets()

        def test_two(dxjobs):
            job = dxjobs.add_job()
            while True:
                CLIENT.get_job(JobId=job.id)

        def test_three():
            with dx.FakeDataExchange():
                list_data_sets()
        """,
    )
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            ">*CLIENT.list_data_sets()  # the user's line",
            "E *UnexpectedCall: list_data_sets of dataexchange was called*",
            "test_it.py:*: UnexpectedCall",
            ">*CLIENT.get_job(*",
            "E *RunawayPolling: get_job was called 26 times*",
            "test_it.py:*: RunawayPolling",
            "test_it.py:*: UnexpectedCall",
        ]
    )
    result.stdout.no_fnmatch_line("*client.py:*")
    assert len(result.outlines) < 90


def test_unittest_hypothesis_and_exception_groups_are_reported_at_the_users_line(
    pytester: pytest.Pytester,
) -> None:
    result = run(
        pytester,
        """
        import unittest
        from hypothesis import given, strategies as st

        class TestOld(unittest.TestCase):
            def test_it(self):
                with dx.FakeDataExchange(strict=False):
                    list_data_sets()

        @given(st.none())
        def test_given(dxjobs, _):
            list_data_sets()

        @given(st.none())
        def test_mistake(dxjobs, _):
            dxjobs.inject("no fault")  # the user's line

        class Group(Exception):
            def __init__(self, *exceptions):
                self.exceptions = exceptions

        @pytest.mark.dxjobs(strict=False)
        def test_caused(dxjobs):
            try:
                list_data_sets()
            except Exception as error:
                raise Group(error) from error
        """,
        "--tb=short",
    )
    result.assert_outcomes(failed=4)
    report = result.stdout.str()
    assert report.count("  # the user's line\n") == 4
    assert "botocore" not in report.replace("plugins: ", "")
    assert "/intercept.py" not in report


def test_code_run_by_a_scenario_check_is_reported_at_its_own_line(
    pytester: pytest.Pytester,
) -> None:
    result = run(
        pytester,
        """
        import asyncio, concurrent.futures

        pytestmark = pytest.mark.dxjobs(scenarios=["error"])

        def test_plain(dxjobs_scenario):
            dxjobs_scenario.check(lambda job_id: list_data_sets())

        def test_swallowed(dxjobs_scenario):
            def swallow(job_id):
                try:
                    list_data_sets()
                except Exception:
                    pass

            dxjobs_scenario.check(swallow)

        def test_async(dxjobs_scenario):
            async def wait(job_id):
                await asyncio.sleep(1)
                list_data_sets()

            dxjobs_scenario.check(lambda job_id: asyncio.wait_for(wait(job_id), 60))

        def test_in_a_thread(dxjobs_scenario):
            def wait(job_id):
                with concurrent.futures.ThreadPoolExecutor() as pool:
                    pool.submit(list_data_sets).exception()

            dxjobs_scenario.check(wait)

        def test_creating(dxjobs_scenario, dxjobs):
            dxjobs_scenario.check_creating(lambda: dxjobs.inject("no fault"))  # the user's line

        def test_raised_by_the_code(dxjobs_scenario):
            def wait(job_id):
                raise dx.UsageError("mine")  # the user's line

            dxjobs_scenario.check(wait)

        def test_wrong_argument(dxjobs_scenario):
            dxjobs_scenario.check(5)  # the user's line
        """,
        "--tb=short",
    )
    result.assert_outcomes(failed=7)
    report = result.stdout.str()
    assert report.count("  # the user's line\n") == 8  # test_creating shows its line twice
    for hidden in "/scenario.py", "/run.py", "asyncio/", "concurrent/":
        assert hidden not in report


def test_failures_in_setup_teardown_and_subtests_are_reported_at_the_users_line(
    pytester: pytest.Pytester,
) -> None:
    has_subtests = pytest.version_tuple >= (9,)
    pytester.makepyfile(
        base="""
        import unittest
        import boto3
        import pytest_dxjobs as dx

        class Base(unittest.TestCase):
            def setUp(self):
                with dx.FakeDataExchange(strict=False):
                    client = boto3.client("dataexchange")
                    client.list_data_sets()  # the user's line
        """
    )
    result = run(
        pytester,
        """
        from base import Base

        class TestIt(Base):
            def test_it(self):
                pass

        @pytest.fixture
        def after(dxjobs):
            yield
            list_data_sets()

        def test_teardown(after):
            pass

        @pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="pytest has no subtests")
        def test_subtest(dxjobs, request):
            with request.getfixturevalue("subtests").test():
                list_data_sets()
        """,
        "--tb=short",
        "-rN",
    )
    report = result.stdout.str()
    assert report.count("  # the user's line\n") == 2 + has_subtests
    for hidden in "/intercept.py", "plugin.py", "botocore/", "unittest/":
        assert hidden not in report


def test_a_user_module_may_have_the_name_of_a_stdlib_module(pytester: pytest.Pytester) -> None:
    call = "def call(fake):\n    fake.inject('no fault')  # the user's line\n"
    test = "from tabnanny import call\ndef test_it(dxjobs):\n    call(dxjobs)\n"
    pytester.makepyfile(tabnanny=call, test_it=test)
    result = pytester.runpytest("-p", "no:randomly", "--tb=short")
    result.assert_outcomes(failed=1)
    report = result.stdout.str()
    assert "  # the user's line\n" in report
    assert "/fault_injection.py" not in report


def test_a_cause_without_a_line_of_the_user_keeps_its_first_line(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import concurrent.futures

        @pytest.mark.dxjobs(strict=False)
        def test_it(dxjobs):
            with concurrent.futures.ThreadPoolExecutor() as pool:
                failure = pool.submit(CLIENT.list_data_sets).exception()
            raise ValueError("wrapped") from failure
        """,
        "--tb=short",
    )
    result.stdout.fnmatch_lines(["*thread.py:*", "E *UnexpectedCall: list_data_sets of *"])
    result.stdout.no_fnmatch_line("*botocore?client.py*")


def test_full_trace_shows_every_frame(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_it(dxjobs): list_data_sets()\n", "--full-trace")
    result.stdout.fnmatch_lines(["E *UnexpectedCall: *", "*intercept.py:*: UnexpectedCall"])


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest 8 itself fails without its terminal plugin")
def test_a_failure_is_reported_without_the_terminal_plugin(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(dxjobs): dxjobs.add_job('NOPE')")
    result = pytester.runpytest_subprocess("-p", "no:terminal", "-p", "no:randomly")
    assert (result.ret, "INTERNALERROR" in result.stdout.str() + result.stderr.str()) == (1, False)
