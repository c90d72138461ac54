"""A job's life under any interleaving of calls, looks and time, beside a model that is told less.

The model counts whole milliseconds and works each state out anew, from the history, the clock and the
instants of the polls; the fake is only ever asked through a client.
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

BEGINNING = datetime.datetime(2024, 2, 28, 23, 59, 59, 250_000, tzinfo=datetime.timezone.utc)
HOUR = 3_600_000
DAY = 24 * HOUR
KEPT = 90 * DAY
MANY = 5  # jobs at a time: few enough that each is asked for again and again
TIMES = (1, 1000, 60_000, HOUR, DAY)  # of stages and of jumps, so that they meet

Answer = tuple[int, dict[str, object]]  # the status of a response and what is compared of it
DATA_SETS = ("a" * 32, "b" * 32)
REVISIONS = ("c" * 32, "d" * 32)
EXPORT, IMPORT = "EXPORT_ASSETS_TO_S3", "IMPORT_ASSETS_FROM_S3"
MEMBERS = {EXPORT: "ExportAssetsToS3", IMPORT: "ImportAssetsFromS3"}
DETAILS: dict[str, dict[str, Any]] = {
    EXPORT: {"AssetDestinations": [{"AssetId": "e" * 32, "Bucket": "prices"}]},
    IMPORT: {"AssetSources": [{"Bucket": "prices", "Key": "a.csv"}]},
}


@dataclasses.dataclass
class Plot:
    """A history, and what it means: each stage lasts so many ``ms`` or ``polls``, the last for ever."""

    history: dx.History = dataclasses.field(repr=False)
    stages: list[tuple[str, str, int]]
    end: str
    from_creation: bool = False
    at_first_look: bool = False  # the first ``get_job`` sees the end, until then the job is WAITING

    def at(self, now: int, began: int, polls: list[int]) -> tuple[str, int]:
        """The state at a moment, and since when, of a history that began to run and was polled since."""
        for state, unit, amount in self.stages:
            if unit == "ms":
                until = began + amount
                if now < until:
                    return state, began
                polls = [at for at in polls if at >= until]
                began = until
            else:
                if len(polls) < amount:
                    return state, began
                began = max([began, *polls[:amount]])
                polls = polls[amount:]
        return self.end, began


@dataclasses.dataclass(eq=False)
class CallRecord:
    """What the model knows of a job."""

    id: str
    names: dict[str, str]  # of the data set and the revision
    plot: Plot
    entered: int
    started: bool
    runs_from: int
    polls: list[int] = dataclasses.field(default_factory=list)
    polled: int = 0
    cancelled: int | None = None

    def start(self, now: int) -> None:
        self.started = True
        self.runs_from = self.entered if self.plot.from_creation else now
        self.polls = self.polls if self.plot.from_creation else []

    def gone(self, now: int) -> bool:
        return now >= self.entered + KEPT

    def at(self, now: int, *looks: int) -> tuple[str, int]:
        """The state and since when; or those that a ``get_job`` tells which ``looks`` at that moment."""
        if self.cancelled is not None:
            return "CANCELLED", self.cancelled
        if self.plot.at_first_look:
            seen = [*self.polls, *looks]
            return ("CANCELLED", seen[0]) if seen else ("WAITING", self.entered)
        if self.started or self.plot.from_creation:
            return self.plot.at(now, self.runs_from, self.polls)
        return "WAITING", self.entered

    def waits(self, now: int) -> bool:
        return self.at(now)[0] == "WAITING"

    def told(self, now: int, *looks: int) -> dict[str, object]:
        """What a response says of it."""
        state, since = self.at(now, *looks)
        times = {"CreatedAt": moment(self.entered), "UpdatedAt": moment(since)}
        return {"Id": self.id, "State": state, **times}


def moment(milliseconds: int) -> datetime.datetime:
    return BEGINNING + datetime.timedelta(milliseconds=milliseconds)


@functools.cache
def client() -> Any:
    session = botocore.session.Session()
    session.set_credentials("example", "example")
    return session.create_client("dataexchange", region_name="us-east-1")


def answer(operation: str, **params: object) -> Answer:
    try:
        response = getattr(client(), operation)(**params)
    except ClientError as error:
        response = error.response | {"Code": error.response["Error"]["Code"]}
    return response["ResponseMetadata"]["HTTPStatusCode"], compared(response)


def compared(response: dict[str, Any]) -> dict[str, object]:
    names = ("Id", "State", "CreatedAt", "UpdatedAt", "Code", "ResourceId", "ResourceType")
    return {name: response[name] for name in names if name in response}


def refused(status: int, code: str, job_id: str) -> Answer:
    return status, {"Code": code, "ResourceId": job_id, "ResourceType": "JOB"}


missing = functools.partial(refused, 404, "ResourceNotFoundException")
conflict = functools.partial(refused, 409, "ConflictException")

ENDINGS: list[tuple[Callable[..., dx.History], str]] = [
    (dx.completes, "COMPLETED"),
    (dx.fails, "ERROR"),
    (functools.partial(dx.fails, errors=dx.ABSENT), "ERROR"),
    (dx.times_out, "TIMED_OUT"),
    *[(dx.gets_cancelled, "CANCELLED")] * 3,
]
# What is said of a time, and what it means.
SECONDS = st.sampled_from(TIMES).map(lambda ms: (ms / 1000, ("ms", ms)))
DELTAS = st.sampled_from(TIMES).map(lambda ms: (datetime.timedelta(milliseconds=ms), ("ms", ms)))
POLLS = st.integers(1, 3).map(lambda count: (dx.polls(count), ("polls", count)))
LIMITS: st.SearchStrategy[tuple[dict[str, Any], tuple[str, int]]] = (
    st.just(({}, ("ms", 0)))
    | (SECONDS | DELTAS).map(lambda said: ({"after": said[0]}, said[1]))
    | st.integers(1, 4).map(lambda nth: ({"polls": nth}, ("polls", nth - 1)))
)


@st.composite
def short_forms(draw: st.DrawFn) -> Plot:
    make, end = draw(st.sampled_from(ENDINGS))
    said, length = draw(LIMITS)
    if end != "CANCELLED":
        return Plot(make(**said), [("IN_PROGRESS", *length)], end)
    at_first_look = length[1] == 0
    return Plot(
        make(**said), [("WAITING", *length)], end, from_creation=True, at_first_look=at_first_look
    )


@st.composite
def whole_lives(draw: st.DrawFn) -> Plot:
    states = draw(st.sampled_from([["WAITING"], ["IN_PROGRESS"], ["WAITING", "IN_PROGRESS"]]))
    ends = ["COMPLETED", "ERROR", "TIMED_OUT"] if states[-1] == "IN_PROGRESS" else ["IN_PROGRESS"]
    end = draw(st.sampled_from(ends))
    times = [(state, *draw(SECONDS | DELTAS | POLLS)) for state in states]
    history = dx.history(*((state, said) for state, said, _ in times), end)
    return Plot(history, [(state, *length) for state, _, length in times], end)


STAYING = st.sampled_from(dx.JOB_STATES).map(lambda state: Plot(dx.stays(state), [], state))
PLOTS = short_forms() | short_forms() | whole_lives() | whole_lives() | STAYING
TYPES = st.sampled_from([EXPORT, IMPORT])
NAMES = {"DataSetId": st.sampled_from(DATA_SETS), "RevisionId": st.sampled_from(REVISIONS)}
NAMED = st.fixed_dictionaries(NAMES)


class Lives(RuleBasedStateMachine):
    """Jobs that are created, added, started, cancelled, polled, listed, looked at and left alone."""

    jobs = Bundle("jobs")
    created = Bundle("created")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.records: list[CallRecord] = []
        self.planned_histories: list[tuple[Plot, str | None, str | None]] = []
        self.default = Plot(dx.completes(), [], "COMPLETED")
        self.freeze = freezegun.freeze_time(BEGINNING, tick=False, ignore=["_pytest.timing"])
        self.clock: Any = self.freeze.start()
        self.fake = dx.FakeDataExchange(max_polls=None, max_polls_after_end=None, strict=False)
        self.fake.activate()

    def teardown(self) -> None:
        self.fake.deactivate()
        self.freeze.stop()

    def wait(self, milliseconds: int) -> None:
        self.now += milliseconds
        self.clock.tick(datetime.timedelta(milliseconds=milliseconds))

    def enter(self, job_id: str, names: dict[str, str], plot: Plot, *, started: bool) -> CallRecord:
        record = CallRecord(job_id, names, plot, self.now, started, runs_from=self.now)
        self.records.append(record)
        return record

    def kept(self) -> list[CallRecord]:
        return [record for record in self.records if not record.gone(self.now)]

    @rule(milliseconds=st.sampled_from(TIMES), off=st.sampled_from((0, -1, 1)))
    def time_passes(self, milliseconds: int, off: int) -> None:
        self.wait(milliseconds + off)

    @rule(record=jobs, off=st.sampled_from((0, -1, HOUR)))
    def a_stage_is_about_to_end(self, record: CallRecord, off: int) -> None:
        since = record.at(self.now)[1]
        ends = [since + amount for _, unit, amount in record.plot.stages if unit == "ms"]
        self.wait(min((end - self.now for end in ends if end > self.now), default=1) + off)
        self.poll(record, 1)

    @precondition(lambda self: len(self.kept()) >= MANY - 1)
    @rule(early=st.sampled_from((0, 1)))
    def the_oldest_is_about_to_go(self, early: int) -> None:
        oldest = self.kept()[0]
        self.wait(oldest.entered + KEPT - early - self.now)
        self.poll(oldest, 1)
        self.start(oldest)
        self.cancel(oldest)

    @rule(plot=PLOTS, type_=st.none() | TYPES, revision=st.none() | st.sampled_from(REVISIONS))
    def a_script_for_one(self, plot: Plot, type_: str | None, revision: str | None) -> None:
        self.planned_histories.append((plot, type_, revision))
        self.fake.next_job(
            plot.history,
            type=type_,
            where=None if revision is None else lambda details: details["RevisionId"] == revision,
        )

    @rule(plot=PLOTS)
    def a_script_for_all_others(self, plot: Plot) -> None:
        self.default = plot
        self.fake.default_history = plot.history

    @precondition(lambda self: len(self.kept()) < MANY)
    @rule(targets=(jobs, created), type_=TYPES, names=NAMED, plot=st.none() | PLOTS)
    def create(self, type_: str, names: dict[str, str], plot: Plot | None) -> CallRecord:
        if plot is not None:
            self.a_script_for_one(plot, type_, None)
        details = {MEMBERS[type_]: DETAILS[type_] | names}
        response = client().create_job(Type=type_, Details=details)
        meant = [
            script
            for script in self.planned_histories
            if script[1] in (None, type_) and script[2] in (None, names["RevisionId"])
        ]
        for script in meant[:1]:
            self.planned_histories.remove(script)
        fate = meant[0][0] if meant else self.default
        record = self.enter(response["Id"], names, fate, started=False)
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 201
        born = {"State": "WAITING", "UpdatedAt": moment(self.now)}
        assert compared(response) == record.told(self.now) | born
        return record

    @precondition(lambda self: len(self.kept()) < MANY)
    @rule(target=jobs, type_=TYPES, names=NAMED, plot=PLOTS)
    def add(self, type_: str, names: dict[str, str], plot: Plot) -> CallRecord:
        job = self.fake.add_job(type_, plot.history, Details={MEMBERS[type_]: names})
        return self.enter(job.id, names, plot, started=True)

    @rule(record=jobs)
    def start(self, record: CallRecord) -> None:
        legal = record.waits(self.now) and not record.started
        if self.asked("start_job", record, (202, {}), legal):
            record.start(self.now)

    @rule(record=consumes(created))
    def start_what_was_created(self, record: CallRecord) -> None:
        self.start(record)

    @rule(record=jobs)
    def cancel(self, record: CallRecord) -> None:
        if self.asked("cancel_job", record, (204, {}), record.waits(self.now)):
            record.cancelled = self.now

    @rule(record=jobs, times=st.integers(1, 4))
    def poll(self, record: CallRecord, times: int) -> None:
        for _ in range(times):
            self.asked("get_job", record, (200, record.told(self.now, self.now)))
            record.polls.append(self.now)
            record.polled += 1

    def asked(
        self, operation: str, record: CallRecord, expected: Answer, legal: bool = True
    ) -> bool:
        """Ask for something; tell whether it was done, as it should be."""
        gone = record.gone(self.now)
        refusal = missing(record.id) if gone else conflict(record.id)
        done = legal and not gone
        assert answer(operation, JobId=record.id) == (expected if done else refusal)
        return done

    @rule(operation=st.sampled_from(("get_job", "start_job", "cancel_job")))
    def ask_for_a_stranger(self, operation: str) -> None:
        assert answer(operation, JobId="f" * 32) == missing("f" * 32)

    @rule(filters=st.fixed_dictionaries({}, optional=NAMES), size=st.none() | st.integers(1, 4))
    def list_(self, filters: dict[str, str], size: int | None) -> None:
        expected = [
            record.told(self.now)
            for record in reversed(self.kept())
            if filters.items() <= record.names.items()
        ]
        list_jobs = client().get_paginator("list_jobs")
        pages = list_jobs.paginate(**filters, PaginationConfig={"PageSize": size})
        listed = [page["Jobs"] for page in pages]
        assert [compared(job) for jobs in listed for job in jobs] == expected
        assert max(map(len, listed)) <= (size or 200)

    @rule()
    def look(self) -> None:
        kept = {record.id: record for record in self.kept()}
        assert [
            (job.id, job.state, job.polls, job.started, job.cancelled)
            for job in self.fake.jobs
            if job.id in kept
        ] == [
            (
                each.id,
                each.at(self.now, self.now)[0],
                each.polled,
                each.started,
                each.cancelled is not None,
            )
            for each in kept.values()
        ]


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
