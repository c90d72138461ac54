"""``add_response``: checked when it is called, matched by parameters, used in order, returned as copies."""

from __future__ import annotations

import copy
import re
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY

import pytest_dxjobs as dx

ID, OTHER = "d" * 32, "e" * 32
DESTINATION = {"AssetId": ID, "Bucket": "prices", "Key": "a/b.csv"}
EXPORT = {"AssetDestinations": [DESTINATION], "DataSetId": ID, "RevisionId": OTHER}
CREATE: dict[str, Any] = {"Type": "EXPORT_ASSETS_TO_S3", "Details": {"ExportAssetsToS3": EXPORT}}


def state_of(client: Any, job_id: str = ID) -> object:
    return client.get_job(JobId=job_id)["State"]


# Arguments are checked


@pytest.mark.parametrize("method", ["list_datasets", "ListDataSets", "get_paginator", "", None, []])
def test_an_unknown_operation_is_refused(dxjobs: dx.FakeDataExchange, method: Any) -> None:
    for add in (dxjobs.add_response, dxjobs.add_client_error):
        with pytest.raises(dx.UsageError, match="cancel_job, create_data_") as caught:
            add(method)
        assert repr(method) in str(caught.value)
    dxjobs.assert_no_pending_responses()


def test_a_misspelt_operation_gets_a_hint(dxjobs: dx.FakeDataExchange) -> None:
    with pytest.raises(dx.UsageError, match="did you mean 'list_data_sets'"):
        dxjobs.add_response("list_datasets")


def test_all_violations_are_listed_at_once(dxjobs: dx.FakeDataExchange) -> None:
    response = {
        "Id": "short",
        "State": "EXPLODED",
        "Statte": "ERROR",
        "CreatedAt": "yesterday",
        "Details": {"ExportAssetsToS3": {"AssetDestinations": [DESTINATION, {"Key": 5}]}},
    }
    with pytest.raises(dx.UsageError) as caught:
        dxjobs.add_response("get_job", response)
    headline, *lines = str(caught.value).splitlines()
    assert "add_response('get_job')" in headline
    export = "Details.ExportAssetsToS3"
    assert sorted(line.split(":")[0].strip() for line in lines) == [
        "CreatedAt",
        f"{export}.AssetDestinations[1].AssetId",
        f"{export}.AssetDestinations[1].Bucket",
        f"{export}.AssetDestinations[1].Key",
        f"{export}.DataSetId",
        f"{export}.RevisionId",
        "Id",
        "State",
        "Statte",
    ]
    (statte,) = (line for line in lines if "Statte" in line)
    assert re.search(r"; did you mean 'State'\? Choose from Arn, .*, UpdatedAt$", statte)
    dxjobs.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("method", "response"),
    [
        ("cancel_job", {"Id": ID}),  # its response has no members
        ("start_job", {"Id": ID}),
        ("list_data_sets", []),
        ("list_data_sets", "made"),
        ("list_data_sets", {"DataSets": {"Id": ID}}),
        ("list_data_sets", {1: []}),
        ("update_revision", {"Finalized": "yes"}),
        ("revoke_revision", {"RevocationComment": "short"}),
        ("update_revision", {"Id": ID + "\n"}),
        ("update_revision", {"ResponseMetadata": {"HTTPStatusCode": 300}}),
        ("update_revision", {"ResponseMetadata": {"HTTPStatusCode": "200"}}),
        ("update_revision", {"ResponseMetadata": {"HttpStatus": 200}}),
        ("update_revision", {"ResponseMetadata": 200}),
    ],
)
def test_a_response_that_the_service_could_not_send_is_refused(
    dxjobs: dx.FakeDataExchange, method: str, response: Any
) -> None:
    with pytest.raises(dx.UsageError, match=re.escape(f"add_response({method!r})")):
        dxjobs.add_response(method, response)
    dxjobs.assert_no_pending_responses()


def test_all_violations_in_expected_params_are_listed_at_once(dxjobs: dx.FakeDataExchange) -> None:
    wrong = {"Type": "EXPORT", "Details": {"ExportAssetToS3": {}, "ExportRevisionsToS3": ANY}}
    for add in (dxjobs.add_response, dxjobs.add_client_error):
        with pytest.raises(dx.UsageError) as caught:
            add("create_job", expected_params={**wrong, "Typ": 1})
        assert "Type: 'EXPORT' is not valid" in str(caught.value)
        assert "Details.ExportAssetToS3: " in str(caught.value)
        assert "  Typ: " in str(caught.value)
        with pytest.raises(dx.UsageError, match=r"expected_params.*\n.*dict"):
            add("create_job", expected_params=["Type"])  # type: ignore[arg-type]
    dxjobs.assert_no_pending_responses()


