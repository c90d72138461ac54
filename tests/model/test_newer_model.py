"""Job types of a newer service model: example values, validation, operations and strategies."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import pytest_dxjobs as dx
from pytest_dxjobs import strategies as dxst
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._model.validation import violations

NEW_TYPE = "EXPORT_TABLES_TO_MOON_BASE"
NEW_DETAILS = {
    "type": "structure",
    "required": ["DataSetId", "Destinations"],
    "members": {
        "DataSetId": {"shape": "Id"},
        "Destinations": {"shape": "MoonDestinations"},
        "Encryption": {"shape": "ExportServerSideEncryption"},
        "Ship": {"shape": "MoonShip"},
        "Crew": {"shape": "MoonCrew"},
        "Cargo": {"shape": "MoonCargo"},
        "Fuel": {"shape": "MoonFuel"},
        "Thrust": {"shape": "__double"},
        "Manned": {"shape": "MoonManned"},
        "LaunchedAt": {"shape": "MoonTime"},
        "LandUrlExpiresAt": {"shape": "Timestamp"},
        "Manifest": {"shape": "MoonManifest"},
        "Log": {"shape": "MoonLog"},
        "Contact": {"shape": "MoonContact"},
        "Callsign": {"shape": "MoonCallsign"},
        "PadId": {"shape": "MoonPad"},
        "Motto": {"shape": "MoonMotto"},
        "ShipArn": {"shape": "__string"},
        "Mass": {"shape": "MoonMass"},
        "Stage": {"shape": "MoonStage"},
    },
}
NEW_SHAPES = {
    "MoonDestinations": {"type": "list", "member": {"shape": "MoonDestination"}, "min": 2},
    "MoonDestination": {
        "type": "structure",
        "required": ["Bucket"],
        "members": {"Bucket": {"shape": "__string"}, "RevisionId": {"shape": "Id"}},
    },
    "MoonShip": {"type": "string", "enum": ["EAGLE", "ORION"]},
    "MoonCrew": {"type": "integer", "min": 2, "max": 5},
    "MoonCargo": {"type": "map", "key": {"shape": "__string"}, "value": {"shape": "MoonFuel"}},
    "MoonFuel": {"type": "long"},
    "MoonStage": {
        "type": "structure",
        "members": {
            "Height": {"shape": "MoonFuel"},
            "Upper": {"shape": "MoonStage"},
            "Boosters": {"shape": "MoonStages"},
        },
    },
    "MoonStages": {"type": "list", "member": {"shape": "MoonStage"}},
    "MoonMass": {"type": "bigdecimal"},
    "MoonManned": {"type": "boolean"},
    "MoonTime": {"type": "timestamp"},
    "MoonManifest": {"type": "blob"},
    "MoonLog": {"type": "string", "min": 60},
    "MoonContact": {"type": "string", "pattern": "[a-z]+@[a-z]+\\.com"},
    "MoonCallsign": {"type": "string", "pattern": "[A-Z]{2}-\\d+", "min": 6, "max": 6},
    "MoonPad": {"type": "string", "pattern": "\\d{12}"},
    "MoonMotto": {"type": "string", "pattern": "[a-z]+", "max": 100},
}


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A client whose service model has one more job type."""
    source = next(Path(botocore.__file__).parent.glob("data/dataexchange/*/service-2.json*"))
    text = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    model = json.loads(text)
    shapes = model["shapes"]
    shapes["Type"]["enum"] += [NEW_TYPE, "EXPORT_ELSEWHERE"]
    shapes["ResponseDetails"]["members"]["ExportTablesToMoonBase"] = {"shape": "MoonDetails"}
    shapes["Details"]["members"]["ExportTablesToMoonBaseJobErrorDetails"] = {"shape": "MoonErrorDetails"}
    shapes["State"]["enum"].append("PAUSED")
    shapes["RequestDetails"]["members"]["ExportTablesToMoonBase"] = {"shape": "MoonRequest"}
    shapes["RequestDetails"]["members"]["ExportElsewhere"] = {"shape": "MoonRequest"}
    shapes["MoonRequest"] = {
        "type": "structure",
        "required": ["DataSetId"],
        "members": {
            "DataSetId": {"shape": "Id"},
            "Destinations": {"shape": "MoonDestinations"},
            "Speed": {"shape": "MoonFuel"},
        },
    }
    shapes["MoonDetails"] = NEW_DETAILS
    shapes["MoonErrorDetails"] = {
        "type": "structure",
        "members": {"Ship": {"shape": "MoonShip"}, "Other": {"shape": "__string"}},
    }
    shapes["JobErrorLimitName"]["enum"].append("Moons per revision")
    shapes["JobErrorResourceTypes"]["enum"].append("MOON")
    shapes.update(NEW_SHAPES)
    del model["operations"]["ListJobs"]["http"]["responseCode"]
    home = tmp_path / "models" / "dataexchange" / source.parent.name
    home.mkdir(parents=True)
    (home / "service-2.json").write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path / "models"))
    return botocore.session.Session().create_client(
        "dataexchange",
        region_name="us-east-1",
        aws_access_key_id="example",
        aws_secret_access_key="example",
    )


