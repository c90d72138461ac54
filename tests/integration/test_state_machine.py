"""Jobs under any interleaving of calls, reads and time behave as an independent model predicts.

The model counts whole milliseconds. It computes each state from the history, the clock and the times of the polls. It
observes the fake only through a client and the attributes of its jobs.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Callable
from typing import Any

import botocore.session
import freezegun
from botocore.exceptions import ClientError
from hypothesis import settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, precondition, rule

import pytest_dxjobs as dx

START = datetime.datetime(2024, 2, 28, 23, 59, 59, 250_000, tzinfo=datetime.timezone.utc)
HOUR = 3_600_000
DAY = 24 * HOUR
LIFETIME = 90 * DAY
MAX_JOBS = 5  # at a time: few, so that each is called often
TIMES = (1, 1000, 60_000, HOUR, DAY)  # for stages and for jumps, so that they coincide

Response = tuple[int, dict[str, object]]  # the status and the members that are compared
DATA_SETS = ("a" * 32, "b" * 32)
REVISIONS = ("c" * 32, "d" * 32)
EXPORT, IMPORT = "EXPORT_ASSETS_TO_S3", "IMPORT_ASSETS_FROM_S3"
MEMBERS = {EXPORT: "ExportAssetsToS3", IMPORT: "ImportAssetsFromS3"}
DETAILS: dict[str, dict[str, Any]] = {
    EXPORT: {"AssetDestinations": [{"AssetId": "e" * 32, "Bucket": "prices"}]},
    IMPORT: {"AssetSources": [{"Bucket": "prices", "Key": "a.csv"}]},
}


@dataclasses.dataclass
class Plan:
    """A history and its meaning: each stage lasts an amount of ``ms`` or ``polls``, the end lasts forever."""

    history: dx.History = dataclasses.field(repr=False)
    stages: list[tuple[str, str, int]]
    end: str
    from_creation: bool = False
    ends_at_first_poll: bool = False  # until then the job is WAITING

    def state_at(self, now: int, entered_at: int, polls: list[int]) -> tuple[str, int]:
        """Return the state and when it was entered, for a history that runs since ``entered_at``."""
        for state, unit, amount in self.stages:
            if unit == "ms":
                until = entered_at + amount
                if now < until:
                    return state, entered_at
                polls = [at for at in polls if at >= until]
                entered_at = until
            else:
                if len(polls) < amount:
                    return state, entered_at
                entered_at = max([entered_at, *polls[:amount]])
                polls = polls[amount:]
        return self.end, entered_at


@dataclasses.dataclass(eq=False)
class ModelJob:
    """The model of a job."""

    id: str
    ids: dict[str, str]  # of its data set and revision
    plan: Plan
    created_at: int
    started: bool
    runs_from: int
    polls: list[int] = dataclasses.field(default_factory=list)
    poll_count: int = 0
    cancelled_at: int | None = None

    def start(self, now: int) -> None:
        self.started = True
        self.runs_from = self.created_at if self.plan.from_creation else now
        self.polls = self.polls if self.plan.from_creation else []

    def is_deleted(self, now: int) -> bool:
        return now >= self.created_at + LIFETIME

    def state_at(self, now: int, *new_polls: int) -> tuple[str, int]:
        """Return the state and when it was entered; with new polls, as ``get_job`` returns it to them."""
        if self.cancelled_at is not None:
            return "CANCELLED", self.cancelled_at
        if self.plan.ends_at_first_poll:
            polls = [*self.polls, *new_polls]
            return ("CANCELLED", polls[0]) if polls else ("WAITING", self.created_at)
        if self.started or self.plan.from_creation:
            return self.plan.state_at(now, self.runs_from, self.polls)
        return "WAITING", self.created_at

    def is_waiting(self, now: int) -> bool:
        return self.state_at(now)[0] == "WAITING"

    def response(self, now: int, *new_polls: int) -> dict[str, object]:
        state, entered_at = self.state_at(now, *new_polls)
        times = {"CreatedAt": datetime_at(self.created_at), "UpdatedAt": datetime_at(entered_at)}
        return {"Id": self.id, "State": state, **times}


def datetime_at(milliseconds: int) -> datetime.datetime:
    return START + datetime.timedelta(milliseconds=milliseconds)


@functools.cache
def client() -> Any:
    session = botocore.session.Session()
    session.set_credentials("example", "example")
    return session.create_client("dataexchange", region_name="us-east-1")


def call(operation: str, **params: object) -> Response:
    try:
        response = getattr(client(), operation)(**params)
    except ClientError as error:
        response = error.response | {"Code": error.response["Error"]["Code"]}
    return response["ResponseMetadata"]["HTTPStatusCode"], compared_members(response)


def compared_members(response: dict[str, Any]) -> dict[str, object]:
    names = ("Id", "State", "CreatedAt", "UpdatedAt", "Code", "ResourceId", "ResourceType")
    return {name: response[name] for name in names if name in response}


def error_response(status: int, code: str, job_id: str) -> Response:
    return status, {"Code": code, "ResourceId": job_id, "ResourceType": "JOB"}


not_found = functools.partial(error_response, 404, "ResourceNotFoundException")
conflict = functools.partial(error_response, 409, "ConflictException")

ENDINGS: list[tuple[Callable[..., dx.History], str]] = [
    (dx.completes, "COMPLETED"),
    (dx.fails, "ERROR"),
    (functools.partial(dx.fails, errors=dx.ABSENT), "ERROR"),
    (dx.times_out, "TIMED_OUT"),
    *[(dx.gets_cancelled, "CANCELLED")] * 3,
]
# Each strategy draws an argument for a history and its meaning: a unit and an amount.
SECONDS = st.sampled_from(TIMES).map(lambda ms: (ms / 1000, ("ms", ms)))
DELTAS = st.sampled_from(TIMES).map(lambda ms: (datetime.timedelta(milliseconds=ms), ("ms", ms)))
POLLS = st.integers(1, 3).map(lambda count: (dx.polls(count), ("polls", count)))
DURATIONS: st.SearchStrategy[tuple[dict[str, Any], tuple[str, int]]] = (
    st.just(({}, ("ms", 0)))
    | (SECONDS | DELTAS).map(lambda drawn: ({"after": drawn[0]}, drawn[1]))
    | st.integers(1, 4).map(lambda nth: ({"polls": nth}, ("polls", nth - 1)))
)


@st.composite
def short_plans(draw: st.DrawFn) -> Plan:
    """Draw a plan with a function such as ``dx.completes``."""
    function, end = draw(st.sampled_from(ENDINGS))
    arguments, duration = draw(DURATIONS)
    history = function(**arguments)
    if end != "CANCELLED":
        return Plan(history, [("IN_PROGRESS", *duration)], end)
    at_first_poll = duration[1] == 0
    return Plan(history, [("WAITING", *duration)], end, True, at_first_poll)


@st.composite
def staged_plans(draw: st.DrawFn) -> Plan:
    """Draw a plan with ``dx.history``."""
    states = draw(st.sampled_from([["WAITING"], ["IN_PROGRESS"], ["WAITING", "IN_PROGRESS"]]))
    ends = ["COMPLETED", "ERROR", "TIMED_OUT"] if states[-1] == "IN_PROGRESS" else ["IN_PROGRESS"]
    end = draw(st.sampled_from(ends))
    stages = [(state, *draw(SECONDS | DELTAS | POLLS)) for state in states]
    history = dx.history(*((state, argument) for state, argument, _ in stages), end)
    return Plan(history, [(state, *duration) for state, _, duration in stages], end)


STAYING = st.sampled_from(dx.JOB_STATES).map(lambda state: Plan(dx.stays(state), [], state))
PLANS = short_plans() | short_plans() | staged_plans() | staged_plans() | STAYING
TYPES = st.sampled_from([EXPORT, IMPORT])
RESOURCES = {"DataSetId": st.sampled_from(DATA_SETS), "RevisionId": st.sampled_from(REVISIONS)}
IDS = st.fixed_dictionaries(RESOURCES)


class Jobs(RuleBasedStateMachine):
    """Create, add, start, cancel, poll, list and inspect jobs while time passes."""

    jobs = Bundle("jobs")
    created = Bundle("created")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.all_jobs: list[ModelJob] = []
        self.planned: list[tuple[Plan, str | None, str | None]] = []
        self.default = Plan(dx.completes(), [], "COMPLETED")
        self.freeze = freezegun.freeze_time(START, tick=False, ignore=["_pytest.timing"])
        self.clock: Any = self.freeze.start()
        self.fake = dx.FakeDataExchange(max_polls=None, max_polls_after_end=None, strict=False)
        self.fake.activate()

    def teardown(self) -> None:
        self.fake.deactivate()
        self.freeze.stop()

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds
        self.clock.tick(datetime.timedelta(milliseconds=milliseconds))

    def remember(self, job_id: str, ids: dict[str, str], plan: Plan, *, started: bool) -> ModelJob:
        job = ModelJob(job_id, ids, plan, self.now, started, runs_from=self.now)
        self.all_jobs.append(job)
        return job

    def existing(self) -> list[ModelJob]:
        return [job for job in self.all_jobs if not job.is_deleted(self.now)]

    @rule(milliseconds=st.sampled_from(TIMES), off=st.sampled_from((0, -1, 1)))
    def time_passes(self, milliseconds: int, off: int) -> None:
        self.advance(milliseconds + off)

    @rule(job=jobs, off=st.sampled_from((0, -1, HOUR)))
    def advance_to_end_of_stage(self, job: ModelJob, off: int) -> None:
        entered_at = job.state_at(self.now)[1]
        ends = [entered_at + amount for _, unit, amount in job.plan.stages if unit == "ms"]
        self.advance(min((end - self.now for end in ends if end > self.now), default=1) + off)
        self.poll(job, 1)

    @precondition(lambda self: len(self.existing()) >= MAX_JOBS - 1)
    @rule(early=st.sampled_from((0, 1)))
    def advance_to_deletion_of_oldest(self, early: int) -> None:
        oldest = self.existing()[0]
        self.advance(oldest.created_at + LIFETIME - early - self.now)
        self.poll(oldest, 1)
        self.start(oldest)
        self.cancel(oldest)

    @rule(plan=PLANS, type_=st.none() | TYPES, revision=st.none() | st.sampled_from(REVISIONS))
    def plan_next_job(self, plan: Plan, type_: str | None, revision: str | None) -> None:
        self.planned.append((plan, type_, revision))
        self.fake.next_job(
            plan.history,
            type=type_,
            where=None if revision is None else lambda details: details["RevisionId"] == revision,
        )

    @rule(plan=PLANS)
    def set_default_history(self, plan: Plan) -> None:
        self.default = plan
        self.fake.default_history = plan.history

    @precondition(lambda self: len(self.existing()) < MAX_JOBS)
    @rule(targets=(jobs, created), type_=TYPES, ids=IDS, plan=st.none() | PLANS)
    def create(self, type_: str, ids: dict[str, str], plan: Plan | None) -> ModelJob:
        if plan is not None:
            self.plan_next_job(plan, type_, None)
        details = {MEMBERS[type_]: DETAILS[type_] | ids}
        response = client().create_job(Type=type_, Details=details)
        matching = [
            planned
            for planned in self.planned
            if planned[1] in (None, type_) and planned[2] in (None, ids["RevisionId"])
        ]
        for planned in matching[:1]:
            self.planned.remove(planned)
        used = matching[0][0] if matching else self.default
        job = self.remember(response["Id"], ids, used, started=False)
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 201
        initial = {"State": "WAITING", "UpdatedAt": datetime_at(self.now)}
        assert compared_members(response) == job.response(self.now) | initial
        return job

    @precondition(lambda self: len(self.existing()) < MAX_JOBS)
    @rule(target=jobs, type_=TYPES, ids=IDS, plan=PLANS)
    def add(self, type_: str, ids: dict[str, str], plan: Plan) -> ModelJob:
        added = self.fake.add_job(type_, plan.history, Details={MEMBERS[type_]: ids})
        return self.remember(added.id, ids, plan, started=True)

    @rule(job=jobs)
    def start(self, job: ModelJob) -> None:
        legal = job.is_waiting(self.now) and not job.started
        if self.check_call("start_job", job, (202, {}), legal):
            job.start(self.now)

    @rule(job=consumes(created))
    def start_created(self, job: ModelJob) -> None:
        self.start(job)

    @rule(job=jobs)
    def cancel(self, job: ModelJob) -> None:
        if self.check_call("cancel_job", job, (204, {}), job.is_waiting(self.now)):
            job.cancelled_at = self.now

    @rule(job=jobs, times=st.integers(1, 4))
    def poll(self, job: ModelJob, times: int) -> None:
        for _ in range(times):
            self.check_call("get_job", job, (200, job.response(self.now, self.now)))
            job.polls.append(self.now)
            job.poll_count += 1

    def check_call(self, operation: str, job: ModelJob, expected: Response, legal: bool = True) -> bool:
        """Call the operation, check its response, and return whether it succeeded."""
        deleted = job.is_deleted(self.now)
        succeeds = legal and not deleted
        error = not_found(job.id) if deleted else conflict(job.id)
        assert call(operation, JobId=job.id) == (expected if succeeds else error)
        return succeeds

    @rule(operation=st.sampled_from(("get_job", "start_job", "cancel_job")))
    def call_with_unknown_id(self, operation: str) -> None:
        assert call(operation, JobId="f" * 32) == not_found("f" * 32)

    @rule(filters=st.fixed_dictionaries({}, optional=RESOURCES), size=st.none() | st.integers(1, 4))
    def list_(self, filters: dict[str, str], size: int | None) -> None:
        expected = [job.response(self.now) for job in reversed(self.existing()) if filters.items() <= job.ids.items()]
        list_jobs = client().get_paginator("list_jobs")
        pages = list_jobs.paginate(**filters, PaginationConfig={"PageSize": size})
        listed = [page["Jobs"] for page in pages]
        assert [compared_members(job) for jobs in listed for job in jobs] == expected
        assert max(map(len, listed)) <= (size or 200)

    @rule()
    def inspect(self) -> None:
        existing = {job.id: job for job in self.existing()}
        assert [
            (job.id, job.state, job.polls, job.started, job.cancelled) for job in self.fake.jobs if job.id in existing
        ] == [
            (
                job.id,
                job.state_at(self.now, self.now)[0],
                job.poll_count,
                job.started,
                job.cancelled_at is not None,
            )
            for job in existing.values()
        ]


TestJobs = Jobs.TestCase
TestJobs.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
