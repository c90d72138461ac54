"""Measure speed as ratios, with their spread. Run it with ``tox -e bench``.

Absolute times differ between machines and runs. So each row measures two things in turn, many times, and prints the
median ratio beside its target. Nothing fails if a target is missed.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import boto3
import botocore
import freezegun
import freezegun.api
import moto
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber
from hypothesis import Phase, given, settings
from mypy_boto3_dataexchange.type_defs import GetJobResponseTypeDef
from polyfactory.factories import TypedDictFactory

import pytest_dxjobs as dx
from pytest_dxjobs import strategies as dxst

ROUNDS = 15
# A partial, because freezegun would replace the function itself.
real_time = functools.partial(freezegun.api.real_perf_counter)
KEYS: Any = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}


def seconds(call: Callable[[], object], repeat: int) -> float:
    """Return the mean time of one call."""
    started_at = real_time()
    for _ in range(repeat):
        call()
    return (real_time() - started_at) / repeat


def format_seconds(time: float) -> str:
    """Return the time with three digits and its unit."""
    units = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
    unit, size = next((unit, size) for unit, size in units if time >= size)
    return f"{time / size:.3g} {unit}"


def row(
    name: str,
    baseline_name: str,
    target: str,
    ours: Callable[[], object],
    baseline: Callable[[], object],
    repeat: int,
    context: Callable[[], AbstractContextManager[object]] = nullcontext,
    baseline_context: Callable[[], AbstractContextManager[object]] = nullcontext,
    rounds: int = ROUNDS,
) -> None:
    """Print one comparison: the median times, and the median and spread of the ratios of all rounds."""
    pairs = []
    for _ in range(rounds + 1):  # the first round warms up
        with context():
            our_time = seconds(ours, repeat)
        with baseline_context():
            pairs.append((our_time, seconds(baseline, repeat)))
    ratios = sorted(our_time / baseline_time for our_time, baseline_time in pairs[1:])
    our_time, baseline_time = (statistics.median(times) for times in zip(*pairs[1:], strict=True))
    print(
        f"| {name} | {format_seconds(our_time)} | {baseline_name}, {format_seconds(baseline_time)} "
        f"| {statistics.median(ratios):.3g} | {ratios[1]:.3g} to {ratios[-2]:.3g} | {target} |"
    )


def client(service: str = "dataexchange") -> Any:
    return boto3.client(service, region_name="us-east-1", **KEYS)  # type: ignore[call-overload]


def bare_client(body: bytes) -> Any:
    """Return a client with a handler that returns a constant, and without a signature."""
    bare = client()
    headers: Any = {"Content-Type": "application/json", "x-amzn-RequestId": "example"}

    def respond(request: Any, **_: object) -> Any:
        response: Any = AWSResponse(request.url, 200, headers, None)
        response._content = body
        return response

    bare.meta.events.register_first("before-send.dataexchange.GetJob", respond)
    bare.meta.events.register_first("choose-signer.dataexchange.GetJob", lambda **_: botocore.UNSIGNED)
    return bare


def get_job() -> None:
    fake = dx.FakeDataExchange(max_polls=None, max_polls_after_end=None)
    job = fake.add_job()
    stored = fake._backend.jobs._by_id[job.id]
    faked, bare = client(), bare_client(stored.body)

    def poll() -> None:
        faked.get_job(JobId=job.id)

    row(
        "`get_job`",
        "a bare handler that returns a constant",
        "1.15",
        poll,
        lambda: bare.get_job(JobId=job.id),
        200,
        lambda: fake,
    )
    stubbed = client()
    stubber = Stubber(stubbed)

    def stub_and_poll() -> None:
        stubber.add_response("get_job", {"Id": job.id}, {"JobId": job.id})
        stubbed.get_job(JobId=job.id)

    row(
        "the same",
        "botocore's Stubber, which skips retries and parsing",
        "",
        poll,
        stub_and_poll,
        200,
        lambda: fake,
        lambda: stubber,
    )
    efs = client("efs")

    @contextmanager
    def under_moto() -> Iterator[None]:
        with moto.mock_aws():
            efs.create_file_system(CreationToken="one", Tags=[{"Key": "Name", "Value": "prices"}])
            yield

    row(
        "the same",
        "a call of a similar service under moto",
        "0.5",
        poll,
        efs.describe_file_systems,
        200,
        lambda: fake,
        under_moto,
    )


def many_jobs() -> None:
    one, many = (dx.FakeDataExchange(max_polls=None, max_polls_after_end=None) for _ in range(2))
    job, faked = one.add_job(), client()
    tracemalloc.start()
    for _ in range(5_000):
        many.add_job()
    size = tracemalloc.get_traced_memory()[0] / 5_000
    tracemalloc.stop()
    for _ in range(95_000):
        many.add_job()
    ids = itertools.cycle(random.Random(1).sample([job.id for job in many.jobs], 5_000))
    row(
        f"the same among 100,000 jobs, of {size:,.0f} bytes each",
        "with one job",
        "1.1; 2,048 bytes",
        lambda: faked.get_job(JobId=next(ids)),
        lambda: faked.get_job(JobId=job.id),
        200,
        lambda: many,
        lambda: one,
    )


def set_up() -> None:
    def ours() -> None:
        with dx.FakeDataExchange():
            pass

    def theirs() -> None:
        with moto.mock_aws():
            pass

    row("set up and tear down", "moto's", "300 µs", ours, theirs, 20)


def clock() -> None:
    def ours() -> None:
        with dx.VirtualClock(), dx.FakeDataExchange():
            pass

    def theirs() -> None:
        with freezegun.freeze_time("2025-01-01"):
            pass

    row("the same with the clock", "freezegun's own start and stop", "1.3", ours, theirs, 10)


def virtual_day() -> None:
    """Compare hour by hour: the machine's speed changes during a whole day."""
    fake = dx.FakeDataExchange(max_polls=None, max_polls_after_end=None, max_wait=None)
    job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    bare = bare_client(fake._backend.jobs._by_id[job.id].body)
    faked = client()

    @contextmanager
    def virtual_time() -> Iterator[None]:
        with dx.VirtualClock() as running, fake:
            yield
            assert len(running.sleeps) == 360

    def poll_for_an_hour() -> None:
        end = time.time() + 3_600
        while time.time() < end:
            faked.get_job(JobId=job.id)
            time.sleep(10)

    def bare_calls() -> None:
        for _ in range(360):
            bare.get_job(JobId=job.id)

    row(
        "an hour of a virtual day, 360 polls",
        "360 bare calls",
        "1.25",
        poll_for_an_hour,
        bare_calls,
        1,
        virtual_time,
        rounds=23,  # and one that warms up
    )