@pytest.mark.parametrize("times", [0, -1, True, 1.5, "2", None])
def test_times_is_a_whole_number_from_one(dxjobs: dx.FakeDataExchange, times: Any) -> None:
    for add in (dxjobs.add_response, dxjobs.add_client_error):
        with pytest.raises(dx.UsageError, match="times: a whole number from 1"):
            add("get_job", times=times)
    dxjobs.assert_no_pending_responses()


def test_violations_in_response_and_expected_params_are_listed_at_once(
    dxjobs: dx.FakeDataExchange,
) -> None:
    with pytest.raises(dx.UsageError) as caught:
        dxjobs.add_response("get_job", {"State": "DONE", "Id": "short"}, {"Job": 1})
    message = str(caught.value)
    assert re.findall(r"^  (\w+): ", message, re.MULTILINE) == ["Job", "JobId", "Id", "State"]


@pytest.mark.parametrize("expected", [ANY, "JobId", ["JobId"], 5])
def test_expected_params_are_a_dict(dxjobs: dx.FakeDataExchange, expected: Any) -> None:
    for add in (dxjobs.add_response, dxjobs.add_client_error):
        with pytest.raises(dx.UsageError, match=r"invalid expected_params:\n  a dict is needed"):
            add("get_job", expected_params=expected)


def test_members_for_an_empty_response_are_refused(
    dxjobs: dx.FakeDataExchange,
) -> None:
    for method in ("start_job", "cancel_job"):
        with pytest.raises(dx.UsageError, match="the response of this operation has no members:\n  Id: "):
            dxjobs.add_response(method, {"Id": ID})


def test_a_response_hidden_by_an_earlier_one_is_marked() -> None:
    fake = dx.FakeDataExchange()
    fake.add_response("get_data_set", expected_params={"DataSetId": ID}, times=dx.ALWAYS)
    fake.add_response("get_data_set", times=2)
    fake.add_response("get_data_set", times=dx.ALWAYS)
    fake.add_response("get_data_set", {"Id": ID})
    with pytest.raises(AssertionError) as caught:
        fake.assert_no_pending_responses()
    covered = [line for line in str(caught.value).splitlines() if "applies to every call" in line]
    assert covered == ["  add_response('get_data_set'): an earlier response applies to every call"]
    assert len(str(caught.value).splitlines()) == 5


class Odd:
    """A matcher that raises."""

    def __eq__(self, other: object) -> bool:
        raise KeyError("odd")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.dxjobs(strict=False)
