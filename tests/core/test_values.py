"""A member of an enum of strings is the same as the plain string, wherever one is given."""

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

Kind = Callable[[Any], Any]
CLIENT = client_for()
EXPORT, ID, SET, MALWARE = "EXPORT_ASSETS_TO_S3", "d" * 32, "e" * 32, "MALWARE_DETECTED"
AT = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def made(text: Kind) -> object:
    details_of_type = {"DataSetId": text(SET), "RevisionId": text(SET)}
    return dx.make_job(
        text(EXPORT),
        text("COMPLETED"),
        Id=text(ID),
        CreatedAt=AT,
        Details=MappingProxyType({"ExportAssetsToS3": details_of_type}),
    )["Details"]["ExportAssetsToS3"]["DataSetId"]


def entered(text: Kind) -> object:
    fake = dx.FakeDataExchange(region=text("eu-west-1"), account_id=text("0" * 12))
    job = fake.add_job(text(EXPORT), dx.stays(text("WAITING")), Id=text(ID), CreatedAt=AT)
    told = repr((fake, job, job.arn, job.id, job.type, job.state))
    job.become(text("IN_PROGRESS"), Details={"ExportAssetsToS3": {"DataSetId": text(SET)}})
    response = {**dx.make_job(Id=SET, CreatedAt=AT), "State": text("COMPLETED"), "Id": text(SET)}
    fake.add_job(response)
    with fake:
        fake.throttle(job=text(SET))
        CLIENT.get_job(JobId=SET)
    fake.assert_polled(text(SET), 1)
    return told, fake.jobs, [call.response and call.response["State"] for call in fake.calls]


def planned(text: Kind) -> object:
    fake = dx.FakeDataExchange()
    fake.next_job(dx.fails(text(MALWARE)), type=text(EXPORT))
    fake.inject(faults.throttling(), operation=text("list_jobs"), rate=text(0.5), seed=text(7))
    fake.inject(faults.throttling(), operation=[text("get_job")], job=[text(ID)], after=text(2))
    fake.add_response(text("get_job"), expected_params={"JobId": text(ID)}, times=text(2))
    fake.add_client_error(text("list_jobs"), text("Some"), text("Why"), text(400))
    with pytest.raises(AssertionError) as caught, fake:
        pass
    return str(caught.value)


def said(text: Kind) -> object:
    histories = (
        dx.history((text("WAITING"), text(3)), (text("IN_PROGRESS"), dx.polls(text(2))), "ERROR"),
        dx.completes(polls=text(3)),
        dx.times_out(after=text(datetime.timedelta(seconds=5))),
        dx.fails(errors=[{"Code": text(MALWARE), "Message": text("Why")}]),
    )
    return histories, [(each.stages, each.errors) for each in histories]


def failed(text: Kind) -> object:
    error = dx.make_error(text(MALWARE), Message=text("Why"))
    response = {"State": text("ERROR"), "Errors": [{**error, "ResourceId": text(ID)}]}
    dx.assert_job_error(response, text(MALWARE), resource_id=text(ID))
    return error, dx.raises_validation(text("S3AccessDenied"))._members, dx.job_id(text("a"))


def fault(text: Kind) -> object:
    headers = {"a": text("b")}
    made = faults.throttling(message=text("Why"), request_id=text("1"), headers=headers)
    by_hand = dx.Fault(text("throttling"), text("Why"), text("1"), (("a", "b"),))
    assert made == by_hand == dataclasses.replace(made, headers=headers)  # type: ignore[arg-type]
    return made, faults.validation(text("S3AccessDenied")), faults.garbled(status=text(599))


def scenario(text: Kind) -> object:
    names = ("name", "about", "expected", "type", "only", "group", "usually")
    values = ("mine", "Mine.", "raises", EXPORT, "check", "own", "Because.")
    mine = dx.Scenario(**dict(zip(names, map(text, values), strict=True)), max_polls=text(9))
    with dx.VirtualClock() as clock, dx.FakeDataExchange(strict=False) as fake:
        clock.tick(text(3))
        staged = dx.Scenario("mine", "Mine.")._bind(fake, clock)
        staged.check(lambda each: poll(each), type=text("IMPORT_ASSETS_FROM_S3"))
        return [getattr(mine, name) for name in (*names, "max_polls")], staged.job.type


def drawn_ones(text: Kind) -> object:
    job = draw_examples(dxst.jobs(type=text(EXPORT), state=text("ERROR")), 1)[0]
    error = draw_examples(dxst.job_errors(type=[text(EXPORT)], code=(text(MALWARE),)), 1)[0]
    history = draw_examples(dxst.histories(outcome=text("COMPLETED")), 1)[0]
    return job["Type"], job["State"], error["Code"], history.stages[-1].state


def poll(job_id: str) -> None:
    while CLIENT.get_job(JobId=job_id)["State"] != "COMPLETED":
        pass


def as_enum(value: Any) -> Any:
    return member(value) if isinstance(value, str) else value


@pytest.mark.parametrize("use", [made, entered, planned, said, failed, fault, scenario, drawn_ones])
def test_a_string_enum_is_a_plain_string(use: Callable[[Kind], object]) -> None:
    assert repr(use(as_enum)) == repr(use(lambda value: value))
