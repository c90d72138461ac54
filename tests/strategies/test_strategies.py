"""Drawn values: valid and coherent, and of every kind there is."""

from __future__ import annotations

import datetime
import itertools
import math
import subprocess
import sys
import textwrap
from typing import Any

import pytest
import service_page
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ShapeResolver
from clients import MODEL, START
from draws import drawn, many, simplest
from hypothesis import example, given, settings
from hypothesis.errors import InvalidArgument
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from hypothesis.vendor.pretty import pretty

import pytest_dxjobs as dx
from pytest_dxjobs import faults, strategies as dxst
from pytest_dxjobs._model.service_model import model
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._strategies.from_model import values

JOB: Any = MODEL.operation_model("GetJob").output_shape
KNOWN_TYPES = JOB.members["Type"].metadata["enum"]


@pytest.fixture(scope="module")
def some_jobs() -> list[dict[str, Any]]:
    return [*drawn(dxst.jobs(), 1200), *drawn(dxst.jobs(state="ERROR"), 1300)]


def test_jobs_are_valid_and_coherent(some_jobs: list[dict[str, Any]]) -> None:
    assert len(some_jobs) == 2500
    for job in some_jobs:
        assert dx.find_problems(job) == []
        service_page.check(job)


def paths(value: Any, path: str = "") -> list[str]:
    """Every member of a value by its path, and every value of an enum at its."""
    if isinstance(value, dict):
        return [
            found
            for name, part in value.items()
            for found in (f"{path}.{name}", *paths(part, f"{path}.{name}"))
        ]
    if isinstance(value, list):
        return [found for part in value for found in paths(part, path)]
    return [f"{path}={value}"] if isinstance(value, str) else []


def expected(shape: Any, path: str = "") -> list[tuple[str, bool]]:
    """Every path that the service model knows, and whether it is optional there."""
    if shape.type_name == "structure":
        return [
            found
            for name, part in shape.members.items()
            for found in (
                (f"{path}.{name}", name not in shape.required_members),
                *expected(part, f"{path}.{name}"),
            )
        ]
    if shape.type_name == "list":
        return expected(shape.member, path)
    return [(f"{path}={value}", True) for value in shape.metadata.get("enum", ())]


def test_every_member_and_every_value_of_an_enum_is_seen_and_unseen(
    some_jobs: list[dict[str, Any]],
) -> None:
    seen = [set(paths(job)) for job in some_jobs]
    every: set[str] = set().union(*seen)
    for path, optional in expected(JOB):
        assert path in every, path
        parent, _, name = path.rpartition(".")
        within = [each for each in seen if not parent or parent in each]
        if optional and "=" not in path and name not in service_page.ALWAYS and path != ".Details":
            assert any(path not in each for each in within), path


@pytest.mark.parametrize("type_", KNOWN_TYPES)
def test_every_type_is_drawn_in_every_state(type_: str) -> None:
    assert {job["State"] for job in drawn(dxst.jobs(type=type_), 150)} == set(dx.JOB_STATES)


def test_texts_hold_what_the_service_permits(some_jobs: list[dict[str, Any]]) -> None:
    messages = {error["Message"] for job in some_jobs for error in job.get("Errors", ())}
    assert any(not message.isascii() for message in messages)
    assert any("\n" in message for message in messages)
    assert max(map(len, messages)) >= 256
    keys = {value for job in some_jobs for name, value in service_page.every(job) if name == "Key"}
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
def test_nothing_is_rejected(monkeypatch: pytest.MonkeyPatch, strategy: Any) -> None:
    rejected: list[object] = []
    # What Hypothesis calls invalid are also its own variations that end too early.
    monkeypatch.setattr(ConjectureData, "mark_invalid", lambda *_: rejected.append(1))
    assert len(drawn(strategy, 60)) > 10
    assert rejected == []


def test_what_is_drawn_is_printed_as_a_test_would_write_it() -> None:
    for strategy in (dxst.histories(), dxst.faults()):
        for value in drawn(strategy, 50):
            assert pretty(value) == repr(value)


