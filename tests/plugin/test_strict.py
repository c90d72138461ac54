"""Strict checks at the end of a test, and the ini options, in pytest runs within the test."""

from __future__ import annotations

import textwrap

import pytest

HEAD = """\
import botocore.session, contextlib, pytest, time, pytest_dxjobs as dx

def client():
    return botocore.session.Session().create_client("dataexchange", region_name="us-east-1")

def sync():
    with contextlib.suppress(Exception):
        client().get_data_set(DataSetId="a")

"""


def run(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=HEAD + textwrap.dedent(code))
    return pytester.runpytest("-p", "no:randomly", "-p", "no:cacheprovider", *options)


UNUSED = """
def test_it(dxjobs):
    dxjobs.add_response("list_data_sets", times=3)
    client().list_data_sets()
    dxjobs.add_response("get_revision", {}, {"DataSetId": "a" * 32, "RevisionId": "b" * 32}, times=dx.ALWAYS)
    dxjobs.next_job(dx.completes(polls=2), type="EXPORT_ASSETS_TO_S3")
    sync()
"""


def test_one_message_lists_everything_unused_and_unanswered(pytester: pytest.Pytester) -> None:
    result = run(pytester, UNUSED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "AssertionError: get_data_set of dataexchange was called with DataSetId='a', and nothing *",
            "It was raised at *test_it.py:8, in sync, and the code swallowed it.",
            "unused responses:",
            "  add_response('list_data_sets') (used 1 of 3 times)",
            "  add_response('get_revision') for {'DataSetId': 'aaa*",
            "unused histories:",
            "  next_job(dx.completes(polls=2), type='EXPORT_ASSETS_TO_S3')",
            "*strict=False*",
        ],
        consecutive=False,
    )


@pytest.mark.parametrize(
    ("marker", "options"),
    [("@pytest.mark.dxjobs(strict=False)", ()), ("", ("-o", "dxjobs_strict=false"))],
)
def test_marker_and_ini_option_turn_the_checks_off(
    pytester: pytest.Pytester, marker: str, options: tuple[str, ...]
) -> None:
    run(pytester, marker + UNUSED, *options).assert_outcomes(passed=1)


def test_a_marker_overrides_the_ini_option(pytester: pytest.Pytester) -> None:
    code = "@pytest.mark.dxjobs(strict=True)" + UNUSED
    run(pytester, code, "-o", "dxjobs_strict=false").assert_outcomes(failed=1)


def test_a_test_that_failed_keeps_its_own_failure(pytester: pytest.Pytester) -> None:
    result = run(pytester, UNUSED + "    assert 1 + 1 == 3\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E       assert (1 + 1) == 3"])
    result.stdout.no_fnmatch_line("*unused responses*")


def test_used_responses_pass_the_checks(pytester: pytest.Pytester) -> None:
    code = """
    def test_it(dxjobs):
        dxjobs.add_response("list_data_sets", times=dx.ALWAYS)
        dxjobs.add_client_error("list_data_sets", "AccessDeniedException")
        client().list_data_sets()
        client().list_data_sets()
        dxjobs.reset()
        dxjobs.add_response("list_event_actions")
        client().list_event_actions()
    """
    run(pytester, code).assert_outcomes(passed=1)


def test_the_fake_gets_the_ini_options(pytester: pytest.Pytester) -> None:
    pytester.makeini(
        """
        [pytest]
        dxjobs_region = eu-west-1
        dxjobs_account_id = 012345678901
        dxjobs_max_polls = 3
        dxjobs_max_polls_after_end = none
        dxjobs_max_wait = 0.5
        """
    )
    code = """
    def test_it(dxjobs):
        job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
        assert job.arn.startswith("arn:aws:dataexchange:eu-west-1:012345678901:")
        one = client()
        for _ in range(3):
            one.get_job(JobId=job.id)
        with pytest.raises(dx.RunawayPolling):
            one.get_job(JobId=job.id)

    @pytest.mark.dxjobs(max_polls=None)
    def test_no_limit(dxjobs):
        job, one = dxjobs.add_job(), client()
        for _ in range(30):
            one.get_job(JobId=job.id)
    """
    run(pytester, code).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "max_polls=many",
            "dxjobs_max_polls: a whole number from 1 is needed, or None for no limit, not 'many'",
        ),
        ("max_polls=1.5", "dxjobs_max_polls: a whole number from 1 is needed*not 1.5"),
        (
            "max_wait=soon",
            "dxjobs_max_wait: seconds or a timedelta above 0 is needed, or None for no limit, not 'soon'",
        ),
        ("region=nowhere", "dxjobs_region: 'nowhere' is not a region*"),
        ("strict=maybe", "dxjobs_strict: *maybe*; true or false is needed"),
        ("account_id=12", "dxjobs_account_id: '12' is not an account id: use 12 digits"),
    ],
)
def test_an_error_in_the_ini_file_names_the_option(pytester: pytest.Pytester, option: str, message: str) -> None:
    result = run(pytester, "def test_it(dxjobs): pass", "-o", f"dxjobs_{option}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"UsageError: ini option {message}"])


@pytest.mark.skipif(pytest.version_tuple < (9, 2), reason="pytest reads no numbers from a TOML file")
@pytest.mark.parametrize("option", ["max_polls = 3", "max_polls_after_end = 3", "max_wait = 0.5"])
def test_a_toml_file_may_hold_numbers(pytester: pytest.Pytester, option: str) -> None:
    pytester.makepyprojecttoml(f"[tool.pytest]\ndxjobs_{option}")
    code = """
    def test_it(dxjobs, dxjobs_clock):
        job, one = dxjobs.add_job("EXPORT_ASSETS_TO_S3"), client()
        with pytest.raises(dx.RunawayPolling):
            for _ in range(6):
                one.get_job(JobId=job.id)
                time.sleep(0.2)
    """
    run(pytester, code).assert_outcomes(passed=1)


def test_an_unreadable_ini_option_is_a_usage_error(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ndxjobs_scenarios = 'unclosed")
    result = run(pytester, "def test_it(dxjobs_scenario): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["UsageError: ini option dxjobs_scenarios: No closing quotation"])


def test_a_swallowed_call_in_a_teardown_is_an_error_there(pytester: pytest.Pytester) -> None:
    code = """
    @pytest.fixture
    def cleaning(dxjobs):
        dxjobs.add_response("list_data_sets")
        yield
        sync()

    @pytest.mark.dxjobs(strict=True)
    def test_it(cleaning):
        client().list_data_sets()

    def test_that_failed(cleaning):
        assert 1 + 1 == 3
    """
    result = run(pytester, code)
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["UnexpectedCall: get_data_set of dataexchange was called*"])


RERUN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for _ in range(2):
        item._initrequest()
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            item.ihook.pytest_runtest_logreport(report=report)
    return True
"""


def test_a_rerun_test_is_checked_again(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(RERUN)
    code = """
    ran = []

    def test_it(dxjobs):
        sync()
        ran.append(1)
        assert len(ran) == 1, "the second time"
    """
    result = run(pytester, code)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*UnexpectedCall: get_data_set *", "E * the second time"])
