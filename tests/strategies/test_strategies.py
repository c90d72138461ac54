"""Drawn values are valid and coherent, and cover every type, state, member and code."""

from __future__ import annotations

import datetime
import itertools
import math
import subprocess
import sys
import textwrap
from typing import Any

import api_reference
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ShapeResolver
from clients import MODEL, START
from draws import GENERATE_ONLY, draw_examples, find_simplest
from hypothesis import example, given, settings
from hypothesis.errors import InvalidArgument
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from hypothesis.vendor.pretty import pretty

import pytest_dxjobs as dx
from pytest_dxjobs import faults, strategies as dxst
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._strategies.model_responses import strategy_for

JOB: Any = MODEL.operation_model("GetJob").output_shape
KNOWN_TYPES = JOB.members["Type"].metadata["enum"]


@pytest.fixture(scope="module")
def some_jobs() -> list[dict[str, Any]]:
    return [*draw_examples(dxst.jobs(), 1200), *draw_examples(dxst.jobs(state="ERROR"), 1300)]


def test_jobs_are_valid_and_coherent(some_jobs: list[dict[str, Any]]) -> None:
    assert len(some_jobs) == 2500
    for job in some_jobs:
        assert dx.find_problems(job) == []
        api_reference.assert_valid_job(job)


def paths(value: Any, path: str = "") -> list[str]:
    """Return the path of each member of a value, and ``path=text`` for each string."""
    if isinstance(value, dict):
        return [
            part_path
            for name, part in value.items()
            for part_path in (f"{path}.{name}", *paths(part, f"{path}.{name}"))
        ]
    if isinstance(value, list):
        return [part_path for part in value for part_path in paths(part, path)]
    return [f"{path}={value}"] if isinstance(value, str) else []


def model_paths(shape: Any, path: str = "") -> list[tuple[str, bool]]:
    """Return the path of each member and each enum value in the service model, and whether it is optional."""
    if shape.type_name == "structure":
        return [
            entry
            for name, part in shape.members.items()
            for entry in (
                (f"{path}.{name}", name not in shape.required_members),
                *model_paths(part, f"{path}.{name}"),
            )
        ]
    if shape.type_name == "list":
        return model_paths(shape.member, path)
    return [(f"{path}={value}", True) for value in shape.metadata.get("enum", ())]


def test_every_enum_value_is_drawn_and_every_optional_member_is_present_and_absent(
    some_jobs: list[dict[str, Any]],
) -> None:
    drawn = [set(paths(job)) for job in some_jobs]
    all_paths: set[str] = set().union(*drawn)
    for path, optional in model_paths(JOB):
        assert path in all_paths, path
        parent, _, name = path.rpartition(".")
        with_parent = [job_paths for job_paths in drawn if not parent or parent in job_paths]
        if optional and "=" not in path and name not in api_reference.JOB_MEMBERS:
            assert any(path not in job_paths for job_paths in with_parent), path


@pytest.mark.parametrize("type_", KNOWN_TYPES)
def test_every_type_is_drawn_in_every_state(type_: str) -> None:
    assert {job["State"] for job in draw_examples(dxst.jobs(type=type_), 150)} == set(dx.JOB_STATES)


def test_texts_include_unicode_newlines_and_long_values(some_jobs: list[dict[str, Any]]) -> None:
    messages = {error["Message"] for job in some_jobs for error in job.get("Errors", ())}
    assert any(not message.isascii() for message in messages)
    assert any("\n" in message for message in messages)
    assert max(map(len, messages)) >= 256
    keys = {value for job in some_jobs for name, value in api_reference.scalars(job) if name == "Key"}
    assert any(len(key.encode()) > 1000 for key in keys)
    assert len({job["Id"] for job in some_jobs}) > 300


@pytest.mark.parametrize(
    "strategy",
    [
        dxst.jobs(),
        dxst.job_errors(),
        dxst.histories(),
        dxst.fault_schedules(),
        dxst.future_responses(),
        dxst.details(),
        dxst.faults(),
        dxst.job_ids(),
        dxst.model_responses(),
    ],
)
def test_no_strategy_filters_examples(monkeypatch: pytest.MonkeyPatch, strategy: Any) -> None:
    rejected: list[object] = []
    # Counts the calls: Hypothesis itself also marks its variations invalid if they run out of data.
    monkeypatch.setattr(ConjectureData, "mark_invalid", lambda *_: rejected.append(1))
    assert len(draw_examples(strategy, 60)) > 10
    assert rejected == []