@pytest.mark.parametrize(
    "strategy", [dxst.jobs(), dxst.job_ids(), dxst.future_responses(), dxst.model_responses()]
)
def test_an_example_that_fails_is_printed_so_that_it_can_be_pasted(strategy: Any) -> None:
    shown: list[Any] = []

    @settings(database=None)
    @given(value=strategy)
    def fail(value: Any) -> None:
        shown.append(value)
        raise ValueError

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        fail()
    (told,) = [each for each in caught.value.__notes__ if ": fail(" in each]
    pasted = eval(told.partition(": ")[2], {"fail": lambda value: value, "datetime": datetime})
    assert pasted == shown[-1]


def test_a_set_is_drawn_from_in_the_same_order_in_each_run() -> None:
    given_ = {"ERROR", "COMPLETED", "TIMED_OUT"}
    chosen = dxst._chosen("state", given_, dx.JOB_STATES, dx.JOB_STATES)
    assert chosen == ("COMPLETED", "ERROR", "TIMED_OUT")


@pytest.mark.parametrize("strategy", [dxst.jobs(state="ERROR"), dxst.future_responses()])
def test_one_in_each_of_fifty_steps_is_not_too_large(strategy: Any) -> None:
    class Machine(RuleBasedStateMachine):
        @rule(value=strategy)
        def step(self, value: Any) -> None:
            steps.append(value)

    steps: list[Any] = []
    run_state_machine_as_test(Machine, settings=settings(many, max_examples=5))
    assert len(steps) > 50


@pytest.mark.parametrize("type_", KNOWN_TYPES)
def test_a_type_may_be_given(type_: str) -> None:
    assert {job["Type"] for job in drawn(dxst.jobs(type=type_), 15)} == {type_}
    (name,) = {name for details in drawn(dxst.details(type_), 15) for name in details}
    assert name == service_page.DETAILS[type_][0]


