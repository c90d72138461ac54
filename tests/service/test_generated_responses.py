"""Every operation of the installed client: queued responses, errors, and generated responses."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

import botocore
import botocore.session
import pytest
from botocore.validate import validate_parameters
from clients import MODEL

import pytest_dxjobs as dx

OPERATIONS: dict[str, Any] = {botocore.xform_name(name): MODEL.operation_model(name) for name in MODEL.operation_names}
ID, OTHER_ID = "d" * 32, "e" * 32

EXAMPLE_STRINGS = (
    ID,
    f"arn:aws:dataexchange:us-east-1:123456789012:data-grants/{ID}",
    "arn:aws:iam::123456789012:role/reader",
    "AAAAAAAAAAAAAAAAAAAAAA==",
    "some words",
)
SCALARS: dict[str, Any] = {
    "boolean": True,
    "double": 2.5,
    "integer": 7,
    "timestamp": datetime.datetime(2024, 2, 29, 1, 2, 3, 456000, tzinfo=datetime.timezone.utc),
}


def example_string(shape: Any) -> str:
    """Return a string that the shape permits; an account id if no example does."""
    bounds = range(shape.metadata.get("min", 0), shape.metadata.get("max", 99) + 1)
    pattern = shape.metadata.get("pattern", ".*")
    permitted = (each for each in EXAMPLE_STRINGS if re.fullmatch(pattern, each) and len(each) in bounds)
    return str(shape.enum[0] if shape.enum else next(permitted, "123456789012"))


def build(shape: Any, *, all_members: bool) -> Any:
    """Build a value that the shape permits: with its required members, or with all."""
    if shape.type_name == "structure":
        members = shape.members if all_members else shape.required_members
        return {name: build(shape.members[name], all_members=all_members) for name in members}
    if shape.type_name == "list":
        return [build(shape.member, all_members=all_members)]
    if shape.type_name == "map":
        return {"key": build(shape.value, all_members=all_members)}
    return example_string(shape) if shape.type_name == "string" else SCALARS[shape.type_name]


def scalars(shape: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    if shape.type_name == "structure":
        for name, part in value.items():
            yield from scalars(shape.members[name], part)
    elif shape.type_name == "list":
        for part in value:
            yield from scalars(shape.member, part)
    else:
        yield shape, value


def call_and_split(client: Any, method: str, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the response of the client and its metadata."""
    returned = getattr(client, method)(**params)
    return returned, returned.pop("ResponseMetadata")


# Every operation


@pytest.mark.parametrize("all_members", [False, True])
@pytest.mark.parametrize("method", OPERATIONS)
def test_every_operation_returns_the_queued_response(
    dxjobs: dx.FakeDataExchange, client: Any, method: str, all_members: bool
) -> None:
    operation = OPERATIONS[method]
    params = build(operation.input_shape, all_members=all_members)
    response = build(operation.output_shape, all_members=all_members) if operation.output_shape else {}
    dxjobs.add_response(method, response, params)
    returned, metadata = call_and_split(client, method, params)
    # SendApiAsset returns every header and the raw body as members.
    headers = response.pop("ResponseHeaders", {})
    assert headers.items() <= returned.pop("ResponseHeaders", {}).items()
    assert returned.pop("Body", "") == response.pop("Body", "")
    assert returned == response
    assert metadata["HTTPStatusCode"] == operation.http["responseCode"]
    (call,) = dxjobs.calls
    assert call.operation == method
    assert call.params | params == call.params  # botocore may add a token of its own