def test_drawn_histories_and_faults_print_as_their_repr() -> None:
    for strategy in (dxst.histories(), dxst.faults()):
        for value in draw_examples(strategy, 50):
            assert pretty(value) == repr(value)


@pytest.mark.parametrize("strategy", [dxst.jobs(), dxst.job_ids(), dxst.future_responses(), dxst.model_responses()])
def test_failing_example_can_be_pasted_into_a_test(strategy: Any) -> None:
    values: list[Any] = []

    @settings(database=None)
    @given(value=strategy)
    def fail(value: Any) -> None:
        values.append(value)
        raise ValueError

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        fail()
    (note,) = [note for note in caught.value.__notes__ if ": fail(" in note]
    pasted = eval(note.partition(": ")[2], {"fail": lambda value: value, "datetime": datetime})
    assert pasted == values[-1]


def test_set_argument_is_sorted() -> None:
    states = {"ERROR", "COMPLETED", "TIMED_OUT"}
    options = dxst._options("state", states, dx.JOB_STATES, dx.JOB_STATES)
    assert options == ("COMPLETED", "ERROR", "TIMED_OUT")


@pytest.mark.parametrize("strategy", [dxst.jobs(state="ERROR"), dxst.future_responses()])
def test_fifty_values_fit_into_one_example(strategy: Any) -> None:
    class Machine(RuleBasedStateMachine):
        @rule(value=strategy)
        def step(self, value: Any) -> None:
            steps.append(value)

    steps: list[Any] = []
    run_state_machine_as_test(Machine, settings=settings(GENERATE_ONLY, max_examples=5))
    assert len(steps) > 50


@pytest.mark.parametrize("type_", KNOWN_TYPES)
def test_given_type_is_drawn(type_: str) -> None:
    assert {job["Type"] for job in draw_examples(dxst.jobs(type=type_), 15)} == {type_}
    (name,) = {name for details in draw_examples(dxst.details(type_), 15) for name in details}
    assert name == api_reference.DETAILS[type_][0]