def test_a_matcher_that_raises_is_a_usage_error(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("get_job", expected_params={"JobId": Odd()})
    with pytest.raises(dx.UsageError, match=r"comparing JobId of expected_params .* KeyError: 'odd'"):
        client.get_job(JobId=ID)
    assert isinstance(dxjobs.calls[0].error, dx.UsageError)


class Like:
    """A matcher that can only be compared with a string."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, str)
        return self.text == other

    __hash__ = None  # type: ignore[assignment]


def test_a_matcher_is_only_compared_with_the_given_parameter(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    for data_set in ID, OTHER:
        dxjobs.add_response("get_data_set", expected_params={"DataSetId": Like(data_set)})
    for data_set in OTHER, ID:
        client.get_data_set(DataSetId=data_set)
    dxjobs.assert_no_pending_responses()


def test_an_unused_response_is_shown_as_it_was_written(dxjobs: dx.FakeDataExchange) -> None:
    dxjobs.add_response("get_job")
    with pytest.raises(AssertionError, match=r"\n  add_response\('get_job'\)$"):
        dxjobs.assert_no_pending_responses()
    dxjobs.reset()


# Which response a call gets


@pytest.mark.parametrize(
    "expected",
    [
        CREATE,
        {"Type": ANY, "Details": ANY},
        {"Type": "EXPORT_ASSETS_TO_S3", "Details": {"ExportAssetsToS3": ANY}},
        {"Type": ANY, "Details": {"ExportAssetsToS3": {**EXPORT, "RevisionId": ANY}}},
        {
            "Type": ANY,
            "Details": {
                "ExportAssetsToS3": {
                    **EXPORT,
                    "AssetDestinations": [{**DESTINATION, "Key": ANY}],
                }
            },
        },
    ],
)
def test_any_stands_for_any_value_at_any_depth(
    dxjobs: dx.FakeDataExchange, client: Any, expected: dict[str, Any]
) -> None:
    dxjobs.add_response("create_job", {"Id": OTHER}, expected)
    assert client.create_job(**CREATE)["Id"] == OTHER


@pytest.mark.parametrize(
    "expected",
    [
        {"DataSetId": OTHER, "MaxResults": 7},
        {"DataSetId": ANY, "MaxResults": 5},
        {"DataSetId": ANY, "MaxResults": ANY, "NextToken": ANY},
        {"DataSetId": ID},
    ],
)
def test_all_parameters_must_match(dxjobs: dx.FakeDataExchange, client: Any, expected: dict[str, Any]) -> None:
    params = {"MaxResults": 7, "DataSetId": ID}
    dxjobs.add_response("list_data_set_revisions", {}, expected)
    with pytest.raises(dx.UnexpectedCall):
        client.list_data_set_revisions(**params)
    dxjobs.add_response("list_data_set_revisions", {"NextToken": "more"}, params)
    assert client.list_data_set_revisions(**params)["NextToken"] == "more"
    dxjobs.reset()  # the unused response


def test_only_parameters_that_botocore_fills_in_are_ignored(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    params = {"DataSetId": ID, "Type": "DATA_UPDATE"}  # and a ClientToken
    dxjobs.add_response("send_data_set_notification", {}, params)
    with pytest.raises(dx.UnexpectedCall, match="Comment='new' is not expected"):
        client.send_data_set_notification(**params, Comment="new")
    client.send_data_set_notification(**params)


def test_responses_are_used_in_order_for_each_operation(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    for token in ("1", "2"):
        dxjobs.add_response("list_data_sets", {"NextToken": token})
    dxjobs.add_client_error("list_data_sets", "ValidationException")
    dxjobs.add_response("list_event_actions", {"NextToken": "other"})
    assert client.list_event_actions()["NextToken"] == "other"
    assert client.list_data_sets()["NextToken"] == "1"
    assert client.list_data_sets()["NextToken"] == "2"
    with pytest.raises(client.exceptions.ValidationException):
        client.list_data_sets()


def test_the_first_response_that_matches_is_used(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("get_data_set", {"Name": "other"}, {"DataSetId": OTHER})
    dxjobs.add_client_error("get_data_set", "NoSuchThing", expected_params={"DataSetId": OTHER})
    dxjobs.add_response("get_data_set", {"Name": "mine"}, {"DataSetId": ID})
    dxjobs.add_response("get_data_set", {"Name": "any"})
    names = [client.get_data_set(DataSetId=id_)["Name"] for id_ in (ID, ID, OTHER)]
    assert names == ["mine", "any", "other"]
    with pytest.raises(ClientError, match="NoSuchThing"):
        client.get_data_set(DataSetId=OTHER)


def test_a_queued_response_precedes_the_job(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    other = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("CANCELLED"))
    dxjobs.add_response("get_job", {"State": "TIMED_OUT"}, {"JobId": job.id})
    assert state_of(client, other.id) == "CANCELLED"
    assert state_of(client, job.id) == "TIMED_OUT"
    assert state_of(client, job.id) == "IN_PROGRESS"


def test_times_and_always_limit_the_calls(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("get_job", {"State": "WAITING"}, times=2)
    dxjobs.add_client_error("get_job", "ConflictException", times=2)
    dxjobs.add_response("get_job", {"State": "ERROR"}, times=dx.ALWAYS)
    dxjobs.add_response("get_job", {"State": "COMPLETED"}, {"JobId": OTHER}, times=dx.ALWAYS)
    assert [state_of(client) for _ in range(2)] == ["WAITING"] * 2
    for _ in range(2):
        with pytest.raises(client.exceptions.ConflictException):
            state_of(client)
    with pytest.raises(AssertionError, match="get_job"):
        dxjobs.assert_no_pending_responses()
    assert {state_of(client) for _ in range(9)} == {"ERROR"}
    with pytest.raises(AssertionError, match=OTHER):
        dxjobs.assert_no_pending_responses()
    dxjobs.reset()
    dxjobs.assert_no_pending_responses()


def test_pending_responses_are_named(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.assert_no_pending_responses()
    dxjobs.add_response("list_data_sets", {}, times=3)
    dxjobs.add_response("get_revision", None, {"DataSetId": ID, "RevisionId": OTHER})
    dxjobs.add_client_error("get_asset", "ThrottlingException")
    dxjobs.add_response("list_jobs", {})
    client.list_data_sets()
    client.list_jobs()
    with pytest.raises(AssertionError) as caught:
        dxjobs.assert_no_pending_responses()
    message = str(caught.value)
    for part in ("list_data_sets", "1 of 3", "get_revision", OTHER, "get_asset", "Throttling"):
        assert part in message
    assert "list_jobs" not in message
    dxjobs.reset()


def test_an_unexpected_call_shows_why_no_response_matches(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("list_data_set_revisions", {}, {"DataSetId": ID})
    client.list_data_set_revisions(DataSetId=ID)
    dxjobs.add_response("list_data_set_revisions", {}, {"DataSetId": OTHER, "MaxResults": 5})
    dxjobs.add_client_error("list_data_set_revisions", "Odd", expected_params={"DataSetId": ID, "NextToken": "t"})
    dxjobs.add_response("list_data_sets", {})
    with pytest.raises(dx.UnexpectedCall) as caught:
        client.list_data_set_revisions(DataSetId=ID, MaxResults=6)
    call, used_up, other, odd, *_ = str(caught.value).splitlines()
    assert "list_data_set_revisions" in call
    assert repr(ID) in call
    assert "MaxResults=6" in call
    assert "used up" in used_up
    assert f"DataSetId is expected to be {OTHER!r}, not {ID!r}" in other
    assert "MaxResults is expected to be 5, not 6" in other
    assert "add_client_error" in odd
    assert "NextToken is expected and missing" in odd
    assert "MaxResults=6 is not expected" in odd
    assert "list_data_sets'" not in str(caught.value)
    dxjobs.reset()


# Copies


def test_changing_the_arguments_afterwards_changes_nothing(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    response, expected = copy.deepcopy(CREATE), copy.deepcopy(CREATE)
    fields = {"ResourceId": ID}
    dxjobs.add_response("create_job", response, expected, times=2)
    dxjobs.add_client_error("create_job", "ConflictException", modeled_fields=fields)
    for each in (response, expected):
        each["Details"]["ExportAssetsToS3"].clear()
    fields["ResourceId"] = OTHER
    for _ in range(2):
        details = client.create_job(**CREATE)["Details"]
        assert details == CREATE["Details"]
        details.clear()  # a copy
    with pytest.raises(client.exceptions.ConflictException) as caught:
        client.create_job(**CREATE)
    assert caught.value.response["ResourceId"] == ID


def test_matchers_are_permitted_in_expected_params(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("get_data_set", expected_params={"DataSetId": mock.ANY})
    client.get_data_set(DataSetId=ID)
    event = {"RevisionPublished": {"DataSetId": mock.ANY}}
    dxjobs.add_response("untag_resource", expected_params={"ResourceArn": ANY, "TagKeys": ("a",)})
    client.untag_resource(ResourceArn="arn", TagKeys=["a"])
    dxjobs.add_response("create_event_action", expected_params={"Action": ANY, "Event": event})
    destination = {"RevisionDestination": {"Bucket": "my-bucket"}}
    client.create_event_action(
        Action={"ExportRevisionToS3": destination}, Event={"RevisionPublished": {"DataSetId": ID}}
    )


def test_an_invalid_id_gets_a_hint(dxjobs: dx.FakeDataExchange) -> None:
    with pytest.raises(dx.UsageError) as caught:
        dxjobs.add_response("get_job", {"State": "DONE"})
    assert "job_id" not in str(caught.value)
    with pytest.raises(dx.UsageError, match=r"dx\.job_id\('label'\) makes a valid id"):
        dxjobs.add_response("get_job", {"Id": "job-1"})
    with pytest.raises(dx.UsageError, match=r"dx\.job_id\('label'\) makes a valid id"):
        dxjobs.add_response("create_job", expected_params={"Details": {"ExportAssetsToS3": {"RevisionId": "r-1"}}})


def test_a_response_is_dated_when_it_is_sent(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    dxjobs.add_response("get_job", {"State": "COMPLETED"})
    dxjobs_clock.tick(86_400 + 3723)
    metadata = client.get_job(JobId=dx.job_id("nightly"))["ResponseMetadata"]
    assert metadata["HTTPHeaders"]["date"] == "Thu, 02 Jan 2025 01:02:03 GMT"