@pytest.mark.parametrize("method", OPERATIONS)
def test_every_operation_raises_the_queued_error(dxjobs: dx.FakeDataExchange, client: Any, method: str) -> None:
    operation = OPERATIONS[method]
    dxjobs.add_client_error(method, "AccessDeniedException", "not yours")
    with pytest.raises(client.exceptions.AccessDeniedException) as caught:
        getattr(client, method)(**build(operation.input_shape, all_members=False))
    assert caught.value.operation_name == operation.name
    assert caught.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": "not yours",
    }
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("method", sorted(OPERATIONS.keys() - {"create_job"}))
def test_every_operation_generates_a_valid_response(dxjobs: dx.FakeDataExchange, client: Any, method: str) -> None:
    shape = OPERATIONS[method].output_shape or MODEL.shape_for("StartJobResponse")
    dxjobs.add_response(method)
    params = build(OPERATIONS[method].input_shape, all_members=False)
    returned, _ = call_and_split(client, method, params)
    assert bool(returned) == bool(shape.members)
    validate_parameters(returned, shape)
    for part, value in scalars(shape, returned):
        assert re.fullmatch(part.metadata.get("pattern", ".*"), str(value), re.ASCII)
        assert value in part.metadata.get("enum", [value])


# Generated from the model and the request

ARN_PREFIX = "arn:aws:dataexchange:us-east-1:123456789012:"
GRANT = f"arn:aws:dataexchange:eu-west-1:210987654321:data-grants/{OTHER_ID}"
ASSET = "f" * 32
DATA_SET: dict[str, Any] = {"AssetType": "S3_SNAPSHOT", "Name": "n", "Description": "d"}
IN_DATA_SET: dict[str, Any] = {"DataSetId": ID, "Comment": "c", "Tags": {"a": "b"}}
REVISION = {"DataSetId": ID, "RevisionId": OTHER_ID}
REVISION_ARN = f"{ARN_PREFIX}data-sets/{ID}/revisions/{OTHER_ID}"


REPEATED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("create_data_set", DATA_SET, DATA_SET),
    ("get_data_set", {"DataSetId": ID}, {"Id": ID, "Arn": f"{ARN_PREFIX}data-sets/{ID}"}),
    ("update_data_set", {"DataSetId": ID, "Name": "n"}, {"Id": ID, "Name": "n"}),
    ("create_revision", IN_DATA_SET, IN_DATA_SET | {"Finalized": False}),
    ("create_revision", {"DataSetId": ID, "Comment": ""}, {"Comment": ""}),
    (
        "get_revision",
        REVISION,
        {"Id": OTHER_ID, "DataSetId": ID, "Arn": REVISION_ARN, "RevokedAt": None, "SourceId": None},
    ),
    (
        "update_revision",
        {**REVISION, "Finalized": True, "Comment": "c"},
        {"Id": OTHER_ID, "DataSetId": ID, "Finalized": True, "Comment": "c", "Arn": REVISION_ARN},
    ),
    ("update_revision", {**REVISION, "Finalized": False}, {"Id": OTHER_ID, "Finalized": False}),
    (
        "revoke_revision",
        {**REVISION, "RevocationComment": "out of date"},
        {
            "RevocationComment": "out of date",
            "Revoked": True,
            "Arn": REVISION_ARN,
            "SourceId": None,
        },
    ),
    (
        "update_asset",
        {**REVISION, "AssetId": ASSET, "Name": "a.csv"},
        {**REVISION, "Id": ASSET, "Name": "a.csv", "Arn": f"{REVISION_ARN}/assets/{ASSET}"},
    ),
    ("get_event_action", {"EventActionId": ID}, {"Arn": f"{ARN_PREFIX}event-actions/{ID}"}),
    ("get_data_grant", {"DataGrantId": ID}, {"Id": ID, "Arn": f"{ARN_PREFIX}data-grants/{ID}"}),
    ("get_data_grant", {"DataGrantId": GRANT}, {"Id": OTHER_ID, "Arn": GRANT}),
    ("accept_data_grant", {"DataGrantArn": GRANT}, {"Id": OTHER_ID, "Arn": GRANT}),
    ("get_received_data_grant", {"DataGrantArn": GRANT}, {"Id": OTHER_ID, "Arn": GRANT}),
    ("get_job", {"JobId": ID}, {"Id": ID, "Arn": f"{ARN_PREFIX}jobs/{ID}"}),
]


