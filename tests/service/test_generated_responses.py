"""Every operation of the installed client: answers laid down, errors, and answers made from the service model."""

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

OPERATIONS: dict[str, Any] = {
    botocore.xform_name(name): MODEL.operation_model(name) for name in MODEL.operation_names
}
ID, OTHER = "d" * 32, "e" * 32

WORDS = (
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


def word(shape: Any) -> str:
    """A string that the shape permits; the model's own pattern for account ids permits none."""
    bounds = range(shape.metadata.get("min", 0), shape.metadata.get("max", 99) + 1)
    pattern = shape.metadata.get("pattern", ".*")
    permitted = (each for each in WORDS if re.fullmatch(pattern, each) and len(each) in bounds)
    return str(shape.enum[0] if shape.enum else next(permitted, "123456789012"))


def build(shape: Any, *, whole: bool) -> Any:
    """A value that the shape permits: of its required members, or of all of them."""
    if shape.type_name == "structure":
        members = shape.members if whole else shape.required_members
        return {name: build(shape.members[name], whole=whole) for name in members}
    if shape.type_name == "list":
        return [build(shape.member, whole=whole)]
    if shape.type_name == "map":
        return {"key": build(shape.value, whole=whole)}
    return word(shape) if shape.type_name == "string" else SCALARS[shape.type_name]


def leaves(shape: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    if shape.type_name == "structure":
        for name, part in value.items():
            yield from leaves(shape.members[name], part)
    elif shape.type_name == "list":
        for part in value:
            yield from leaves(shape.member, part)
    else:
        yield shape, value


def ask(client: Any, method: str, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the client returns, and its metadata apart."""
    returned = getattr(client, method)(**params)
    return returned, returned.pop("ResponseMetadata")


# Every operation


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("method", OPERATIONS)
def test_every_operation_answers_what_was_laid_down(
    dxjobs: dx.FakeDataExchange, client: Any, method: str, whole: bool
) -> None:
    operation = OPERATIONS[method]
    params = build(operation.input_shape, whole=whole)
    answer = build(operation.output_shape, whole=whole) if operation.output_shape else {}
    dxjobs.add_response(method, answer, params)
    returned, metadata = ask(client, method, params)
    # Of SendApiAsset every header and the bare body belong to the answer.
    headers = answer.pop("ResponseHeaders", {})
    assert headers.items() <= returned.pop("ResponseHeaders", {}).items()
    assert returned.pop("Body", "") == answer.pop("Body", "")
    assert returned == answer
    assert metadata["HTTPStatusCode"] == operation.http["responseCode"]
    (call,) = dxjobs.calls
    assert call.operation == method
    assert call.params | params == call.params  # botocore may add a token of its own


@pytest.mark.parametrize("method", OPERATIONS)
def test_every_operation_takes_an_error(
    dxjobs: dx.FakeDataExchange, client: Any, method: str
) -> None:
    operation = OPERATIONS[method]
    dxjobs.add_client_error(method, "AccessDeniedException", "not yours")
    with pytest.raises(client.exceptions.AccessDeniedException) as caught:
        getattr(client, method)(**build(operation.input_shape, whole=False))
    assert caught.value.operation_name == operation.name
    assert caught.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": "not yours",
    }
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("method", sorted(OPERATIONS.keys() - {"create_job"}))
def test_every_operation_has_a_valid_answer_of_its_own(
    dxjobs: dx.FakeDataExchange, client: Any, method: str
) -> None:
    shape = OPERATIONS[method].output_shape or MODEL.shape_for("StartJobResponse")
    dxjobs.add_response(method)
    params = build(OPERATIONS[method].input_shape, whole=False)
    returned, _ = ask(client, method, params)
    assert bool(returned) == bool(shape.members)
    validate_parameters(returned, shape)
    for part, value in leaves(shape, returned):
        assert re.fullmatch(part.metadata.get("pattern", ".*"), str(value), re.ASCII)
        assert value in part.metadata.get("enum", [value])


# Made from the model and the request

HERE = "arn:aws:dataexchange:us-east-1:123456789012:"
GRANT = f"arn:aws:dataexchange:eu-west-1:210987654321:data-grants/{OTHER}"
ASSET = "f" * 32
SET: dict[str, Any] = {"AssetType": "S3_SNAPSHOT", "Name": "n", "Description": "d"}
IN_SET: dict[str, Any] = {"DataSetId": ID, "Comment": "c", "Tags": {"a": "b"}}
REVISION = {"DataSetId": ID, "RevisionId": OTHER}
PATH = f"{HERE}data-sets/{ID}/revisions/{OTHER}"


ECHOES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("create_data_set", SET, SET),
    ("get_data_set", {"DataSetId": ID}, {"Id": ID, "Arn": f"{HERE}data-sets/{ID}"}),
    ("update_data_set", {"DataSetId": ID, "Name": "n"}, {"Id": ID, "Name": "n"}),
    ("create_revision", IN_SET, IN_SET | {"Finalized": False}),
    ("create_revision", {"DataSetId": ID, "Comment": ""}, {"Comment": ""}),
    (
        "get_revision",
        REVISION,
        {"Id": OTHER, "DataSetId": ID, "Arn": PATH, "RevokedAt": None, "SourceId": None},
    ),
    (
        "update_revision",
        {**REVISION, "Finalized": True, "Comment": "c"},
        {"Id": OTHER, "DataSetId": ID, "Finalized": True, "Comment": "c", "Arn": PATH},
    ),
    ("update_revision", {**REVISION, "Finalized": False}, {"Id": OTHER, "Finalized": False}),
    (
        "revoke_revision",
        {**REVISION, "RevocationComment": "out of date"},
        {"RevocationComment": "out of date", "Revoked": True, "Arn": PATH, "SourceId": None},
    ),
    (
        "update_asset",
        {**REVISION, "AssetId": ASSET, "Name": "a.csv"},
        {**REVISION, "Id": ASSET, "Name": "a.csv", "Arn": f"{PATH}/assets/{ASSET}"},
    ),
    ("get_event_action", {"EventActionId": ID}, {"Arn": f"{HERE}event-actions/{ID}"}),
    ("get_data_grant", {"DataGrantId": ID}, {"Id": ID, "Arn": f"{HERE}data-grants/{ID}"}),
    ("get_data_grant", {"DataGrantId": GRANT}, {"Id": OTHER, "Arn": GRANT}),
    ("accept_data_grant", {"DataGrantArn": GRANT}, {"Id": OTHER, "Arn": GRANT}),
    ("get_received_data_grant", {"DataGrantArn": GRANT}, {"Id": OTHER, "Arn": GRANT}),
    ("get_job", {"JobId": ID}, {"Id": ID, "Arn": f"{HERE}jobs/{ID}"}),
]


@pytest.mark.parametrize(
    ("method", "params", "answer"), [echo for echo in ECHOES if echo[0] in OPERATIONS]
)
def test_what_the_request_says_is_echoed(
    dxjobs: dx.FakeDataExchange,
    client: Any,
    method: str,
    params: dict[str, Any],
    answer: dict[str, Any],
) -> None:
    dxjobs.add_response(method)
    returned, _ = ask(client, method, params)
    assert {name: returned.get(name) for name in answer} == answer
    assert returned["Arn"].endswith(f"/{returned['Id']}")


def test_an_id_that_is_none_is_refused(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    for method, name in (("get_data_set", "DataSetId"), ("get_event_action", "EventActionId")):
        dxjobs.add_response(method)
        with pytest.raises(client.exceptions.ValidationException, match="Id: 'x' does not match"):
            getattr(client, method)(**{name: "x"})


def test_entries_of_a_list_belong_to_what_was_asked(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.add_response("list_data_set_revisions")
    dxjobs.add_response("list_revision_assets")
    (revision,) = client.list_data_set_revisions(DataSetId=ID)["Revisions"]
    assert revision["DataSetId"] == ID
    assert revision["Arn"].endswith(f":data-sets/{ID}/revisions/{revision['Id']}")
    (asset,) = client.list_revision_assets(**REVISION)["Assets"]
    assert (asset["DataSetId"], asset["RevisionId"]) == (ID, OTHER)
    assert asset["Arn"].endswith(f":data-sets/{ID}/revisions/{OTHER}/assets/{asset['Id']}")


def test_what_is_created_has_an_id_of_its_own(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    dxjobs.add_response("create_revision", times=dx.ALWAYS)
    ids = {client.create_revision(DataSetId=ID)["Id"] for _ in range(5)}
    assert len(ids - {ID}) == 5


def test_a_made_up_job_is_whole(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    export = {"AssetDestinations": [{"AssetId": ID, "Bucket": "prices"}], **REVISION}
    for method in ("get_job", "list_jobs", "create_job"):
        dxjobs.add_response(method)
    got, _ = ask(client, "get_job", {"JobId": ID})
    made, _ = ask(
        client,
        "create_job",
        {"Type": "EXPORT_ASSETS_TO_S3", "Details": {"ExportAssetsToS3": export}},
    )
    for job in (got, made, *client.list_jobs()["Jobs"]):
        assert dx.find_problems(job) == []
    assert (made["State"], made["Details"]) == ("WAITING", {"ExportAssetsToS3": export})


@pytest.mark.parametrize("method", [name for name in OPERATIONS if name.startswith("list_")])
def test_a_paginator_comes_to_its_end(
    dxjobs: dx.FakeDataExchange, client: Any, method: str
) -> None:
    params = build(OPERATIONS[method].input_shape, whole=False)
    dxjobs.add_response(method, times=dx.ALWAYS)
    whole = build(OPERATIONS[method].input_shape, whole=True)
    assert "NextToken" not in getattr(client, method)(**whole)
    if client.can_paginate(method):
        pages = list(client.get_paginator(method).paginate(**params))
        assert len(pages) == 1


def test_a_job_that_is_made_up_is_created_as_the_service_would(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    details = {"AssetId": ID, "DataSetId": ID, "RevisionId": ID}
    dxjobs.add_response("create_job", times=2)
    returned, _ = ask(
        client,
        "create_job",
        {"Type": "EXPORT_ASSET_TO_SIGNED_URL", "Details": {"ExportAssetToSignedUrl": details}},
    )
    assert (returned["State"], dx.find_problems(returned)) == ("WAITING", [])
    assert dxjobs.jobs == []
    with pytest.raises(client.exceptions.ValidationException, match="does not fit the Type"):
        client.create_job(Type="IMPORT_ASSETS_FROM_S3", Details={"ExportAssetToSignedUrl": details})


def test_a_job_that_is_made_up_has_the_id_that_was_asked_for(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    dxjobs.add_response("get_job", times=2)
    assert client.get_job(JobId=ID)["Id"] == ID
    with pytest.raises(client.exceptions.ValidationException, match="'nightly' is no job id"):
        client.get_job(JobId="nightly")
