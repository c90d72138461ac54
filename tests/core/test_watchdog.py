"""The guard tells who waits in vain for a thread, which a runaway has ended, and leaves all others alone."""

from __future__ import annotations

import inspect
import multiprocessing.dummy
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from polling_loops import wait, wait_swallowing_errors

import pytest_dxjobs as dx
from pytest_dxjobs._core import watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Real seconds, for what would hang for ever if it hung.
HARD_LIMIT = 60


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The guard looks more often; each item is a time that it has found nothing going on."""
    times: list[int] = []
    react = watchdog._Guard._react

    def counted(guard: Any) -> None:
        react(guard)
        times.append(guard.raised)

    monkeypatch.setattr(watchdog, "_LOOK", 0.05)
    monkeypatch.setattr(watchdog._Guard, "_react", counted)
    return times


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the process would have been ended with."""
    told: list[str] = []
    monkeypatch.setattr(watchdog, "end", told.append)
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


def compute(seconds: float = 0.01) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def wait_until(true: Callable[[], object]) -> None:
    """Wait idly, but not for ever."""
    tries = iter(range(10 * HARD_LIMIT))
    while not true():
        next(tries)
        wait_idly(0.1)


def let_it_look(looked: list[int]) -> None:
    """Wait until the guard has found that nothing goes on."""
    before = len(looked)
    wait_until(lambda: len(looked) > before + 1)


def wait_idly_and_swallow() -> None:
    try:
        wait_idly(HARD_LIMIT)
    except Exception:
        pass


def guards() -> list[Any]:
    return [each for each in threading.enumerate() if each.name == "pytest-dxjobs"]


def test_who_waits_in_vain_may_expect_to_be_told(client: Any, looked: list[int]) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        run_away(client, fake)
        with pytest.raises(dx.RunawayPolling, match="Nothing has gone on"):
            wait_idly(HARD_LIMIT)
        let_it_look(looked)
        assert guards()[0].raised == 1


def test_who_begins_anew_for_ever_is_ended(
    client: Any, looked: list[int], ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "_TIMES", 3)
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        for _ in range(3):
            run_away(client, fake)
            wait_idly_and_swallow()
        wait_until(lambda: ended)
        assert guards()[0].raised == 3
        fake.reset()
    assert "after it had answered TIMED_OUT" in ended[0]
    assert ended[0].count("Nothing has gone on") == 1