def test_only_given_types_states_and_codes_are_drawn() -> None:
    types, states = KNOWN_TYPES[:2], ("ERROR", "TIMED_OUT")
    jobs = draw_examples(dxst.jobs(type=types, state=states), 100)
    assert {(job["Type"], job["State"]) for job in jobs} == set(itertools.product(types, states))
    codes = ["MALWARE_DETECTED", "VALIDATION_EXCEPTION"]
    assert {error["Code"] for error in draw_examples(dxst.job_errors(code=codes), 50)} == set(codes)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (dxst.jobs(type="EXPORT_ASETS_TO_S3"), "jobs: type: 'EXPORT_ASETS_TO_S3' is not valid"),
        (dxst.jobs(state=["DONE"]), "jobs: state: 'DONE' is not valid. Choose from WAITING"),
        (dxst.jobs(state=7), "jobs: state: 7 "),  # type: ignore[arg-type]
        (dxst.jobs(type=[]), r"jobs: type: \[\] is empty. Choose from"),
        (dxst.job_errors(code="NOPE"), "job_errors: code: 'NOPE' is not valid"),
        (dxst.details("NOPE"), "details: type: 'NOPE' is not valid"),
        (dxst.histories(type="NOPE"), "histories: type: 'NOPE' is not valid"),
        (dxst.histories(outcome="NOPE"), "histories: outcome: 'NOPE' is not valid"),
    ],
)
def test_invalid_argument_is_raised_when_a_value_is_drawn(strategy: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        find_simplest(strategy)


def test_job_ids_are_valid_and_vary_in_length() -> None:
    ids = draw_examples(dxst.job_ids(), 200)
    assert all(api_reference.ID.fullmatch(job_id) for job_id in ids)
    assert {len(job_id) for job_id in ids} > {32}
    assert find_simplest(dxst.job_ids()) == "0" * 32


def test_errors_are_valid_and_match_their_type() -> None:
    errors = draw_examples(dxst.job_errors(), 500)
    for error in errors:
        assert list(violations(model().error, error, "")) == []
    assert {error["Code"] for error in errors} == api_reference.CODES
    limited = draw_examples(dxst.job_errors(code="SERVICE_QUOTA_EXCEEDED_EXCEPTION"), 500)
    assert {error.get("LimitName") for error in limited} >= set(
        JOB.members["Errors"].member.members["LimitName"].metadata["enum"]
    )
    for error in draw_examples(dxst.job_errors(type="IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES")):
        assert "Details" not in error


def test_errors_have_every_combination_of_optional_members() -> None:
    quota = "SERVICE_QUOTA_EXCEEDED_EXCEPTION"
    errors = draw_examples(dxst.job_errors(type="IMPORT_ASSETS_FROM_S3", code=quota), 500)
    optional = ("ResourceType", "ResourceId", "LimitName", "LimitValue", "Details")
    assert {(*(name in error for name in optional),) for error in errors} == {
        *itertools.product((True, False), repeat=5)
    }


@given(job=dxst.jobs())
def test_get_job_returns_the_drawn_job(dxjobs: dx.FakeDataExchange, client: Any, job: dict[str, Any]) -> None:
    added = dxjobs.add_job(job)
    response = client.get_job(JobId=added.id)
    del response["ResponseMetadata"]
    assert response == job


@settings(deadline=None)
@given(history=dxst.histories())
@example(history=dx.history(("WAITING", 1), ("IN_PROGRESS", 1), "ERROR"))
def test_history_ends_and_evaluates_from_its_repr(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any, history: dx.History
) -> None:
    assert eval(repr(history), {"dx": dx}) == history
    job = dxjobs.add_job("IMPORT_ASSETS_FROM_S3", history)
    for _ in range(12):
        state = client.get_job(JobId=job.id)["State"]
        dxjobs_clock.tick(100_000)
    assert state in dx.TERMINAL_STATES


def test_histories_have_every_outcome_and_every_form() -> None:
    drawn = draw_examples(dxst.histories(), 300)
    assert {history.stages[-1].state for history in drawn} == set(dx.TERMINAL_STATES)
    assert {repr(history).partition("(")[0] for history in drawn} == {
        f"dx.{name}" for name in ("completes", "fails", "times_out", "gets_cancelled", "history")
    }
    (stuck,) = set(draw_examples(dxst.histories(outcome="WAITING"), 5))
    assert stuck == dx.stays("WAITING")
    assert repr(find_simplest(dxst.histories())) == "dx.completes()"


def test_every_kind_of_fault_is_drawn() -> None:
    kinds = {fault.kind for fault in draw_examples(dxst.faults(), 500)}
    assert kinds == set(faults.__all__) - {"Fault"}
    assert find_simplest(dxst.faults()) == faults.throttling()


@settings(deadline=None)
@given(schedule=dxst.fault_schedules())
def test_scheduled_requests_fail_and_all_others_succeed(
    dxjobs: dx.FakeDataExchange, client: Any, schedule: list[dict[str, Any]]
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=100))
    for arguments in schedule:
        dxjobs.inject(**arguments)
    requests = [range(arguments["after"], arguments["after"] + arguments["requests"]) for arguments in schedule]
    failing = {number for numbers in requests for number in numbers}
    assert len(failing) == sum(map(len, requests))
    while sum(len(call.attempts) for call in dxjobs.calls) <= max(failing):
        try:
            client.get_job(JobId=job.id)
        except (BotoCoreError, ClientError, ValueError, AttributeError):
            pass
    attempts = [attempt for call in dxjobs.calls for attempt in call.attempts]
    without_error_code = {number for number, attempt in enumerate(attempts) if attempt.error_code is None}
    garbled = {
        number
        for arguments, numbers in zip(schedule, requests, strict=True)
        if arguments["fault"].kind == "garbled"
        for number in numbers
    }
    assert without_error_code - garbled == set(range(len(attempts))) - failing