@pytest.mark.parametrize("state", dx.JOB_STATES)
def test_new_type_is_complete_coherent_and_parsed_unchanged(newer: Any, state: str) -> None:
    made: dict[str, Any] = dict(dx.make_job(NEW_TYPE, state))
    assert set(made["Details"]["ExportTablesToMoonBase"]) == set(NEW_DETAILS["members"])
    assert dx.find_problems(made) == []
    bodies: list[Any] = []
    newer.meta.events.register(
        "after-call", lambda http_response, **_: bodies.append(json.loads(http_response.content))
    )
    with dx.FakeDataExchange() as fake:
        response = newer.get_job(JobId=fake.add_job(made).id)
    del response["ResponseMetadata"]
    assert response == made
    sent = bodies[0]["Details"]["ExportTablesToMoonBase"]
    # The default format of REST-JSON, unless a shape has another.
    assert isinstance(sent["LaunchedAt"], float)
    assert sent["LandUrlExpiresAt"].endswith("Z")


def test_example_values_of_a_new_type_fit_its_model(newer: Any) -> None:
    del newer
    details: Any = dx.make_job(NEW_TYPE)["Details"]
    details = details["ExportTablesToMoonBase"]
    assert len(details["Destinations"]) == 2
    assert details["Ship"] == "EAGLE"
    assert 2 <= details["Crew"] <= 5
    assert details["Log"] == "x" * 60
    assert details["Contact"] == "example@example.com"
    assert details["PadId"] == "123456789012"
    assert details["Motto"] == "example"
    assert details["Callsign"] == "AA-000"
    assert details["Manned"] is True
    assert details["Stage"] == {"Height": 1}  # without recursive members
    assert details["Manifest"] == b"example"


def test_errors_of_a_new_type_refer_to_its_details(newer: Any) -> None:
    del newer
    job: Any = dx.make_job(NEW_TYPE, "ERROR")
    (error,) = job["Errors"]
    assert error["ResourceType"] == "REVISION"
    assert error["Details"] == {"ExportTablesToMoonBaseJobErrorDetails": {"Ship": "EAGLE"}}
    error["Details"]["ExportTablesToMoonBaseJobErrorDetails"]["Ship"] = "ORION"
    (problem,) = dx.find_problems(job)
    assert problem.startswith("Errors[0].Details.ExportTablesToMoonBaseJobErrorDetails.Ship: ")
    assert "'ORION' differs from the job's Details, 'EAGLE'" in problem
    job["Errors"] = [
        dx.make_error(
            "SERVICE_QUOTA_EXCEEDED_EXCEPTION",
            LimitName="Moons per revision",
            LimitValue=1,
            ResourceType="MOON",
            ResourceId="luna",
        )
    ]
    assert dx.find_problems(job) == []  # limits and resources of a newer model fit any type