def factory() -> None:
    typed_dict = TypedDictFactory.create_factory(GetJobResponseTypeDef)
    small, large = "EXPORT_ASSETS_TO_S3", "IMPORT_ASSETS_FROM_LAKE_FORMATION_TAG_POLICY"
    for type_, state in ((small, "COMPLETED"), (large, "ERROR")):
        row(
            f"`make_job` of `{type_}` in `{state}`",
            "polyfactory",
            "40 µs",
            functools.partial(dx.make_job, type_, state),
            typed_dict.build,
            10,
        )


def strategies() -> None:
    def examples(strategy: Any, count: int) -> Callable[[], None]:
        @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate])
        @given(strategy)
        def draw(_: object) -> None:
            pass

        return cast("Callable[[], None]", draw)

    jobs, responses = examples(dxst.jobs(), 1000), examples(dxst.model_responses(), 100)
    row(
        "1,000 of `dxst.jobs()`",
        "1,000 of `dxst.model_responses()`",
        "0.33; 1.25 s",
        jobs,
        lambda: [responses() for _ in range(10)],
        1,
        rounds=5,
    )


def scenario() -> None:
    """Measure a scenario with one call, with set-up and tear-down of fake and clock."""
    faked = client()
    completes = dx.Scenario("bench", "The job has completed.", history=dx.completes())

    def ours() -> None:
        with dx.VirtualClock() as running, dx.FakeDataExchange() as fake:
            completes._bind(fake, running).check(lambda job_id: faked.get_job(JobId=job_id))

    def theirs() -> None:
        with freezegun.freeze_time("2025-01-01"):
            pass

    row("a scenario", "freezegun's own start and stop", "20 ms", ours, theirs, 10)


def start() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing(): pass\n")
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder]

        # Let Python use compiled modules, as users do.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

        def run(*options: str) -> None:
            subprocess.run([*pytest, *options], check=True, capture_output=True, env=environment)

        row(
            "start of pytest, with the plugin unused",
            "with `-p no:dxjobs`",
            "1.02",
            run,
            lambda: run("-p", "no:dxjobs"),
            4,
        )


def main() -> None:
    print(
        f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, Python {platform.python_version()}, {platform.system()} on "
        f"{platform.machine()} with {os.cpu_count()} cores, botocore {botocore.__version__}\n"
    )
    print("| what | time | compared with | ratio | spread | target, at most |")
    print("|---|---|---|---|---|---|")
    start()  # before this process has grown
    get_job()
    many_jobs()
    set_up()
    clock()
    virtual_day()
    factory()
    strategies()
    scenario()


if __name__ == "__main__":
    main()
