"""The fixtures, the marker and the ini options, in pytest runs within the test."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest

import pytest_dxjobs as dx
from pytest_dxjobs._clock.virtual_clock import START
from pytest_dxjobs._scenarios.catalogue import DEFAULT_GROUPS, GROUPS

PREAMBLE = """
import boto3, pytest
import pytest_dxjobs as dx

KEYS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
CLIENT = boto3.client("dataexchange", region_name="us-east-1", **KEYS)

def state(job):
    return CLIENT.get_job(JobId=job.id)["State"]
"""


def run(pytester: pytest.Pytester, body: str, *args: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=PREAMBLE + inspect.cleandoc(body))
    return pytester.runpytest("-p", "no:randomly", "-p", "no:cacheprovider", *args)


def test_the_fixture_is_an_active_fake_for_one_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        from botocore.client import BaseClient
        ORIGINAL = BaseClient._make_request
        seen = []

        @pytest.fixture
        def job(dxjobs):
            return dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("ERROR"))

        def test_one(dxjobs: dx.FakeDataExchange, job):
            assert isinstance(dxjobs, dx.FakeDataExchange)
            assert state(job) == "ERROR"
            seen.append((dxjobs, job.id))

        class TestMore:
            def test_two(self, dxjobs, dxjobs_client):
                before, job_id = seen[0]
                assert dxjobs is not before
                with pytest.raises(dxjobs_client.exceptions.ResourceNotFoundException):
                    dxjobs_client.get_job(JobId=job_id)

        def test_three():
            assert BaseClient._make_request is ORIGINAL
        """,
    )
    result.assert_outcomes(passed=3)


def test_getfixturevalue_works(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_one(request):
            fake = request.getfixturevalue("dxjobs")
            assert state(fake.add_job()) == "COMPLETED"
            assert request.getfixturevalue("dxjobs") is fake

        @pytest.mark.usefixtures("dxjobs")
        def test_two(request):
            with pytest.raises(CLIENT.exceptions.ResourceNotFoundException):
                CLIENT.get_job(JobId=dx.job_id("x"))
        """,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
@pytest.mark.parametrize("how", ["dxjobs", "request"])
def test_a_fixture_of_wider_scope_fails_with_a_hint(pytester: pytest.Pytester, scope: str, how: str) -> None:
    fake = "dxjobs" if how == "dxjobs" else "request.getfixturevalue('dxjobs')"
    result = run(
        pytester,
        f"""
        @pytest.fixture(scope="{scope}")
        def wide({how}):
            return {fake}.add_job()

        def test_one(wide):
            pass

        def test_two(dxjobs):
            assert state(dxjobs.add_job()) == "COMPLETED"
        """,
    )
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*ScopeMismatch: *dxjobs*",
            "*test_it.py:*def wide(*",
            "dxjobs and dxjobs_clock are fresh for *Give that fixture function scope, *FakeDataExchange()*",
        ]
    )


def test_the_scope_hint_covers_the_clock(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture(scope="module")
        def wide(dxjobs_clock): pass

        def test_one(wide): pass
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Give that fixture function scope, *VirtualClock()*"])


def test_a_fixture_requested_in_the_test_gets_the_scope_hint(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture(scope="module")
        def wide(dxjobs):
            pass

        def test_one(request):
            request.getfixturevalue("wide")
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["dxjobs and dxjobs_clock are fresh for every test, *"])


def test_other_scope_mismatches_get_no_hint(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture
        def narrow():
            pass

        @pytest.fixture(scope="session")
        def wide(narrow):
            pass

        def test_one(wide):
            pass
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.no_fnmatch_line("*fresh for every test*")


def test_patches_are_undone_after_a_failed_or_interrupted_test(pytester: pytest.Pytester) -> None:
    checks = """
        import botocore.client, botocore.session
        METHODS = [(botocore.client.BaseClient, "_make_request"), (botocore.session.Session, "create_client")]
        ORIGINALS = [vars(owner)[name] for owner, name in METHODS]

        def pytest_unconfigure():
            from test_it import CLIENT
            remaining = [n for n in CLIENT.meta.events._emitter._unique_id_handlers if "dxjobs" in str(n)]
            clean = [vars(owner)[name] for owner, name in METHODS] == ORIGINALS and not remaining
            print("clean" if clean else f"not clean: {remaining}")
    """
    pytester.makeconftest(inspect.cleandoc(checks))
    for ending in ("assert False", "raise KeyboardInterrupt", "pytest.exit('enough')"):
        pytester.makepyfile(
            test_it=PREAMBLE
            + f"def test_one(dxjobs):\n    state(dxjobs.add_job())\n    print('polled')\n    {ending}\n"
        )
        result = pytester.runpytest_subprocess("-s", "-p", "no:randomly")
        result.stdout.fnmatch_lines(["*polled*", "*clean"])
        result.stdout.no_fnmatch_line("*not clean*")


def test_a_swallowed_unexpected_call_fails_the_test_once(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import unittest

        def swallow(call):
            try:
                call()
            except Exception:
                pass

        def test_one(dxjobs):
            swallow(CLIENT.list_data_sets)

        @pytest.mark.usefixtures("dxjobs")
        class TestCase(unittest.TestCase):
            def test_swallowing(self):
                swallow(CLIENT.list_event_actions)

            def test_failing(self):
                swallow(CLIENT.list_event_actions)
                raise KeyError("body")

            def test_expecting(self):
                with pytest.raises(dx.UnexpectedCall):
                    CLIENT.list_event_actions()

        def test_expected(dxjobs):
            with pytest.raises(dx.UnexpectedCall):
                CLIENT.list_data_sets()

        @pytest.mark.dxjobs(strict=False)
        def test_relaxed(dxjobs):
            swallow(CLIENT.list_data_sets)

        def test_body_failed(dxjobs):
            swallow(CLIENT.list_data_sets)
            raise ZeroDivisionError
        """,
    )
    result.assert_outcomes(failed=4, passed=3)
    result.stdout.fnmatch_lines(
        [
            "*UnexpectedCall: list_data_sets of dataexchange was called*",
            "*swallowed it*",
            "*KeyError: 'body'",
            "*UnexpectedCall: list_event_actions of dataexchange was called*",
            "*ZeroDivisionError",
        ]
    )


