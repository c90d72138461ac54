"""A test that waits in vain for a thread, which a runaway has ended: what pytest reports of it."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

CODE = """
import asyncio, os, queue, sys, threading, unittest
import boto3, pytest
import pytest_dxjobs as dx
from polling_loops import wait
from pytest_dxjobs._core import watchdog

watchdog._LOOK = 0.1

def begin_in_a_thread(job_id):
    client = boto3.client("dataexchange", region_name="us-east-1")
    todo = queue.Queue()

    def work():
        wait(client, todo.get())
        todo.task_done()

    todo.put(job_id)
    thread = threading.Thread(target=work, daemon=True)
    thread._invoke_excepthook = bool  # without a warning
    thread.start()
    return todo

def wait_in_a_thread(job_id):
    todo = begin_in_a_thread(job_id)
    todo.join()

@pytest.fixture
def hanging(dxjobs, dxjobs_clock):
    return dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT")).id
"""


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str) -> pytest.RunResult:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"), prepend=os.pathsep)
    pytester.makepyfile(test_it=f"{CODE}\n{textwrap.dedent(test)}")
    return pytester.runpytest_subprocess("-p", "no:randomly", timeout=60)


def test_who_waits_in_vain_is_told_why_wherever_that_is(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(
        pytester,
        monkeypatch,
        """
        def test_one(hanging):
            wait_in_a_thread(hanging)

        @pytest.fixture
        def before(hanging):
            wait_in_a_thread(hanging)

        def test_setup(before):
            pass

        @pytest.fixture
        def after(hanging):
            yield
            wait_in_a_thread(hanging)

        def test_teardown(after):
            pass

        @pytest.fixture
        def begun(hanging):
            begun = []
            yield begun
            begun[0].join()

        def test_begins_what_the_teardown_waits_for(hanging, begun):
            begun.append(begin_in_a_thread(hanging))
            while watchdog._running is None:  # until it has run away
                pass

        @pytest.fixture
        def ran_away(hanging):
            todo = begin_in_a_thread(hanging)
            while watchdog._running is None:
                pass
            return todo

        def test_waits_for_what_the_setup_has_begun(ran_away):
            ran_away.join()

        def test_with():
            with dx.VirtualClock(), dx.FakeDataExchange() as fake:
                wait_in_a_thread(fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT")).id)

        class TestOld(unittest.TestCase):
            def tearDown(self):
                print("cleaned up")

            def test_old(self):
                test_with()

        def test_in_asyncio(hanging):
            async def main():
                client = boto3.client("dataexchange", region_name="us-east-1")
                todo = asyncio.Queue()
                todo.put_nowait(hanging)

                async def work():
                    job_id = await todo.get()
                    while client.get_job(JobId=job_id)["State"] != "COMPLETED":
                        await asyncio.sleep(10)

                tasks = [asyncio.create_task(work()) for _ in range(3)]
                await todo.join()

            asyncio.run(main())

        @pytest.mark.dxjobs(scenarios=["timed-out"])
        def test_scenario(dxjobs_scenario):
            dxjobs_scenario.check(wait_in_a_thread)

        def test_without_an_environment(hanging, monkeypatch):
            for name in os.environ:
                monkeypatch.delenv(name)
            wait_in_a_thread(hanging)

        def test_in_a_fork(hanging):
            # Not made in the thread, which would hold a lock of OpenSSL for a moment after join() has returned;
            # in a child that is forked meanwhile nobody gives it back.
            client = boto3.client("dataexchange", region_name="us-east-1")

            def expect():
                with pytest.raises(dx.RunawayPolling):
                    wait(client, hanging)

            def guards():
                thread = threading.Thread(target=expect)
                thread.start()
                thread.join()
                return sum(each.name == "pytest-dxjobs" for each in threading.enumerate())

            assert guards() == 1
            child = os.fork()
            if not child:
                if guards():  # the fake is the parent's
                    os._exit(2)
                with dx.FakeDataExchange(strict=False) as fake:
                    job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
                    try:
                        wait_in_a_thread(job.id)
                    finally:
                        os._exit(0 if "Nothing has gone on" in str(sys.exc_info()[1]) else 1)
            assert os.waitpid(child, 0)[1] == 0

        def test_goes_on(dxjobs):
            assert [each for each in threading.enumerate() if each.name == "pytest-dxjobs"] == []
        """,
    )
    result.assert_outcomes(failed=8, errors=3, passed=3)
    assert "cleaned up" in result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            ">   *todo.join()",  # and not a line of the standard library
            "E   *after it had answered TIMED_OUT*",
            "E   *Nothing has gone on for two seconds since; the code waits for a thread or a task *",
        ]
    )
    result.stdout.fnmatch_lines(
        ["E * Scenario timed-out: *", "E *Usually: the loop handles some end *"]
    )


def test_between_tests_nothing_is_raised(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeconftest(
        """
        import threading

        def pytest_runtest_logreport(report):
            never = threading.Lock()
            never.acquire()
            never.acquire(timeout=1)  # as one that sends the report somewhere
        """
    )
    result = run(
        pytester,
        monkeypatch,
        """
        @pytest.fixture(scope="module")
        def fake():
            with dx.FakeDataExchange(strict=False) as fake:
                yield fake
                fake.reset()

        def test_one(fake):
            job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
            client = boto3.client("dataexchange", region_name="us-east-1")

            def swallow():
                try:
                    wait(client, job.id)
                except Exception:
                    pass

            with dx.VirtualClock():
                thread = threading.Thread(target=swallow)
                thread.start()
                thread.join()

        def test_two(fake):
            pass
        """,
    )
    result.assert_outcomes(passed=2)


def test_whoever_swallows_that_is_ended_with_the_process(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(
        pytester,
        monkeypatch,
        """
        def test_one(hanging):
            while True:
                try:
                    wait_in_a_thread(hanging)
                except BaseException:
                    hanging = "0" * 32
        """,
    )
    assert result.ret == 1
    result.stderr.fnmatch_lines(["In test_it.py::test_one: get_job was called * times *"])
    result.stderr.fnmatch_lines(["Nothing has gone on for two seconds since; *"])
