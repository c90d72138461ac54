"""Members of string enums work like plain strings, in every argument."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from clients import client_for
from draws import draw_examples
from string_enums import member

import pytest_dxjobs as dx
from pytest_dxjobs import faults, strategies as dxst

Wrap = Callable[[Any], Any]  # returns the value, or a string as an enum member
CLIENT = client_for()
EXPORT, ID, SET, MALWARE = "EXPORT_ASSETS_TO_S3", "d" * 32, "e" * 32, "MALWARE_DETECTED"
AT = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def make_job(wrap: Wrap) -> object:
    members = {"DataSetId": wrap(SET), "RevisionId": wrap(SET)}
    return dx.make_job(
        wrap(EXPORT),
        wrap("COMPLETED"),
        Id=wrap(ID),
        CreatedAt=AT,
        Details=MappingProxyType({"ExportAssetsToS3": members}),
    )["Details"]["ExportAssetsToS3"]["DataSetId"]


def add_jobs(wrap: Wrap) -> object:
    fake = dx.FakeDataExchange(region=wrap("eu-west-1"), account_id=wrap("0" * 12))
    job = fake.add_job(wrap(EXPORT), dx.stays(wrap("WAITING")), Id=wrap(ID), CreatedAt=AT)
    shown = repr((fake, job, job.arn, job.id, job.type, job.state))
    job.become(wrap("IN_PROGRESS"), Details={"ExportAssetsToS3": {"DataSetId": wrap(SET)}})
    response = {**dx.make_job(Id=SET, CreatedAt=AT), "State": wrap("COMPLETED"), "Id": wrap(SET)}
    fake.add_job(response)
    with fake:
        fake.throttle(job=wrap(SET))
        CLIENT.get_job(JobId=SET)
    fake.assert_polled(wrap(SET), 1)
    return shown, fake.jobs, [call.response and call.response["State"] for call in fake.calls]


def queue_responses_and_faults(wrap: Wrap) -> object:
    fake = dx.FakeDataExchange()
    fake.next_job(dx.fails(wrap(MALWARE)), type=wrap(EXPORT))
    fake.inject(faults.throttling(), operation=wrap("list_jobs"), rate=wrap(0.5), seed=wrap(7))
    fake.inject(faults.throttling(), operation=[wrap("get_job")], job=[wrap(ID)], after=wrap(2))
    fake.add_response(wrap("get_job"), expected_params={"JobId": wrap(ID)}, times=wrap(2))
    fake.add_client_error(wrap("list_jobs"), wrap("Some"), wrap("Why"), wrap(400))
    with pytest.raises(AssertionError) as caught, fake:
        pass
    return str(caught.value)


def make_histories(wrap: Wrap) -> object:
    histories = (
        dx.history((wrap("WAITING"), wrap(3)), (wrap("IN_PROGRESS"), dx.polls(wrap(2))), "ERROR"),
        dx.completes(polls=wrap(3)),
        dx.times_out(after=wrap(datetime.timedelta(seconds=5))),
        dx.fails(errors=[{"Code": wrap(MALWARE), "Message": wrap("Why")}]),
    )
    return histories, [(each.stages, each.errors) for each in histories]


def make_and_assert_errors(wrap: Wrap) -> object:
    error = dx.make_error(wrap(MALWARE), Message=wrap("Why"))
    response = {"State": wrap("ERROR"), "Errors": [{**error, "ResourceId": wrap(ID)}]}
    dx.assert_job_error(response, wrap(MALWARE), resource_id=wrap(ID))
    return error, dx.raises_validation(wrap("S3AccessDenied"))._members, dx.job_id(wrap("a"))


def make_faults(wrap: Wrap) -> object:
    headers = {"a": wrap("b")}
    throttling = faults.throttling(message=wrap("Why"), request_id=wrap("1"), headers=headers)
    fault = dx.Fault(wrap("throttling"), wrap("Why"), wrap("1"), (("a", "b"),))
    assert throttling == fault == dataclasses.replace(throttling, headers=headers)  # type: ignore[arg-type]
    return throttling, faults.validation(wrap("S3AccessDenied")), faults.garbled(status=wrap(599))


def run_scenario(wrap: Wrap) -> object:
    names = ("name", "about", "expected", "type", "only", "group", "usually")
    values = ("mine", "Mine.", "raises", EXPORT, "check", "own", "Because.")
    scenario = dx.Scenario(**dict(zip(names, map(wrap, values), strict=True)), max_polls=wrap(9))
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        clock.tick(wrap(3))
        running = dx.Scenario("mine", "Mine.")._bind(fake, clock)
        running.check(lambda each: poll(each), type=wrap("IMPORT_ASSETS_FROM_S3"))
        return [getattr(scenario, name) for name in (*names, "max_polls")], running.job.type


def draw_examples_of_strategies(wrap: Wrap) -> object:
    job = draw_examples(dxst.jobs(type=wrap(EXPORT), state=wrap("ERROR")), 1)[0]
    error = draw_examples(dxst.job_errors(type=[wrap(EXPORT)], code=(wrap(MALWARE),)), 1)[0]
    history = draw_examples(dxst.histories(outcome=wrap("COMPLETED")), 1)[0]
    return job["Type"], job["State"], error["Code"], history.stages[-1].state


def poll(job_id: str) -> None:
    while CLIENT.get_job(JobId=job_id)["State"] != "COMPLETED":
        pass


def as_enum(value: Any) -> Any:
    return member(value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "use",
    [
        make_job,
        add_jobs,
        queue_responses_and_faults,
        make_histories,
        make_and_assert_errors,
        make_faults,
        run_scenario,
        draw_examples_of_strategies,
    ],
)
def test_string_enums_give_the_same_results_as_plain_strings(use: Callable[[Wrap], object]) -> None:
    assert repr(use(as_enum)) == repr(use(lambda value: value))
