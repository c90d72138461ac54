"""The ini option ``dxjobs_default_region``, and the hint for a client without a region."""

from __future__ import annotations

import os

import pytest


def test_a_default_region_lets_code_create_its_client_at_import(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ndxjobs_default_region = eu-west-1\n")
    pytester.makepyfile(
        """
        import boto3, os
        KEYS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
        CLIENT = boto3.client("dataexchange", **KEYS)

        def test_one(dxjobs):
            assert CLIENT.meta.region_name == os.environ["EXPECTED"]
            job = dxjobs.add_job()
            assert CLIENT.get_job(JobId=job.id)["Id"] == job.id
        """
    )
    for configured, expected in ((None, "eu-west-1"), ("sa-east-1", "sa-east-1")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EXPECTED", expected)
            if configured is not None:
                patch.setenv("AWS_DEFAULT_REGION", configured)
            result = pytester.runpytest("-p", "no:randomly")
            assert os.environ.get("AWS_DEFAULT_REGION") == configured
        result.assert_outcomes(passed=1)


def test_a_default_region_is_set_before_plugins_and_conftest_files_are_imported(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_PLUGINS", "early")
    pytester.makeini("[pytest]\ndxjobs_default_region = eu-west-1\n")
    pytester.makeconftest("import code_under_test")
    pytester.makepyfile(
        early="def pytest_load_initial_conftests(): import code_under_test",
        code_under_test="""
        import boto3
        KEYS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
        assert boto3.client("dataexchange", **KEYS).meta.region_name == "eu-west-1"
        """,
        test_it="def test_one(): pass",
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=1)


def test_a_default_region_is_set_despite_an_unknown_profile(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "there is no such profile")
    pytester.makeini("[pytest]\ndxjobs_default_region = eu-west-1\n")
    pytester.makepyfile("import os\ndef test_one(): assert os.environ['AWS_DEFAULT_REGION'] == 'eu-west-1'")
    pytester.runpytest("-p", "no:randomly").assert_outcomes(passed=1)


def test_a_malformed_default_region_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ndxjobs_default_region = Ohio\n")
    errors = pytester.runpytest_subprocess().stderr.str()
    assert "ERROR: ini option dxjobs_default_region: 'Ohio' is not a region: use a name such as us-east-1" in errors


def test_a_client_without_a_region_at_import_gets_a_hint(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    pytester.makepyfile(
        test_it="""
        import boto3
        KEYS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
        CLIENT = boto3.client("dataexchange", **KEYS)
        """,
        test_other="raise ValueError",
    )
    report = pytester.runpytest("-p", "no:randomly").stdout.str()
    assert report.count("set dxjobs_default_region = us-east-1 in pytest's configuration.") == 1
