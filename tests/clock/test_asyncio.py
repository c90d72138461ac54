"""asyncio in virtual time: tasks take as long as the longest, and real events come before timers."""

from __future__ import annotations

import asyncio
import datetime
import signal
import socket
import threading
import time
from typing import Any

import freezegun
import pytest
from clients import elapsed

import pytest_dxjobs as dx

with dx.VirtualClock() as _clock:
    START = _clock.now


async def poll(client: Any, job_id: str, interval: float = 10) -> int:
    """Poll until the job has ended, and return the number of polls."""
    polls = 1
    while (await asyncio.to_thread(client.get_job, JobId=job_id))["State"] != "COMPLETED":
        polls += 1
        await asyncio.sleep(interval)
    return polls


def test_tasks_take_as_long_as_the_longest(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    jobs = [dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.completes(after=60 * (each % 2 + 1))).id for each in range(10)]

    async def main() -> list[int]:
        return await asyncio.gather(*(poll(client, each) for each in jobs))

    assert asyncio.run(main()) == [7, 13] * 5
    assert elapsed(dxjobs_clock, START) == 120
    assert {each.module for each in dxjobs_clock.sleeps} == {__name__}


def test_wait_for_ends_a_poll_at_its_timeout(
    dxjobs: dx.FakeDataExchange, dxjobs_clock: dx.VirtualClock, client: Any
) -> None:
    job = dxjobs.add_job("EXPORT_ASSETS_TO_S3", dx.stays("IN_PROGRESS"))
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(asyncio.wait_for(poll(client, job.id), 300))
    assert elapsed(dxjobs_clock, START) == 300
    dxjobs.assert_polled(job, times=30)


def test_timers_fire_at_their_time_and_the_loop_returns_it(dxjobs_clock: dx.VirtualClock) -> None:
    fired: list[tuple[float, float]] = []

    def fire(delay: float) -> None:
        fired.append((delay, elapsed(dxjobs_clock, START)))

    async def main() -> float:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        for delay in (30, 0.5, 86_400 * 3):
            loop.call_later(delay, fire, delay)
        await asyncio.sleep(86_400 * 4, "result")
        return loop.time() - started_at

    assert asyncio.run(main()) == 86_400 * 4
    assert fired == [(0.5, 0.5), (30, 30), (86_400 * 3, 86_400 * 3)]


def test_a_loop_works_after_years_of_virtual_time(dxjobs_clock: dx.VirtualClock) -> None:
    dxjobs_clock.tick(86_400 * 1000)

    async def main() -> None:
        for _ in range(3):
            await asyncio.sleep(0.1)

    asyncio.run(main())
    assert elapsed(dxjobs_clock, START) == pytest.approx(86_400 * 1000 + 0.3, abs=1e-4)


def test_a_sleep_in_a_task_is_recorded_with_the_module_that_runs_the_loop(
    dxjobs_clock: dx.VirtualClock,
) -> None:
    async def main() -> None:
        await asyncio.gather(asyncio.sleep(1), asyncio.sleep(2))

    asyncio.run(main())
    assert [(each.seconds, each.module) for each in dxjobs_clock.sleeps] == [
        (1, __name__),
        (2, __name__),
    ]


def test_a_sleep_is_recorded_with_the_module_that_awaits_it(dxjobs_clock: dx.VirtualClock) -> None:
    theirs: dict[str, Any] = {"__name__": "theirs", "asyncio": asyncio}
    exec("async def nap(): await asyncio.sleep(60)", theirs)

    async def main() -> None:
        await theirs["nap"]()

    asyncio.run(main())
    assert [each.module for each in dxjobs_clock.sleeps] == ["theirs"]


def test_a_loop_in_a_thread_advances_the_clock(dxjobs_clock: dx.VirtualClock) -> None:
    thread = threading.Thread(target=asyncio.run, args=[asyncio.sleep(5)])
    thread.start()
    thread.join()
    assert elapsed(dxjobs_clock, START) == 5
    assert len(dxjobs_clock.sleeps) == 1


def test_threads_and_tasks_share_the_clock(dxjobs_clock: dx.VirtualClock) -> None:
    async def main() -> None:
        await asyncio.gather(asyncio.to_thread(time.sleep, 60), asyncio.sleep(60))

    asyncio.run(main())
    assert elapsed(dxjobs_clock, START) == 60


def test_data_from_a_socket_comes_before_timers(dxjobs_clock: dx.VirtualClock) -> None:
    ours, theirs = socket.socketpair()

    def echo() -> None:
        theirs.sendall(theirs.recv(4))

    async def main() -> bytes:
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(b"ping")
        try:
            return await asyncio.wait_for(reader.readexactly(4), 300)
        finally:
            writer.close()
            await writer.wait_closed()

    thread = threading.Thread(target=echo)
    thread.start()
    assert asyncio.run(main()) == b"ping"
    thread.join()
    theirs.close()
    assert elapsed(dxjobs_clock, START) == 0


def test_a_signal_comes_before_timers(dxjobs_clock: dx.VirtualClock) -> None:
    seen: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: seen.append(elapsed(dxjobs_clock, START)))
        signal.raise_signal(signal.SIGUSR1)
        await asyncio.sleep(10)
        loop.remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())
    assert seen == [0]
    assert elapsed(dxjobs_clock, START) == 10


def test_a_freeze_with_real_asyncio_does_not_affect_the_clock() -> None:
    with freezegun.freeze_time("2024-01-01", real_asyncio=True):
        pass  # freezegun leaves an attribute behind
    with dx.VirtualClock() as clock:
        started_at = clock.now
        asyncio.run(asyncio.sleep(3))
        assert (clock.now - started_at).total_seconds() == 3
    with freezegun.freeze_time("2024-01-01", real_asyncio=True), dx.VirtualClock() as clock:
        started_at = clock.now
        asyncio.run(asyncio.sleep(3))
        assert (clock.now - started_at).total_seconds() == 3


def test_setting_the_clock_back_makes_no_sleep_longer(dxjobs_clock: dx.VirtualClock) -> None:
    async def main() -> float:
        sleeper = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(4)
        dxjobs_clock.move_to("2020-01-01")
        started_at = dxjobs_clock.now
        await sleeper
        return (dxjobs_clock.now - started_at).total_seconds()

    assert asyncio.run(main()) == 6


def test_a_loop_survives_setting_the_clock_back_by_millennia(dxjobs_clock: dx.VirtualClock) -> None:
    async def main() -> float:
        started_at = asyncio.get_running_loop().time()
        for _ in range(2):
            dxjobs_clock.move_to("9999-12-31")
            dxjobs_clock.move_to("0002-01-01")
        await asyncio.sleep(10)
        return asyncio.get_running_loop().time() - started_at

    late = datetime.date(9999, 12, 31)
    ahead = (late - START.date()) + (late - datetime.date(2, 1, 1))
    assert asyncio.run(main()) - ahead.total_seconds() == pytest.approx(10, abs=0.001)