def test_who_expects_it_in_one_worker_has_heard_of_all(client: Any, looked: list[int]) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        ids = [fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT")).id for _ in range(3)]
        with ThreadPoolExecutor(3) as executor, pytest.raises(dx.RunawayPolling):
            list(executor.map(lambda each: wait(client, each), ids))
        let_it_look(looked)
        assert guards()[0].raised == 0


@pytest.mark.parametrize("consume", [wait, wait_swallowing_errors])
def test_who_expects_it_where_a_pool_raises_it_is_not_told_again(
    consume: Any, client: Any, looked: list[int]
) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
        with multiprocessing.dummy.Pool(1) as pool, pytest.raises(dx.RunawayPolling):
            pool.map(lambda each: consume(client, each), [job.id])
        let_it_look(looked)
        assert guards()[0].raised == 0


def test_code_that_has_no_module_is_looked_after_too(client: Any, looked: list[int]) -> None:
    nameless: dict[str, Any] = {"__name__": None, "wait": wait}
    exec(inspect.getsource(swallow), nameless)
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        run_away(client, fake, nameless["swallow"])
        with pytest.raises(dx.RunawayPolling):
            wait_idly(HARD_LIMIT)


def test_for_the_main_thread_itself_there_is_no_guard(client: Any) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        expect(client, fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT")).id)
        assert guards() == []


def test_a_short_wait_is_left_alone(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        wait_idly(1.2)
        assert guards()[0].raised == 0
        fake.reset()


def test_a_wait_that_computes_now_and_then_is_left_alone(client: Any, looked: list[int]) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        for _ in range(40):
            compute()
            wait_idly(0.01)
        assert (looked, guards()[0].raised) == ([], 0)
        fake.reset()


def test_where_no_thread_can_be_started_there_is_no_guard(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(thread: Any) -> None:
        raise RuntimeError("can't start new thread")

    with dx.FakeDataExchange():
        monkeypatch.setattr(watchdog._Guard, "start", start)
        thread = threading.Thread(target=watchdog.watch, args=[dx.RunawayPolling(), bool])
        thread.start()
        thread.join()
        assert guards() == []


@pytest.mark.usefixtures("with_the_usual_handler")
def test_where_there_is_no_signal_a_thread_that_is_halted_ends_the_process(
    looked: list[int], ended: list[str]
) -> None:
    signal.signal(signal.SIGURG, signal.SIG_IGN)
    with dx.FakeDataExchange() as fake:
        failure = dx.RunawayPolling("told").with_traceback(frame_of_somebody())
        thread = threading.Thread(
            target=watchdog.watch, args=[failure, bool], kwargs={"halts": True}
        )
        thread.start()
        wait_until(lambda: ended)
        fake.reset()
    assert ended[0].startswith("told\nNothing has gone on")


def frame_of_somebody() -> Any:
    try:
        raise ValueError
    except ValueError as error:
        return error.__traceback__


@pytest.mark.parametrize(
    "leave",
    [
        "threading.Thread(target=save).start()",
        "futures.ThreadPoolExecutor(1).submit(save)",
        "atexit.register(save)",
    ],
)
def test_at_its_exit_python_waits_for_what_the_code_has_left(leave: str) -> None:
    script = f"""
    import atexit, threading, time, boto3
    from concurrent import futures
    import pytest_dxjobs as dx
    from polling_loops import wait
    from pytest_dxjobs._core import watchdog
    watchdog._LOOK = 0.02
    real_sleep = time.sleep
    def swallow(client, job_id):
        try:
            wait(client, job_id)
        except Exception:
            pass
    def save():
        real_sleep(0.5)
        print("saved")
    fake = dx.FakeDataExchange()
    fake.activate()
    client = boto3.client("dataexchange", region_name="us-east-1")
    job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
    with dx.VirtualClock():
        thread = threading.Thread(target=swallow, args=[client, job.id])
        thread.start()
        thread.join()
    {leave}
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=HARD_LIMIT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("saved\n", "")


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
    thread = threading.Thread(target=watchdog.watch, args=[dx.RunawayPolling(), bool])
    thread.start()
    thread.join()
    assert guards() == []


def test_who_expects_it_may_wait_as_long_as_it_likes(client: Any, looked: list[int]) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        run_away(client, fake, expect)
        let_it_look(looked)
        assert guards()[0].raised == 0


def test_in_another_test_nothing_is_told(
    client: Any, looked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        monkeypatch.setattr(watchdog, "test", "")
        wait_idly()
        assert guards()[0].raised == 0
        monkeypatch.setattr(watchdog, "test", "test_it.py::test_two")
        run_away(client, fake, expect)
        let_it_look(looked)
        assert guards()[0].raised == 0
        monkeypatch.setattr(watchdog, "test", "test_it.py::test_three")
        run_away(client, fake)
        with pytest.raises(dx.RunawayPolling):
            wait_idly(HARD_LIMIT)


@pytest.mark.parametrize("forget", ["reset", "_take_failures"])
def test_after_a_reset_nothing_is_told(forget: str, client: Any, looked: list[int]) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        run_away(client, fake)
        getattr(fake, forget)()
        let_it_look(looked)
        assert guards()[0].raised == 0


@pytest.mark.parametrize("debugger", ["pdb", "pudb.debugger"])
def test_who_debugs_is_not_disturbed(
    debugger: str, client: Any, looked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        monkeypatch.setitem(globals(), "__name__", debugger)  # as if somebody looked around
        let_it_look(looked)
        assert guards()[0].raised == 0
        fake.reset()


@pytest.fixture
def with_the_usual_handler() -> Iterator[None]:
    yield
    signal.signal(signal.SIGURG, signal.SIG_DFL)


@pytest.mark.usefixtures("with_the_usual_handler")
def test_a_signal_that_somebody_else_handles_is_left_alone(client: Any, looked: list[int]) -> None:
    signal.signal(signal.SIGURG, signal.SIG_IGN)
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        let_it_look(looked)
        assert guards()[0].raised == 0
        fake.reset()
    assert signal.getsignal(signal.SIGURG) is signal.SIG_IGN


@pytest.mark.usefixtures("with_the_usual_handler")
def test_a_signal_that_somebody_else_has_come_to_handle_is_not_sent(
    client: Any, looked: list[int], ended: list[str]
) -> None:
    met: list[int] = []
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        wait_idly_and_swallow()
        signal.signal(signal.SIGURG, lambda number, _: met.append(number))
        let_it_look(looked)
        assert (guards()[0].raised, met, ended) == (1, [], [])
        fake.reset()
    assert signal.getsignal(signal.SIGURG) not in (signal.SIG_DFL, None)


def test_a_signal_that_comes_late_tells_nothing(
    client: Any, looked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "pthread_kill", lambda *_: None)
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        run_away(client, fake)
        wait_until(lambda: guards()[0].sent is not None)
        signal.raise_signal(signal.SIGURG)
        assert guards()[0].raised == 0
        fake.reset()


def test_a_signal_of_somebody_else_tells_nothing() -> None:
    with dx.FakeDataExchange():
        signal.raise_signal(signal.SIGURG)


def test_a_fake_that_came_in_another_thread_is_looked_after_once_one_comes_in_the_main_thread(
    client: Any, looked: list[int]
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