def test_several_types_states_and_codes_may_be_given() -> None:
    types, states = KNOWN_TYPES[:2], ("ERROR", "TIMED_OUT")
    found = drawn(dxst.jobs(type=types, state=states), 100)
    assert {(job["Type"], job["State"]) for job in found} == set(itertools.product(types, states))
    codes = ["MALWARE_DETECTED", "VALIDATION_EXCEPTION"]
    assert {each["Code"] for each in drawn(dxst.job_errors(code=codes), 50)} == set(codes)


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        (dxst.jobs(type="EXPORT_ASETS_TO_S3"), "jobs: type: 'EXPORT_ASETS_TO_S3' is not one of"),
        (dxst.jobs(state=["DONE"]), "jobs: state: 'DONE' is not one of WAITING"),
        (dxst.jobs(state=7), "jobs: state: 7 "),  # type: ignore[arg-type]
        (dxst.jobs(type=[]), r"jobs: type: \[\] is empty; there are"),
        (dxst.job_errors(code="NOPE"), "job_errors: code: 'NOPE' is not one of"),
        (dxst.details("NOPE"), "details: type: 'NOPE' is not one of"),
        (dxst.histories(type="NOPE"), "histories: type: 'NOPE' is not one of"),
        (dxst.histories(outcome="NOPE"), "histories: outcome: 'NOPE' is not one of"),
    ],
)
def test_a_bad_argument_is_told_when_a_value_is_drawn(strategy: Any, told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        simplest(strategy)


def test_ids_are_those_that_the_service_permits() -> None:
    ids = drawn(dxst.job_ids(), 200)
    assert all(service_page.ID.fullmatch(each) for each in ids)
    assert {len(each) for each in ids} > {32}
    assert simplest(dxst.job_ids()) == "0" * 32


def test_errors_are_valid_and_fit_their_type() -> None:
    found = drawn(dxst.job_errors(), 500)
    for error in found:
        assert list(violations(model().error, error, "")) == []
    assert {error["Code"] for error in found} == service_page.CODES
    limited = drawn(dxst.job_errors(code="SERVICE_QUOTA_EXCEEDED_EXCEPTION"), 500)
    assert {error.get("LimitName") for error in limited} >= set(
        JOB.members["Errors"].member.members["LimitName"].metadata["enum"]
    )
    for error in drawn(dxst.job_errors(type="IMPORT_ASSETS_FROM_REDSHIFT_DATA_SHARES")):
        assert "Details" not in error


def test_an_error_has_any_of_what_it_may_leave_out() -> None:
    quota = "SERVICE_QUOTA_EXCEEDED_EXCEPTION"
    found = drawn(dxst.job_errors(type="IMPORT_ASSETS_FROM_S3", code=quota), 500)
    optional = ("ResourceType", "ResourceId", "LimitName", "LimitValue", "Details")
    assert {(*(name in error for name in optional),) for error in found} == {
        *itertools.product((True, False), repeat=5)
    }


@given(job=dxst.jobs())
def test_the_client_gets_what_was_drawn(
    dxjobs: dx.FakeDataExchange, client: Any, job: dict[str, Any]
) -> None:
    added = dxjobs.add_job(job)
    response = client.get_job(JobId=added.id)
    del response["ResponseMetadata"]
    assert response == job


@settings(deadline=None)
@given(history=dxst.histories())
@example(history=dx.history(("WAITING", 1), ("IN_PROGRESS", 1), "ERROR"))
def test_a_history_ends_and_its_repr_is_what_a_test_would_write(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any, history: dx.History
) -> None:
    assert eval(repr(history), {"dx": dx}) == history
    job = dxjobs.add_job("IMPORT_ASSETS_FROM_S3", history)
    for _ in range(12):
        state = client.get_job(JobId=job.id)["State"]
        dxjobs_clock.tick(100_000)
    assert state in dx.TERMINAL_STATES


def test_histories_have_every_outcome_and_way() -> None:
    found = drawn(dxst.histories(), 300)
    assert {history.stages[-1].state for history in found} == set(dx.TERMINAL_STATES)
    assert {repr(history).partition("(")[0] for history in found} == {
        f"dx.{name}" for name in ("completes", "fails", "times_out", "gets_cancelled", "history")
    }
    (stuck,) = set(drawn(dxst.histories(outcome="WAITING"), 5))
    assert stuck == dx.stays("WAITING")
    assert repr(simplest(dxst.histories())) == "dx.completes()"


def test_faults_are_of_every_kind() -> None:
    found = {fault.kind for fault in drawn(dxst.faults(), 500)}
    assert found == set(faults.__all__) - {"Fault"}
    assert simplest(dxst.faults()) == faults.throttling()


@settings(deadline=None)
@given(schedule=dxst.fault_schedules())
def test_a_schedule_happens_as_it_says(
    dxjobs: dx.FakeDataExchange, client: Any, schedule: list[dict[str, Any]]
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(polls=100))
    for each in schedule:
        dxjobs.inject(**each)
    failing = {
        number
        for each in schedule
        for number in range(each["after"], each["after"] + each["requests"])
    }
    assert len(failing) == sum(each["requests"] for each in schedule)
    while sum(len(call.attempts) for call in dxjobs.calls) <= max(failing):
        try:
            client.get_job(JobId=job.id)
        except (BotoCoreError, ClientError, ValueError, AttributeError):
            pass
    met = [attempt for call in dxjobs.calls for attempt in call.attempts]
    fine = [number for number, attempt in enumerate(met) if attempt.error_code is None]
    garbled = {
        number
        for each in schedule
        if each["fault"].kind == "garbled"
        for number in range(each["after"], each["after"] + each["requests"])
    }
    assert set(fine) - garbled == set(range(len(met))) - failing


def test_model_responses_are_all_that_the_model_permits(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    found = drawn(dxst.model_responses(), 60)
    for number, response in enumerate(found):
        assert list(violations(model().job, response, "")) == []
        given = {**response, "Id": dx.job_id(str(number))}
        dxjobs.add_job(given, check=False)
        answer = client.get_job(JobId=given["Id"])
        assert {**answer, "ResponseMetadata": None} == {**given, "ResponseMetadata": None}
    assert {} in found
    assert any(response.get("Errors") == [] for response in found)


def test_no_number_is_one_that_json_has_no_form_for() -> None:
    limit = JOB.members["Errors"].member.members["LimitValue"]
    assert all(map(math.isfinite, drawn(values(limit))))


TEXT = {"type": "string"}
COLLECTIONS = [
    {"type": "list", "member": {"shape": "Text"}},
    {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    {"type": "blob"},
    TEXT,
]


def drawn_from(shape: dict[str, Any], count: int = 150) -> list[Any]:
    """Values of a shape as a service model writes it."""
    shapes: Any = {"Shape": shape, "Text": TEXT}
    return drawn(values(ShapeResolver(shapes).get_shape_by_name("Shape")), count)


@pytest.mark.parametrize("shape", COLLECTIONS, ids=lambda shape: str(shape["type"]))
def test_a_value_is_as_long_as_the_model_permits(shape: dict[str, Any]) -> None:
    def lengths(**bounds: int) -> set[int]:
        return set(map(len, drawn_from({**shape, **bounds})))

    assert lengths() >= {0, 1, 2}
    assert lengths(max=1) == {0, 1}
    assert min(lengths(min=2)) == 2
    assert lengths(min=2, max=3) == {2, 3}


def test_a_text_matches_its_pattern_and_is_as_long_as_the_model_permits() -> None:
    assert len(set(drawn_from({**TEXT, "pattern": "[a-z]+"}))) > 20
    assert max(map(len, drawn_from({**TEXT, "pattern": "[a-z]+", "max": 7}))) <= 7
    assert min(map(len, drawn_from({**TEXT, "pattern": "[a-z]+", "min": 12}))) >= 12
    assert "".join(drawn_from({**TEXT, "pattern": "[^a]+"})).isascii()


def test_times_are_those_of_unix_in_milliseconds_and_beyond_what_32_bits_tell() -> None:
    times = drawn_from({"type": "timestamp"}, 300)
    assert min(times) == datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    assert max(times).year > 2038
    assert {each.microsecond % 1000 for each in times} == {0}
    assert {each.microsecond // 1000 % 2 for each in times} == {0, 1}


def test_future_responses_hold_what_is_not_known_yet(
    dxjobs: dx.FakeDataExchange, client: Any
) -> None:
    found = drawn(dxst.future_responses(), 300)
    for number, response in enumerate(found):
        assert dx.find_problems(response) != []
        given = {**response, "Id": dx.job_id(str(number))}
        dxjobs.add_job(given, check=False)
        assert client.get_job(JobId=given["Id"])["State"] == given["State"]
    assert {response["State"] for response in found} - set(dx.JOB_STATES)
    assert {response["Type"] for response in found} - set(dx.JOB_TYPES)
    codes = {error["Code"] for response in found for error in response.get("Errors", ())}
    assert codes - set(dx.JOB_ERROR_CODES)
    assert any("Progress" in response for response in found)
    simple = simplest(dxst.future_responses())
    assert simple["State"] not in dx.JOB_STATES
    assert simple["Type"] in dx.JOB_TYPES


def test_times_are_those_of_the_service(some_jobs: list[dict[str, Any]]) -> None:
    assert all(job["CreatedAt"].microsecond % 1000 == 0 for job in some_jobs)
    assert {job["CreatedAt"] > START for job in some_jobs} == {True, False}


def test_datetimes_are_plain_also_where_the_module_is_first_loaded_in_frozen_time() -> None:
    script = """
    import pytest_dxjobs as dx
    with dx.VirtualClock():
        from hypothesis import find
        from pytest_dxjobs import strategies as dxst
        jobs = [find(dxst.jobs(), bool), find(dxst.model_responses(), lambda job: "CreatedAt" in job)]
        print({type(job["CreatedAt"]).__module__ for job in jobs})
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.stderr) == ("{'datetime'}\n", "")
