"""``FakeDataExchange``: activation, options, ``add_job``, and failures at the end of a ``with`` block."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import re
import unittest
from collections.abc import Callable
from typing import Any

import freezegun
import pytest
from clients import client_for

import pytest_dxjobs as dx
from pytest_dxjobs import UnexpectedCall as Renamed
from pytest_dxjobs._core.tracebacks import describe_origin


def state_of(client: Any, job: dx.Job) -> object:
    return client.get_job(JobId=job.id)["State"]


def test_activate_and_deactivate_work_like_with() -> None:
    fake = dx.FakeDataExchange()
    job = fake.add_job()  # before activation or after
    fake.activate()
    try:
        client = client_for()
        assert state_of(client, job) == "COMPLETED"
    finally:
        fake.deactivate()
    fake.deactivate()  # a second time does nothing
    with fake:
        assert state_of(client, job) == "COMPLETED"


def test_an_active_fake_refuses_activation() -> None:
    with (
        dx.FakeDataExchange() as fake,
        pytest.raises(dx.UsageError, match="this fake is already active"),
    ):
        fake.activate()


def test_the_inner_fake_responds_then_the_outer_one_again() -> None:
    client = client_for()
    with dx.FakeDataExchange() as outer:
        job = outer.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
        with dx.FakeDataExchange() as inner:
            twin = inner.add_job("EXPORT_ASSETS_TO_S3", dx.stays("ERROR"), Id=job.id)
            assert state_of(client, twin) == "ERROR"
        assert state_of(client, job) == "WAITING"
        assert (job.polls, twin.polls) == (1, 1)


def test_fakes_may_be_deactivated_in_any_order() -> None:
    client = client_for()
    outer, inner = dx.FakeDataExchange(), dx.FakeDataExchange()
    outer.activate()
    inner.activate()
    outer.deactivate()
    assert state_of(client, inner.add_job()) == "COMPLETED"
    inner.deactivate()


def test_reset_removes_jobs_and_calls_and_keeps_options() -> None:
    with dx.FakeDataExchange(region="eu-west-1", account_id="210987654321") as fake:
        client = client_for()
        job = fake.add_job()
        with pytest.raises(dx.UnexpectedCall):
            client.list_data_sets()
        fake.reset()
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_job(JobId=job.id)
        arn = fake.add_job(Id=job.id).arn
        assert arn == f"arn:aws:dataexchange:eu-west-1:210987654321:jobs/{job.id}"


def test_repr_of_fake_and_job() -> None:
    fake = dx.FakeDataExchange(region="eu-west-1")
    assert repr(fake) == "<FakeDataExchange eu-west-1, 0 jobs, not active>"
    with fake:
        job = fake.add_job(Id=dx.job_id("nightly"))
        assert repr(fake) == "<FakeDataExchange eu-west-1, 1 job, active>"
    assert repr(job) == f"<Job {dx.job_id('nightly')} EXPORT_ASSETS_TO_S3 COMPLETED>"


@pytest.mark.parametrize("type_", dx.JOB_TYPES)
def test_a_job_of_a_type_is_complete(type_: str) -> None:
    fake = dx.FakeDataExchange()
    job = fake.add_job(type_, dx.stays("ERROR"))
    assert (job.type, job.state) == (type_, "ERROR")
    assert job.arn.endswith(f":jobs/{job.id}")


def test_a_job_of_a_type_takes_members() -> None:
    with dx.FakeDataExchange() as fake:
        mine = dx.job_id("mine")
        job = fake.add_job(
            "EXPORT_ASSETS_TO_S3",
            dx.stays("IN_PROGRESS"),
            Details={"ExportAssetsToS3": {"DataSetId": mine}},
        )
        details = client_for().get_job(JobId=job.id)["Details"]["ExportAssetsToS3"]
    assert details["DataSetId"] == mine
    assert "RevisionId" in details


def test_a_misspelt_attribute_is_refused() -> None:
    with pytest.raises(AttributeError, match="default_histroy"):
        dx.FakeDataExchange().default_histroy = dx.fails()  # type: ignore[attr-defined]


def test_jobs_are_equal_if_they_are_the_same_job() -> None:
    fake = dx.FakeDataExchange()
    job, other = fake.add_job(), fake.add_job()
    assert fake.jobs == [job, other]
    assert job != other
    assert job != job.id
    assert len({job, other, *fake.jobs}) == 2


def test_an_id_is_free_again_after_its_job_was_removed() -> None:
    frozen = freezegun.freeze_time("2024-01-01", ignore=["_pytest.timing"])
    with frozen as clock, dx.FakeDataExchange() as fake:
        client, mine = client_for(), dx.job_id("mine")
        fake.add_job(Id=mine)
        clock.tick(datetime.timedelta(days=90))
        assert fake.jobs == []
        with pytest.raises(client.exceptions.ResourceNotFoundException, match="90 days ago"):
            client.get_job(JobId=mine)
        job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("ERROR"), Id=mine)
        assert state_of(client, job) == "ERROR"
        assert [each["Id"] for each in client.list_jobs()["Jobs"]] == [mine]
        clock.move_to("2024-01-01")
        assert [each["State"] for each in client.list_jobs()["Jobs"]] == ["ERROR"]
        clock.tick(datetime.timedelta(days=90))
        assert repr(fake).startswith("<FakeDataExchange us-east-1, 1 job,")


@pytest.mark.parametrize("name", ["id", "arn", "type", "state", "polls"])
def test_a_job_is_read_only(name: str) -> None:
    job = dx.FakeDataExchange().add_job()
    with pytest.raises(AttributeError):
        setattr(job, name, "changed")
    with pytest.raises(AttributeError):
        job.stat = "misspelt"  # type: ignore[attr-defined]


def test_changing_the_response_afterwards_changes_no_job() -> None:
    response: dict[str, Any] = dict(dx.make_job())
    with dx.FakeDataExchange() as fake:
        job = fake.add_job(response)
        response["State"] = "ERROR"
        response["Details"].clear()
        assert client_for().get_job(JobId=job.id)["Details"]
        assert job.state == "COMPLETED"


NOW = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
SIGNED = dict(dx.make_job("EXPORT_ASSET_TO_SIGNED_URL"))
INCOHERENT = dict(dx.make_job()) | {"Errors": [], "UpdatedAt": NOW}


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (lambda fake: fake.add_job("EXPORT"), "add_job: type: 'EXPORT' is not valid"),
        (
            lambda fake: fake.add_job(5),
            "add_job: the first argument is a job type or a response, not 5; the second is a history",
        ),
        (
            lambda fake: fake.add_job("EXPORT_ASSETS_TO_S3", "ERROR"),
            "add_job: a history is needed, not 'ERROR'; use dx.stays('ERROR')",
        ),
        (
            lambda fake: fake.add_job("EXPORT_ASSETS_TO_S3", dx.fails),
            "add_job: a history is needed, not the function fails; call it: dx.fails()",
        ),
        (
            lambda fake: fake.add_job("EXPORT_ASSETS_TO_S3", re.escape),
            "not the function escape; use one such as dx.completes(polls=3)",
        ),
        (
            lambda fake: fake.add_job(Bucket="b"),
            "add_job: this does not fit a job of type EXPORT_A",
        ),
        (lambda fake: fake.add_job(State="ERROR"), "add_job: State cannot be passed by name"),
        (lambda fake: fake.add_job(state="ERROR"), "add_job: state cannot be passed by name"),
        (lambda fake: fake.add_job(history=dx.stays("ERROR")), "history cannot be passed by name"),
        (
            lambda fake: fake.add_job(dx.make_job(), Id="x"),
            "a response takes no other members, but Id is given",
        ),
        (
            lambda fake: fake.add_job(check="no"),
            "add_job: check: True or False is needed, not 'no'",
        ),
        (lambda fake: fake.add_job(INCOHERENT), "Errors: present, although State is 'COMPLETED'"),
        (lambda fake: fake.add_job(INCOHERENT), "UpdatedAt: "),
        (lambda fake: fake.add_job(INCOHERENT), "add_job(..., check=False) accepts it"),
        (lambda fake: fake.add_job(Errors=[]), "Errors: present, although State is 'COMPLETED'"),
        (lambda fake: fake.add_job({}), "Id: missing; every job has it"),
        (
            lambda fake: fake.add_job({"Id": object()}, check=False),
            "cannot be sent: JSON cannot hold",
        ),
        (lambda fake: fake.add_job({("a",): 1}, check=False), "cannot be sent"),
        (lambda fake: fake.add_job({"Arn": object()}, check=False), "cannot be sent"),
        (lambda fake: fake.add_job({"Type": 5}, dx.completes()), "Type: a string is needed"),
        (
            lambda fake: fake.add_job({**SIGNED, "Arn": 5}, dx.completes(polls=2)),
            "Arn: a string is needed",
        ),
        (
            lambda fake: (fake.add_job(Id="a" * 32), fake.add_job(Id="a" * 32)),
            "add_job: the fake already has a job with the id aaaa",
        ),
    ],
)
def test_wrong_arguments_of_add_job_are_refused(add: Callable[[Any], object], message: str) -> None:
    with dx.FakeDataExchange() as fake:
        earlier = fake.add_job()
        with pytest.raises(dx.UsageError, match=re.escape(message)):
            add(fake)
        assert state_of(client_for(), earlier) == "COMPLETED"


def test_check_false_accepts_an_incoherent_job() -> None:
    with dx.FakeDataExchange() as fake:
        job = fake.add_job(INCOHERENT, check=False)
        response = client_for().get_job(JobId=job.id)
        del response["ResponseMetadata"]
        assert response == INCOHERENT
        assert fake.add_job("EXPORT_ASSETS_TO_S3", check=False, Errors=[]).state == "COMPLETED"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"region": "US East"}, "region: 'US East' is not a region"),
        ({"region": None}, "region: a string is needed, not None"),
        ({"account_id": "123"}, "account_id: '123' is not an account id: use 12 digits"),
        ({"account_id": 123456789012}, "account_id: a string is needed, not 123456789012"),
        ({"strict": 1}, "strict: True or False is needed, not 1"),
        ({"max_polls": 0}, "max_polls: a whole number from 1 is needed, or None"),
        ({"max_polls": True}, "max_polls: a whole number"),
        ({"max_polls_after_end": 2.5}, "max_polls_after_end: a whole number"),
        ({"max_wait": 0}, "max_wait: seconds or a timedelta above 0"),
        ({"max_wait": True}, "max_wait: seconds"),
        ({"max_wait": "1h"}, "max_wait: seconds"),
        ({"max_wait": float("nan")}, "max_wait: seconds"),
        ({"max_wait": 1e300}, "max_wait: seconds"),
        ({"max_wait": datetime.timedelta(seconds=-1)}, "max_wait: seconds"),
    ],
)
def test_an_invalid_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(dx.UsageError, match=re.escape(message)):
        dx.FakeDataExchange(**options)


def test_every_limit_may_be_none() -> None:
    fake = dx.FakeDataExchange(max_polls=None, max_polls_after_end=None, max_wait=None)
    with fake:
        client, job = client_for(), fake.add_job()
        for _ in range(30):
            client.get_job(JobId=job.id)
    assert dx.FakeDataExchange(max_wait=5.5, max_polls=1).region == "us-east-1"


@pytest.mark.parametrize("state", ["FAILED", "completed", None, []])
def test_stays_refuses_an_unknown_state(state: Any) -> None:
    with pytest.raises(dx.UsageError, match=r"stays: .* is not valid.* Choose from WAITING"):
        dx.stays(state)


# Failures of the code under test


def swallow(call: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):
        call()


def test_an_unexpected_call_names_its_operation() -> None:
    with dx.FakeDataExchange() as fake:
        client = client_for()
        with pytest.raises(dx.UnexpectedCall) as caught:
            client.list_data_sets()
        with pytest.raises(dx.UnexpectedCall, match="send_api_asset"):
            client.send_api_asset(AssetId="a", DataSetId="b", RevisionId="c")
        assert state_of(client, fake.add_job()) == "COMPLETED"
    assert isinstance(caught.value, AssertionError)
    message = str(caught.value)
    assert message.startswith("list_data_sets of dataexchange was called")
    assert "Nothing was sent." in message
    assert "add_response('list_data_sets') on the fake queues a valid response to one such call" in message


JOB_OPERATIONS = {"cancel_job", "create_job", "get_job", "list_jobs", "start_job"}


@pytest.mark.parametrize("operation", sorted(set(client_for().meta.method_to_api_mapping) - JOB_OPERATIONS))
def test_every_other_operation_is_unexpected(operation: str) -> None:
    client = client_for()
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    values: dict[str, Any] = {"string": "x" * 10, "structure": {}, "list": [], "map": {}}
    values |= {"timestamp": 0, "boolean": True}
    required = {name: values[shape.members[name].type_name] for name in shape.required_members}
    if operation == "create_event_action":
        required["Action"] = {"ExportRevisionToS3": {"RevisionDestination": {"Bucket": "b"}}}
    with dx.FakeDataExchange(), pytest.raises(dx.UnexpectedCall, match=f"^{operation} of"):
        getattr(client, operation)(**required)


def test_a_swallowed_unexpected_call_is_raised_at_the_end() -> None:
    with (
        pytest.raises(dx.UnexpectedCall, match=r"(?s)list_data_sets.*swallowed"),
        dx.FakeDataExchange(),
    ):
        swallow(client_for().list_data_sets)


def test_strict_false_permits_unexpected_calls() -> None:
    with dx.FakeDataExchange(strict=False):
        swallow(client_for().list_data_sets)


def test_an_exception_of_the_block_is_not_replaced() -> None:
    with pytest.raises(ZeroDivisionError), dx.FakeDataExchange():  # noqa: PT012
        swallow(client_for().list_data_sets)
        raise ZeroDivisionError


def test_polling_past_the_end_is_stopped() -> None:
    with dx.FakeDataExchange(max_polls_after_end=3) as fake:
        client, job = client_for(), fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
        for _ in range(4):
            assert state_of(client, job) == "TIMED_OUT"
        with pytest.raises(dx.RunawayPolling) as caught:
            state_of(client, job)
        with pytest.raises(dx.RunawayPolling):
            state_of(client, job)
        assert state_of(client, fake.add_job()) == "COMPLETED"  # each job by itself
    for part in (job.id, "4 times", "TIMED_OUT", "max_polls_after_end"):
        assert part in str(caught.value)


def test_polling_without_end_is_stopped() -> None:
    with dx.FakeDataExchange(max_polls=3) as fake:
        client, job = client_for(), fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"))
        for _ in range(3):
            assert state_of(client, job) == "WAITING"
        with pytest.raises(dx.RunawayPolling, match=r"(?s)4 times .* WAITING.*option max_polls,"):
            state_of(client, job)


@pytest.mark.parametrize("job_id", [dx.job_id("unknown"), "short"])
def test_polling_for_an_unknown_job_is_stopped(job_id: str) -> None:
    with dx.FakeDataExchange(max_polls=3):
        client = client_for()
        for _ in range(3):
            with pytest.raises(client.exceptions.ClientError):
                client.get_job(JobId=job_id)
        with pytest.raises(dx.RunawayPolling, match=job_id):
            client.get_job(JobId=job_id)


def test_another_response_resets_the_count() -> None:
    with dx.FakeDataExchange(max_polls=2) as fake:
        client, job_id = client_for(), dx.job_id("late")
        for _ in range(2):
            with pytest.raises(client.exceptions.ResourceNotFoundException):
                client.get_job(JobId=job_id)
        job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("WAITING"), Id=job_id)
        for _ in range(2):
            assert state_of(client, job) == "WAITING"
        with pytest.raises(dx.RunawayPolling):
            state_of(client, job)


def poll_and_swallow(client: Any, job: dx.Job, times: int) -> None:
    for _ in range(times):
        swallow(lambda: state_of(client, job))


def test_a_swallowed_runaway_is_raised_at_the_end_even_if_not_strict() -> None:
    fake = dx.FakeDataExchange(max_polls_after_end=1, strict=False)
    client, job = client_for(), fake.add_job()

    with pytest.raises(dx.RunawayPolling, match="swallowed"), fake:
        poll_and_swallow(client, job, times=10)


def test_a_loop_that_swallows_every_exception_is_stopped() -> None:
    fake = dx.FakeDataExchange(max_polls_after_end=1)
    client, job = client_for(), fake.add_job()

    with pytest.raises(BaseException, match=r"2[67] times") as caught, fake:
        poll_and_swallow(client, job, times=200)  # finite, so that the test cannot hang
    assert not isinstance(caught.value, Exception)
    assert job.polls == 2


def expects_the_class(call: Callable[[], object]) -> None:
    with pytest.raises(dx.UnexpectedCall):
        call()


def expects_the_base_class_in_a_test(call: Callable[[], object]) -> None:
    def test() -> None:
        with pytest.raises(AssertionError):
            call()

    test()


def expects_the_class_by_a_variable(call: Callable[[], object]) -> None:
    for error in (dx.UnexpectedCall,):
        with pytest.raises(error):
            call()


def expects_the_class_by_another_name(call: Callable[[], object]) -> None:
    with pytest.raises(Renamed):
        call()


def passes_the_function_to_pytest(call: Callable[[], object]) -> None:
    pytest.raises(Exception, call)  # noqa: B017, RUF061


def uses_unittest(call: Callable[[], object]) -> None:
    unittest.TestCase().assertRaises(dx.UnexpectedCall, call)  # noqa: PT027
    with unittest.TestCase().assertRaises(dx.UnexpectedCall):  # noqa: PT027
        call()


@pytest.mark.parametrize(
    "expecting",
    [
        expects_the_class,
        expects_the_base_class_in_a_test,
        expects_the_class_by_a_variable,
        expects_the_class_by_another_name,
        passes_the_function_to_pytest,
        uses_unittest,
    ],
)
def test_an_expected_failure_is_not_raised_again(
    expecting: Callable[[Callable[[], object]], None],
) -> None:
    with dx.FakeDataExchange():
        expecting(client_for().list_data_sets)


def test_an_unexpected_failure_is_raised_beside_an_expected_one() -> None:
    client = client_for()

    def sync() -> None:
        with contextlib.suppress(ValueError, AssertionError):
            client.list_data_sets()

    def body() -> None:
        with dx.FakeDataExchange():
            sync()
            expects_the_class(client.list_event_actions)

    with pytest.raises(dx.UnexpectedCall, match=r"^list_data_sets "):
        body()


def test_a_failure_expected_of_one_worker_is_expected_of_all() -> None:
    client = client_for()
    with dx.FakeDataExchange(), concurrent.futures.ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(client.list_data_sets) for _ in range(2)]
        with pytest.raises(dx.UnexpectedCall):
            calls[0].result()


def test_a_swallowed_failure_is_raised_with_its_place() -> None:
    client = client_for()

    def sync() -> None:
        client.list_data_sets()

    fake = dx.FakeDataExchange()
    with pytest.raises(dx.UnexpectedCall, match=r"test_fake.py:\d+, in sync, and the code"), fake:
        swallow(sync)


def test_a_failure_without_a_traceback_has_no_place() -> None:
    assert describe_origin(dx.UnexpectedCall("message")).startswith("It was raised in a call, and")


def test_reset_resets_the_count_of_polls() -> None:
    with dx.FakeDataExchange(max_polls_after_end=1) as fake:
        client = client_for()
        for _ in range(5):
            fake.reset()
            job = fake.add_job(Id=dx.job_id("same"))
            assert state_of(client, job) == "COMPLETED"