def test_model_responses_are_valid_and_reach_the_client(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    responses = draw_examples(dxst.model_responses(), 60)
    for number, response in enumerate(responses):
        assert list(violations(model().job, response, "")) == []
        added = {**response, "Id": dx.job_id(str(number))}
        dxjobs.add_job(added, check=False)
        received = client.get_job(JobId=added["Id"])
        assert {**received, "ResponseMetadata": None} == {**added, "ResponseMetadata": None}
    assert {} in responses
    assert any(response.get("Errors") == [] for response in responses)


def test_numbers_from_the_model_are_finite() -> None:
    limit = JOB.members["Errors"].member.members["LimitValue"]
    assert all(map(math.isfinite, draw_examples(strategy_for(limit))))


TEXT = {"type": "string"}
COLLECTIONS = [
    {"type": "list", "member": {"shape": "Text"}},
    {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    {"type": "blob"},
    TEXT,
]


def draw_from(shape: dict[str, Any], count: int = 150) -> list[Any]:
    """Draw values of a shape in the notation of a service model."""
    shapes: Any = {"Shape": shape, "Text": TEXT}
    return draw_examples(strategy_for(ShapeResolver(shapes).get_shape_by_name("Shape")), count)


@pytest.mark.parametrize("shape", COLLECTIONS, ids=lambda shape: str(shape["type"]))
def test_lengths_are_within_the_bounds_of_the_model(shape: dict[str, Any]) -> None:
    def lengths(**bounds: int) -> set[int]:
        return set(map(len, draw_from({**shape, **bounds})))

    assert lengths() >= {0, 1, 2}
    assert lengths(max=1) == {0, 1}
    assert min(lengths(min=2)) == 2
    assert lengths(min=2, max=3) == {2, 3}


def test_texts_match_their_pattern_and_length_bounds() -> None:
    assert len(set(draw_from({**TEXT, "pattern": "[a-z]+"}))) > 20
    assert max(map(len, draw_from({**TEXT, "pattern": "[a-z]+", "max": 7}))) <= 7
    assert min(map(len, draw_from({**TEXT, "pattern": "[a-z]+", "min": 12}))) >= 12
    assert "".join(draw_from({**TEXT, "pattern": "[^a]+"})).isascii()


def test_timestamps_have_milliseconds_and_go_from_1970_beyond_2038() -> None:
    times = draw_from({"type": "timestamp"}, 300)
    assert min(times) == datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    assert max(times).year > 2038
    assert {at.microsecond % 1000 for at in times} == {0}
    assert {at.microsecond // 1000 % 2 for at in times} == {0, 1}


def test_future_responses_have_unknown_states_types_codes_and_members(dxjobs: dx.FakeDataExchange, client: Any) -> None:
    responses = draw_examples(dxst.future_responses(), 300)
    for number, response in enumerate(responses):
        assert dx.find_problems(response) != []
        added = {**response, "Id": dx.job_id(str(number))}
        dxjobs.add_job(added, check=False)
        assert client.get_job(JobId=added["Id"])["State"] == added["State"]
    assert {response["State"] for response in responses} - set(dx.JOB_STATES)
    assert {response["Type"] for response in responses} - set(dx.JOB_TYPES)
    codes = {error["Code"] for response in responses for error in response.get("Errors", ())}
    assert codes - set(dx.JOB_ERROR_CODES)
    assert any("Progress" in response for response in responses)
    simple = find_simplest(dxst.future_responses())
    assert simple["State"] not in dx.JOB_STATES
    assert simple["Type"] in dx.JOB_TYPES


def test_job_times_have_milliseconds_and_vary(some_jobs: list[dict[str, Any]]) -> None:
    assert all(job["CreatedAt"].microsecond % 1000 == 0 for job in some_jobs)
    assert {job["CreatedAt"] > START for job in some_jobs} == {True, False}


def test_datetimes_are_plain_if_strategies_are_first_imported_in_frozen_time() -> None:
    script = """
    import pytest_dxjobs as dx
    with dx.VirtualClock():
        from hypothesis import find
        from pytest_dxjobs import strategies as dxst
        jobs = [find(dxst.jobs(), bool), find(dxst.model_responses(), lambda job: "CreatedAt" in job)]
        print({type(job["CreatedAt"]).__module__ for job in jobs})
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("{'datetime'}\n", "")
