"""A test that waits in vain for a thread, which a runaway has ended, fails with the story of that loop."""

from __future__ import annotations

import os
import queue
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


def guards() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "pytest-dxjobs"]


CODE = """
import queue, threading
import boto3, pytest
import pytest_dxjobs as dx
from loops import wait
from pytest_dxjobs import _guard

_guard._LOOKS = 3

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


def test_who_waits_in_vain_is_interrupted_wherever_that_is(
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

        @pytest.mark.dxjobs(scenarios=["timed-out"])
        def test_scenario(dxjobs_scenario):
            dxjobs_scenario.check(wait_in_a_thread)

        def test_goes_on(dxjobs):
            assert threading.enumerate()[0] is threading.main_thread()
            assert not [each for each in threading.enumerate() if each.name == "pytest-dxjobs"]
        """.replace("\n        ", "\n"),
    )
    result.assert_outcomes(failed=2, errors=1, passed=1)
    result.stdout.no_fnmatch_line("*waiter.acquire()*")  # but the code's own line
    result.stdout.fnmatch_lines(
        [
            ">   *todo.join()",
            "E   *after it had answered TIMED_OUT*",
            "E   *The code waits for a thread that was ended so, or halted: nothing has gone on*",
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
            try:
                wait_in_a_thread(hanging)
            except BaseException:
                queue.Queue().get()
        """.replace("\n        ", "\n"),
    )
    assert result.ret == 1
    result.stderr.fnmatch_lines(["In test_it.py::test_one (call): get_job was called 26 times *"])
    result.stderr.fnmatch_lines(["The code waits for a thread *"])


def test_in_a_teardown_as_well(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(
        pytester,
        monkeypatch,
        """
        @pytest.fixture
        def after(hanging):
            yield
            wait_in_a_thread(hanging)

        def test_one(after):
            pass
        """.replace("\n        ", "\n"),
    )
    assert result.ret == 1
    result.stderr.fnmatch_lines(
        ["In test_it.py::test_one (teardown): get_job was called 26 times *"]
    )


def test_the_guard_leaves_with_the_last_fake(client: Any) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        work_through(client, fake)
        assert len(guards()) == 1
        work_through(client, fake)
        assert len(guards()) == 1
        fake.reset()
    assert guards() == []


def test_the_guard_leaves_with_the_test(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "_LOOK", 0.001)
    with dx.VirtualClock(), dx.FakeDataExchange(strict=False) as fake:
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_it.py::test_one (call)")
        work_through(client, fake)
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_it.py::test_one (teardown)")
        (guard,) = guards()
        guard.join(0.02)
        assert guards() == [guard]
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_it.py::test_two (setup)")
        guard.join(HARD_LIMIT)
        assert guards() == []
        fake.reset()


def test_a_runaway_in_the_main_thread_needs_none(client: Any) -> None:
    with dx.VirtualClock(), dx.FakeDataExchange() as fake:
        job = fake.add_job("EXPORT_ASSETS_TO_S3", dx.stays("TIMED_OUT"))
        with pytest.raises(dx.RunawayPolling):
            wait(client, job.id)
        assert guards() == []