@pytest.mark.parametrize(("method", "params", "response"), [case for case in REPEATED if case[0] in OPERATIONS])
def test_request_parameters_are_repeated(
    dxjobs: dx.FakeDataExchange,
    client: Any,
    method: str,
    params: dict[str, Any],
    response: dict[str, Any],
) -> None:
    dxjobs.add_response(method)
    returned, _ = call_and_split(client, method, params)
    assert {name: returned.get(name) for name in response} == response
    assert returned["Arn"].endswith(f"/{returned['Id']}")


def test_malformed_id_raises_validation_exception(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    for method, name in (("get_data_set", "DataSetId"), ("get_event_action", "EventActionId")):
        dxjobs.add_response(method)
        with pytest.raises(client.exceptions.ValidationException, match="Id: 'x' does not match"):
            getattr(client, method)(**{name: "x"})


def test_list_entries_belong_to_the_requested_resource(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("list_data_set_revisions")
    dxjobs.add_response("list_revision_assets")
    (revision,) = client.list_data_set_revisions(DataSetId=ID)["Revisions"]
    assert revision["DataSetId"] == ID
    assert revision["Arn"].endswith(f":data-sets/{ID}/revisions/{revision['Id']}")
    (asset,) = client.list_revision_assets(**REVISION)["Assets"]
    assert (asset["DataSetId"], asset["RevisionId"]) == (ID, OTHER_ID)
    assert asset["Arn"].endswith(f":data-sets/{ID}/revisions/{OTHER_ID}/assets/{asset['Id']}")


def test_created_resources_have_unique_ids(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("create_revision", times=dx.ALWAYS)
    ids = {client.create_revision(DataSetId=ID)["Id"] for _ in range(5)}
    assert len(ids - {ID}) == 5


def test_generated_jobs_are_coherent(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    export = {"AssetDestinations": [{"AssetId": ID, "Bucket": "prices"}], **REVISION}
    for method in ("get_job", "list_jobs", "create_job"):
        dxjobs.add_response(method)
    got, _ = call_and_split(client, "get_job", {"JobId": ID})
    created, _ = call_and_split(
        client,
        "create_job",
        {"Type": "EXPORT_ASSETS_TO_S3", "Details": {"ExportAssetsToS3": export}},
    )
    for job in (got, created, *client.list_jobs()["Jobs"]):
        assert dx.find_problems(job) == []
    assert (created["State"], created["Details"]) == ("WAITING", {"ExportAssetsToS3": export})


@pytest.mark.parametrize("method", [name for name in OPERATIONS if name.startswith("list_")])
def test_generated_page_is_the_last(dxjobs: dx.FakeDataExchange, client: Any, method: str) -> None:
    params = build(OPERATIONS[method].input_shape, all_members=False)
    dxjobs.add_response(method, times=dx.ALWAYS)
    full_params = build(OPERATIONS[method].input_shape, all_members=True)
    assert "NextToken" not in getattr(client, method)(**full_params)
    if client.can_paginate(method):
        pages = list(client.get_paginator(method).paginate(**params))
        assert len(pages) == 1


def test_generated_create_job_response_is_validated_like_a_real_one(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    details = {"AssetId": ID, "DataSetId": ID, "RevisionId": ID}
    dxjobs.add_response("create_job", times=2)
    returned, _ = call_and_split(
        client,
        "create_job",
        {"Type": "EXPORT_ASSET_TO_SIGNED_URL", "Details": {"ExportAssetToSignedUrl": details}},
    )
    assert (returned["State"], dx.find_problems(returned)) == ("WAITING", [])
    assert dxjobs.jobs == []
    with pytest.raises(client.exceptions.ValidationException, match="does not fit Type"):
        client.create_job(Type="IMPORT_ASSETS_FROM_S3", Details={"ExportAssetToSignedUrl": details})


def test_generated_job_has_the_requested_id(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("get_job", times=2)
    assert client.get_job(JobId=ID)["Id"] == ID
    with pytest.raises(client.exceptions.ValidationException, match="'nightly' is not a job id"):
        client.get_job(JobId="nightly")