def test_details_of_a_new_type_are_validated_by_its_model(newer: Any) -> None:
    del newer
    job: Any = dx.make_job(NEW_TYPE)
    details = job["Details"]["ExportTablesToMoonBase"]
    details.update(Crew=9, Fuel=1.5, Manned=1, Manifest="text", Cargo=[], Ship="MIR", Contact="nobody")
    details["Destinations"] = [{"Bucket": "b"}]
    details["ShipArn"] = "ship"
    places = sorted(problem.split(":")[0].rpartition("Base.")[2] for problem in dx.find_problems(job))
    assert places == [
        "Cargo",
        "Contact",
        "Crew",
        "Destinations",
        "Destinations[0].Bucket",
        "Fuel",
        "Manifest",
        "Manned",
        "Ship",
        "ShipArn",
    ]
    details["Cargo"] = {5: "much"}
    assert any("Cargo key 5: a string is needed" in problem for problem in dx.find_problems(job))
    assert any("Cargo.5: an integer is needed" in problem for problem in dx.find_problems(job))


def test_type_without_a_matching_details_member_has_empty_details(newer: Any) -> None:
    with dx.FakeDataExchange() as fake:
        with pytest.raises(dx.UsageError, match="EXPORT_ELSEWHERE has no Details"):
            fake.add_job("EXPORT_ELSEWHERE", Details={"ExportElsewhere": {}})
        job = fake.add_job("EXPORT_ELSEWHERE", dx.stays("ERROR"))
        response = newer.get_job(JobId=job.id)
    assert (response["Type"], response["Details"]) == ("EXPORT_ELSEWHERE", {})


def test_new_type_is_unknown_without_the_newer_model() -> None:
    with pytest.raises(dx.UsageError, match=NEW_TYPE):
        dx.make_job(NEW_TYPE)


def test_job_of_a_new_type_is_created_and_enters_new_states(newer: Any) -> None:
    given = {"DataSetId": "d" * 32, "Destinations": [{"Bucket": "crater"}] * 2}
    details = {"ExportTablesToMoonBase": {**given, "Speed": 7}}
    with dx.FakeDataExchange() as fake:
        stages = [
            ("IN_PROGRESS", dx.polls(1)),
            ("PAUSED", dx.polls(1)),
            ("IN_PROGRESS", dx.polls(1)),
        ]
        fake.next_job(dx.history(*stages, "COMPLETED"), type=NEW_TYPE)
        created = newer.create_job(Type=NEW_TYPE, Details=details)
        own = created["Details"]["ExportTablesToMoonBase"]
        assert own.pop("LandUrlExpiresAt") > created["CreatedAt"]  # generated by the service
        assert own == given  # without Speed, which only the request has
        newer.start_job(JobId=created["Id"])
        states = [newer.get_job(JobId=created["Id"])["State"] for _ in range(4)]
        assert states == ["IN_PROGRESS", "PAUSED", "IN_PROGRESS", "COMPLETED"]


def test_type_without_response_details_is_created(newer: Any) -> None:
    details = {"ExportElsewhere": {"DataSetId": "d" * 32}}
    with dx.FakeDataExchange():
        created = newer.create_job(Type="EXPORT_ELSEWHERE", Details=details)
    assert (created["State"], created["Details"]) == ("WAITING", {})


def test_operation_without_a_status_in_the_model_returns_200(newer: Any) -> None:
    with dx.FakeDataExchange():
        assert newer.list_jobs()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_strategies_draw_the_new_type_from_its_model(newer: Any) -> None:
    found = []

    @settings(max_examples=100, database=None, deadline=None, phases=[Phase.generate])
    @given(dxst.jobs(type=NEW_TYPE))
    def collect_new_type(job: Any) -> None:
        assert dx.find_problems(job) == []
        found.append(job["Details"]["ExportTablesToMoonBase"])

    collect_new_type()
    assert all(len(details["Destinations"]) >= 2 for details in found)
    assert {details.get("Ship") for details in found} == {"EAGLE", "ORION", None}
    assert {details.get("Manned") for details in found} == {True, False, None}

    @settings(max_examples=300, database=None, deadline=None, phases=[Phase.generate])
    @given(dxst.jobs())
    def collect_types(job: Any) -> None:
        found.append(job["Type"])

    collect_types()
    assert NEW_TYPE in found

    @settings(
        max_examples=200,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(dxst.model_responses())
    def collect_responses(response: Any) -> None:
        assert list(violations(model().job, response, "")) == []
        found.append("ExportTablesToMoonBase" in response.get("Details", {}))

    collect_responses()
    assert True in found