def test_a_runaway_loop_fails_the_test_even_if_swallowed(
    pytester: pytest.Pytester,
) -> None:
    result = run(
        pytester,
        """
        def wait(job):
            while state(job) != "COMPLETED":
                pass

        def test_loop(dxjobs):
            wait(dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT")))

        @pytest.mark.dxjobs(max_polls=10)
        def test_pending(dxjobs):
            wait(dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING")))

        def test_swallowed(dxjobs):
            try:
                wait(dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("ERROR")))
            except Exception:
                pass
            helper(dxjobs)

        def helper(dxjobs):
            def consumer():
                try:
                    wait(dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("CANCELLED")))
                except Exception:
                    return "gave up"
            assert consumer() == "gave up"
        """,
    )
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*RunawayPolling: get_job was called 26 times for job * after it reported TIMED_OUT*",
            "*RunawayPolling: get_job was called 11 times for job * reported WAITING*",
            "*RunawayPolling: get_job was called 26 times for job * after it reported *",
            "*swallowed it*",
        ]
    )


def test_markers_merge_and_the_closest_wins(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        pytestmark = pytest.mark.dxjobs(region="eu-west-1", account_id="111111111111")

        @pytest.mark.dxjobs(region="eu-west-2")
        class TestIt:
            @pytest.mark.dxjobs(region="eu-west-3")
            def test_near(self, dxjobs):
                assert (dxjobs.region, dxjobs.account_id) == ("eu-west-3", "111111111111")
                assert dxjobs.add_job().arn.startswith("arn:aws:dataexchange:eu-west-3:111111111111:")

            def test_middle(self, dxjobs, dxjobs_client):
                assert dxjobs.region == dxjobs_client.meta.region_name == "eu-west-2"

        def test_far(dxjobs):
            assert dxjobs.region == "eu-west-1"
        """,
        "--strict-markers",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "regoin='eu-west-1'",
            "*mark.dxjobs: 'regoin' is not valid; did you mean 'region'? Choose from region, *",
        ),
        ("region=5", "*mark.dxjobs: region: a string is needed, not 5"),
        ("strict='no'", "*mark.dxjobs: strict: True or False is needed, not 'no'"),
        (
            "'eu-west-1'",
            "*mark.dxjobs: options are given by name, not as ('eu-west-1',); the names are region, account_id, *",
        ),
    ],
)
def test_an_error_in_a_marker_names_the_marker(pytester: pytest.Pytester, arguments: str, message: str) -> None:
    result = run(
        pytester,
        f"""
        @pytest.mark.dxjobs({arguments})
        def test_one(dxjobs):
            pass
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message.replace("[", "[[]")])


