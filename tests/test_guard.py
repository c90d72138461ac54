"""A test that waits in vain for a thread, which a runaway has ended, fails with the story of that loop."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from loops import wait

import pytest_dxjobs as dx
from pytest_dxjobs import _guard

if TYPE_CHECKING:
    from collections.abc import Iterator

# Real seconds, for what would hang for ever if it hung.
HARD_LIMIT = 60


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "_LOOK", 0.05)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the process would have been ended with."""
    told: list[str] = []
    monkeypatch.setattr(_guard, "end", told.append)
    return told


def expect(client: Any, job_id: str) -> None:
    with pytest.raises(dx.RunawayPolling):
        wait(client, job_id)


def swallow(client: Any, job_id: str) -> None:
    try:
        wait(client, job_id)
    except Exception:
        pass


def run_away(client: Any, fake: dx.FakeDataExchange, consume: Any = swallow) -> None:
    """Let a thread wait for a job that hangs, and end of it."""
    job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
    thread = threading.Thread(target=consume, args=[client, job.id])
    thread.start()
    thread.join()


def wait_idly(seconds: float = 0.5) -> None:
    """Wait in real time, as for something outside of the process, for longer than the guard looks."""
    never = threading.Lock()
    never.acquire()
    never.acquire(timeout=seconds)


def wait_idly_and_swallow() -> None:
    try:
        wait_idly(HARD_LIMIT)
    except Exception:
        pass


def guards() -> list[Any]:
    return [each for each in threading.enumerate() if each.name == "pytest-dxjobs"]


CODE = """
import asyncio, os, queue, sys, threading, unittest
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

        def test_without_an_environment(hanging, monkeypatch):
            for name in os.environ:
                monkeypatch.delenv(name)
            wait_in_a_thread(hanging)

        def test_in_a_fork(hanging):
            def expect():
                with pytest.raises(dx.RunawayPolling):
                    wait(boto3.client("dataexchange", region_name="us-east-1"), hanging)

            thread = threading.Thread(target=expect)
            thread.start()
            thread.join()
            child = os.fork()
            if not child:
                try:
                    wait_in_a_thread(hanging)
                finally:
                    os._exit(0 if "Nothing has gone on" in str(sys.exc_info()[1]) else 1)
            assert os.waitpid(child, 0)[1] == 0

        def test_goes_on(dxjobs):
            assert [each for each in threading.enumerate() if each.name == "pytest-dxjobs"] == []
        """.replace("\n        ", "\n"),
    )
    result.assert_outcomes(failed=6, errors=2, passed=3)
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
    result.stderr.fnmatch_lines(["In test_it.py::test_one: get_job was called * times *"])
    result.stderr.fnmatch_lines(["Nothing has gone on for two seconds since; *"])


def test_who_waits_in_vain_may_expect_to_be_told(client: Any, quick: None) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        run_away(client, fake)
        with pytest.raises(dx.RunawayPolling, match="Nothing has gone on"):
            wait_idly(HARD_LIMIT)
        wait_idly()
        assert guards()[0].raised == 1


def test_who_begins_anew_for_ever_is_ended(client: Any, quick: None, ended: list[str]) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        for _ in range(3):
            run_away(client, fake)
            wait_idly_and_swallow()
        while not ended:
            wait_idly()
        assert guards()[0].raised == 3
        fake.reset()
    assert "after it had answered TIMED_OUT" in ended[0]
    assert ended[0].count("Nothing has gone on") == 1


def test_one_that_is_expected_hides_no_other(client: Any, quick: None) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        run_away(client, fake)
        run_away(client, fake, expect)
        with pytest.raises(dx.RunawayPolling):
            wait_idly(HARD_LIMIT)


def test_the_guard_leaves_with_the_last_fake(client: Any) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        assert len(guards()) == 1
        run_away(client, fake)
        assert len(guards()) == 1
        fake.reset()
    assert guards() == []
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL


def test_a_call_that_outlives_the_last_fake_brings_none() -> None:
    with dx.FakeDataExchange():
        pass
    _guard.watch(dx.RunawayPolling(), bool)
    assert guards() == []


def test_who_expects_it_may_wait_as_long_as_it_likes(client: Any, quick: None) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        run_away(client, fake, expect)
        wait_idly()
        assert guards()[0].raised == 0


def test_in_another_test_nothing_is_told(
    client: Any, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        monkeypatch.setattr(_guard, "test", "test_it.py::test_two")
        wait_idly()
        run_away(client, fake, expect)
        wait_idly()
        assert guards()[0].raised == 0
        run_away(client, fake)
        with pytest.raises(dx.RunawayPolling):
            wait_idly(HARD_LIMIT)


def test_after_a_reset_nothing_is_told(client: Any, quick: None) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        run_away(client, fake)
        fake.reset()
        wait_idly()
        assert guards()[0].raised == 0


@pytest.mark.parametrize("debugger", ["pdb", "pudb.debugger"])
def test_who_debugs_is_not_disturbed(
    debugger: str, client: Any, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        monkeypatch.setitem(globals(), "__name__", debugger)  # as if somebody looked around
        wait_idly()
        assert guards()[0].raised == 0
        fake.reset()


@pytest.fixture
def with_the_usual_handler() -> Iterator[None]:
    yield
    signal.signal(signal.SIGURG, signal.SIG_DFL)


@pytest.mark.usefixtures("with_the_usual_handler")
def test_a_signal_that_somebody_else_handles_is_left_alone(client: Any, quick: None) -> None:
    signal.signal(signal.SIGURG, signal.SIG_IGN)
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        wait_idly()
        assert guards()[0].raised == 0
        fake.reset()
    assert signal.getsignal(signal.SIGURG) is signal.SIG_IGN


@pytest.mark.usefixtures("with_the_usual_handler")
def test_a_signal_that_somebody_else_has_come_to_handle_is_not_sent(
    client: Any, quick: None, ended: list[str]
) -> None:
    met: list[int] = []
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        wait_idly_and_swallow()
        signal.signal(signal.SIGURG, lambda number, _: met.append(number))
        wait_idly()
        assert (guards()[0].raised, met, ended) == (1, [], [])
        fake.reset()
    assert signal.getsignal(signal.SIGURG) not in (signal.SIG_DFL, None)


def test_a_signal_that_comes_late_tells_nothing(
    client: Any, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "pthread_kill", lambda *_: None)
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        while guards()[0].sent is None:
            wait_idly()
        signal.raise_signal(signal.SIGURG)
        assert guards()[0].raised == 0
        fake.reset()


def test_a_signal_of_somebody_else_tells_nothing() -> None:
    with dx.FakeDataExchange():
        signal.raise_signal(signal.SIGURG)


def test_a_fake_that_came_in_another_thread_is_looked_after_once_one_comes_in_the_main_thread(
    client: Any, quick: None
) -> None:
    first = dx.FakeDataExchange()
    thread = threading.Thread(target=first.activate)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        run_away(client, fake)
        with pytest.raises(dx.RunawayPolling):
            wait_idly(HARD_LIMIT)
    first.deactivate()
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
