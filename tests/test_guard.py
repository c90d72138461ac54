"""A test that waits in vain for a thread, which a runaway has ended, fails with the story of that loop."""

from __future__ import annotations

import os
import queue
import signal
import threading
from typing import Any

import pytest
from loops import wait

import pytest_dxjobs as dx
from pytest_dxjobs import _guard

# Real seconds, for what would hang for ever if it hung.
HARD_LIMIT = 60


def work_through(client: Any, fake: dx.FakeDataExchange) -> queue.Queue[str]:
    """Hand a job that hangs to a thread, which dies of it."""
    todo: queue.Queue[str] = queue.Queue()
    todo.put(fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT")).id)

    def work() -> None:
        with pytest.raises(dx.RunawayPolling):
            wait(client, todo.get())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return todo


def wait_idly() -> None:
    """Wait in real time, as for something outside of the process, for longer than the guard looks."""
    never = threading.Lock()
    never.acquire()
    never.acquire(timeout=0.5)


def guards() -> list[Any]:
    return [each for each in threading.enumerate() if each.name == "pytest-dxjobs"]


CODE = """
import asyncio, queue, threading, unittest
import boto3, pytest
import pytest_dxjobs as dx
from loops import wait
from pytest_dxjobs import _guard

_guard._LOOK = 0.1

def wait_in_a_thread(job_id):
    client = boto3.client("dataexchange", region_name="us-east-1")
    todo = queue.Queue()

    def work():
        wait(client, todo.get())
        todo.task_done()

    todo.put(job_id)
    thread = threading.Thread(target=work, daemon=True)
    thread._invoke_excepthook = bool  # without a warning
    thread.start()
    todo.join()

@pytest.fixture
def hanging(dxjobs, dxjobs_clock):
    return dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT")).id
"""


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str) -> pytest.RunResult:
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    pytester.makepyfile(test_it=f"{CODE}\n{test}")
    return pytester.runpytest_subprocess("-p", "no:randomly", timeout=HARD_LIMIT)


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

        def test_goes_on(dxjobs):
            assert [each for each in threading.enumerate() if each.name == "pytest-dxjobs"] == []
        """.replace("\n        ", "\n"),
    )
    result.assert_outcomes(failed=5, errors=2, passed=2)
    assert "cleaned up" in result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            ">   *todo.join()",  # and not a line of the standard library
            "E   *after it had answered TIMED_OUT*",
            "E   *Nothing has gone on for two seconds since; the code waits for a thread or a task *",
        ]
    )
    result.stdout.fnmatch_lines(
        ["E * Scenario timed-out: *", "E *Usually: the loop knows some end *"]
    )


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
        """.replace("\n        ", "\n"),
    )
    assert result.ret == 1
    result.stderr.fnmatch_lines(["In test_it.py::test_one (call): get_job was called * times *"])
    result.stderr.fnmatch_lines(["Nothing has gone on for two seconds since; *"])


def test_the_guard_leaves_with_the_last_fake(client: Any) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        work_through(client, fake)
        assert len(guards()) == 1
        work_through(client, fake)
        assert len(guards()) == 1
        fake.reset()
    assert guards() == []
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL


def test_who_expects_it_may_wait_as_long_as_it_likes(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard, "_LOOK", 0.05)
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        work_through(client, fake)
        wait_idly()
        assert guards()[0].raised == 0


def test_in_another_test_nothing_is_told(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "_LOOK", 0.05)
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_it.py::test_one (call)")
        monkeypatch.setattr(_guard, "is_expected", lambda _: False)
        work_through(client, fake)
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_it.py::test_two (setup)")
        wait_idly()
        assert guards()[0].raised == 0
        fake.reset()


def test_who_debugs_is_not_disturbed(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "_LOOK", 0.05)
    monkeypatch.setitem(globals(), "__name__", "pdb")  # as if somebody looked around
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        monkeypatch.setattr(_guard, "is_expected", lambda _: False)
        work_through(client, fake)
        wait_idly()
        assert guards()[0].raised == 0
        fake.reset()


def test_a_signal_that_somebody_else_handles_is_left_alone(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard, "_LOOK", 0.05)
    monkeypatch.setattr(_guard, "is_expected", lambda _: False)
    signal.signal(signal.SIGURG, signal.SIG_IGN)
    try:
        with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
            work_through(client, fake)
            wait_idly()
            assert guards()[0].raised == 0
            fake.reset()
        assert signal.getsignal(signal.SIGURG) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGURG, signal.SIG_DFL)


def test_a_signal_of_somebody_else_tells_nothing() -> None:
    with dx.FakeDataExchange():
        signal.raise_signal(signal.SIGURG)