def test_the_marker_documents_its_options(pytester: pytest.Pytester) -> None:
    classes = (dx.FakeDataExchange, dx.VirtualClock)
    names = [name for each in classes for name in inspect.signature(each).parameters]
    options = ", ".join([*names, "scenarios", "without"])
    result = pytester.runpytest("--markers")
    result.stdout.fnmatch_lines([f"@pytest.mark.dxjobs([*], {options}): *"])


def test_marker_and_ini_options_document_their_defaults(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    parameters = inspect.signature(dx.FakeDataExchange).parameters
    defaults = {name: str(each.default).lower() for name, each in parameters.items()}
    opt_in = [each for each in GROUPS if each not in DEFAULT_GROUPS]
    defaults |= {
        "max_wait": str(int(parameters["max_wait"].default.total_seconds())),
        "start": str(START.date()),
        "scenarios": f"all but {' and '.join(opt_in)}",
        "without": "none",
    }
    markers = pytester.runpytest("--markers").outlines
    ini_options = " ".join(pytester.runpytest("--help").stdout.str().split())
    for name, default in defaults.items():
        [line] = [each for each in markers if each.startswith(f"  {name}: ")]
        assert line.endswith(f"; default {default}")
        text = line.removeprefix(f"  {name}: ")
        assert re.search(rf"dxjobs_{name} \([\w |]+\): {re.escape(text)} ", ini_options)


@pytest.mark.parametrize("name", ["dxjobs", "dxjobs_client", "dxjobs_clock", "dxjobs_scenario"])
def test_each_fixture_is_documented_by_one_sentence(pytester: pytest.Pytester, name: str) -> None:
    result = pytester.runpytest("--fixtures")
    result.stdout.fnmatch_lines([f"{name} -- *plugin.py:*", "    [AV]* *."])


def test_the_fake_works_in_a_unittest_class_without_fixtures(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import unittest

        class TestIt(unittest.TestCase):
            def setUp(self):
                self.fake = dx.FakeDataExchange()
                self.fake.activate()
                self.addCleanup(self.fake.deactivate)

            def test_one(self):
                assert state(self.fake.add_job()) == "COMPLETED"
        """,
    )
    result.assert_outcomes(passed=1)


def test_an_unused_plugin_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_heavy():
            heavy = {"botocore", "boto3", "freezegun", "hypothesis", "pytest_dxjobs._model.service_model"}
            assert "pytest_dxjobs.plugin" in sys.modules
            assert not heavy & set(sys.modules)
            assert {m for m in sys.modules if m.startswith("pytest_dxjobs")} == {
                "pytest_dxjobs", "pytest_dxjobs._core", "pytest_dxjobs._plugin", "pytest_dxjobs._plugin.hookspecs",
                "pytest_dxjobs._plugin.options", "pytest_dxjobs._core.running_test", "pytest_dxjobs._core.tracebacks",
                "pytest_dxjobs.plugin",
            }
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-p", "no:randomly", "-p", "no:freezer")
    result.assert_outcomes(passed=1)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, pytest_dxjobs; pytest_dxjobs.UsageError; "
        "print({'botocore', 'boto3', 'freezegun', 'hypothesis', 'pytest'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
