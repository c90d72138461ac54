"""Endless polling loops are ended, whatever they swallow and whoever waits for them."""

from __future__ import annotations

import concurrent.futures
import multiprocessing.dummy
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest
from polling_loops import wait, wait_swallowing_errors

import pytest_dxjobs as dx

# Real seconds, after which a script counts as hanging.
TIMEOUT = 60


@pytest.mark.parametrize("consume", [wait, wait_swallowing_errors])
@pytest.mark.parametrize("kind", ["executor", "pool", "threads"])
def test_runaways_in_three_workers_are_all_raised_or_remembered(
    kind: str,
    consume: Any,
    dxjobs: dx.FakeDataExchange,
    dxjobs_clock: dx.VirtualClock,
    client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    ids = [
        dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays(state)).id for state in ("TIMED_OUT", "CANCELLED", "TIMED_OUT")
    ]
    if kind == "threads":
        threads = [threading.Thread(target=consume, args=[client, each]) for each in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    elif kind == "executor":
        with (
            concurrent.futures.ThreadPoolExecutor(3) as executor,
            pytest.raises(BaseException, match="an end state"),
        ):
            list(executor.map(lambda each: consume(client, each), ids))
    else:
        with (
            multiprocessing.dummy.Pool(3) as pool,
            pytest.raises(dx.RunawayPolling, match="an end state"),
        ):
            pool.map(lambda each: consume(client, each), ids)
    assert len({each.args for each in dxjobs._backend.take_failures()}) >= 3


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in its own process, which is ended if it hangs."""
    preamble = "import time, boto3\nimport pytest_dxjobs as dx\nfrom pytest_dxjobs import faults\n"
    return subprocess.run(
        [sys.executable, "-c", preamble + textwrap.dedent(script)],
        timeout=TIMEOUT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "script"),
    [
        (
            "adaptive retries",
            """
            from botocore.config import Config
            with dx.VirtualClock() as clock, dx.FakeDataExchange() as fake:
                config = Config(retries={"mode": "adaptive", "max_attempts": 8})
                client = boto3.client("dataexchange", region_name="us-east-1", config=config)
                job = fake.add_job()
                fake.inject(faults.throttling(), requests=30)
                while not job.polls:
                    try:
                        client.get_job(JobId=job.id)
                    except client.exceptions.ThrottlingException:
                        time.sleep(1)
                assert 30 < (clock.now.timestamp() - 1735689600) < 86400
            """,
        ),
        (
            "adaptive retries of another service",
            """
            from botocore.awsrequest import AWSResponse
            from botocore.config import Config
            keys = dict(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
            retries = {"mode": "adaptive", "max_attempts": 4}
            s3 = boto3.client("s3", config=Config(retries=retries), **keys)
            statuses = [503] * 3 + [200] * 20
            def respond(request, **_):
                response = AWSResponse(request.url, statuses.pop(0), {}, None)
                body = b"<Error><Code>SlowDown</Code><Message/></Error>"
                response._content = body if response.status_code == 503 else b"<R/>"
                return response
            s3.meta.events.register_first("before-send.s3", respond)
            with dx.VirtualClock() as clock:
                for _ in range(20):
                    s3.list_buckets()
                sleeps = clock.sleeps
                assert {each.module for each in sleeps} >= {"botocore.retries.bucket"}, sleeps
                assert all(each.is_backoff for each in sleeps)
                assert 5 < (clock.now.timestamp() - 1735689600) < 600
            """,
        ),
        (
            "a thread that computes in C",
            """
            import threading
            done = []
            def compute():
                while not done:
                    sum(range(1000))
            thread = threading.Thread(target=compute)
            with dx.VirtualClock() as clock:
                thread.start()
                for _ in range(50):
                    time.sleep(60)
                assert clock.now.timestamp() == 1735689600 + 3000
            done.append(True)
            thread.join()
            """,
        ),
        (
            "asyncio.sleep",
            """
            import asyncio
            with dx.VirtualClock() as clock:
                asyncio.run(asyncio.wait_for(asyncio.sleep(3600), 7200))
                assert clock.now.timestamp() == 1735689600 + 3600
            """,
        ),
        (
            "a pool with a runaway",
            """
            import multiprocessing.dummy
            def wait(job_id):
                while True:
                    try:
                        client.get_job(JobId=job_id)
                    except Exception:
                        pass
                    time.sleep(10)
            with dx.VirtualClock(), dx.FakeDataExchange() as fake:
                client = boto3.client("dataexchange", region_name="us-east-1")
                ids = [fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT")).id for _ in range(3)]
                with multiprocessing.dummy.Pool(10) as pool:
                    try:
                        pool.map(wait, ids)
                    except dx.RunawayPolling:
                        fake.reset()
                    else:
                        raise SystemExit("not raised")
            """,
        ),
    ],
)
def test_scripts_that_might_hang_end(name: str, script: str) -> None:
    result = run_script(script)
    assert (name, result.stderr, result.returncode) == (name, "", 0)


@pytest.mark.parametrize("run", ["poll(job.id)", "multiprocessing.dummy.Pool(1).apply_async(poll, [job.id]).wait(30)"])
def test_a_loop_with_a_bare_except_ends_the_process(run: str) -> None:
    result = run_script(
        f"""
        import multiprocessing.dummy
        def poll(job_id):
            while True:
                try:
                    client.get_job(JobId=job_id)
                except:
                    pass
        with dx.FakeDataExchange() as fake:
            client = boto3.client("dataexchange", region_name="us-east-1")
            job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
            {run}
            time.sleep(30)
        """
    )
    assert result.returncode == 1
    assert "after it reported TIMED_OUT" in result.stderr
    assert "The code swallows every exception, so the process was ended." in result.stderr


def test_a_runaway_in_a_pool_may_be_expected(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
    with multiprocessing.dummy.Pool(1) as pool, pytest.raises(dx.RunawayPolling):
        pool.map(lambda each: wait_swallowing_errors(client, each), [job.id])


def test_a_runaway_whose_result_is_not_fetched_fails_at_exit(client: Any) -> None:
    def work() -> None:
        with (
            dx.VirtualClock(),
            dx.FakeDataExchange() as fake,
            multiprocessing.dummy.Pool(1) as pool,
        ):
            job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
            pool.apply_async(wait_swallowing_errors, [client, job.id])
            pool.close()
            pool.join()

    with pytest.raises(dx.RunawayPolling, match="the code swallowed it"):
        work()


@pytest.mark.parametrize(
    ("test", "options"),
    [
        ("def test_bare(dxjobs): poll(dxjobs)", []),
        ("def test_bare():\n    with dx.FakeDataExchange() as fake: poll(fake)", ["-s"]),
        ("def test_bare(dxjobs): poll(dxjobs)", ["-p", "no:capture"]),
    ],
)
def test_under_pytest_the_message_gets_past_the_capture(
    test: str, options: list[str], pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        """
        import boto3
        import pytest_dxjobs as dx

        def poll(fake):
            client = boto3.client("dataexchange", region_name="us-east-1")
            job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
            while True:
                try:
                    client.get_job(JobId=job.id)
                except:
                    pass
        """,
    )
    with pytester.path.joinpath(f"{pytester.path.name[:-1]}.py").open("a") as file:
        file.write(f"\n{test}\n")
    result = pytester.runpytest_subprocess("-p", "no:randomly", *options, timeout=TIMEOUT)
    assert result.ret == 1
    result.stderr.fnmatch_lines(
        [
            "In *::test_bare: *after it reported TIMED_OUT*",
            "The code swallows every exception, so the process was ended.",
        ]
    )


def test_a_pool_worker_ends_without_a_warning(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import multiprocessing.dummy, time
        import boto3
        import pytest_dxjobs as dx

        def wait(job_id):
            client = boto3.client("dataexchange", region_name="us-east-1")
            while True:
                try:
                    client.get_job(JobId=job_id)
                except Exception:
                    pass
                time.sleep(10)

        def test_one_worker(dxjobs, dxjobs_clock):
            job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("CANCELLED"))
            with multiprocessing.dummy.Pool(1) as pool:
                workers = [*pool._pool]  # the pool replaces a worker that has ended
                try:
                    pool.map(wait, [job.id])
                finally:
                    for worker in workers:
                        worker.join(10)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-W", "error", timeout=TIMEOUT)
    result.assert_outcomes(failed=1)
