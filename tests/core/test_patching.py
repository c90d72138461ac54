"""What a clock puts into the classes of others comes out again, whatever others put there meanwhile."""

from __future__ import annotations

import asyncio
import selectors
import threading
from concurrent.futures.thread import _WorkItem

import pytest
from botocore.retries.bucket import TokenBucket

import pytest_dxjobs as dx


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (TokenBucket, "acquire"),
        (TokenBucket, "_refill"),
        (threading.Event, "wait"),
        (_WorkItem, "__init__"),
        (_WorkItem, "run"),
        (asyncio.BaseEventLoop, "time"),
        (selectors.DefaultSelector, "select"),
    ],
)
def test_a_patch_that_outlives_the_clock_does_no_harm(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = vars(owner)[name]
    monkeypatch.setattr(owner, name, original)  # which puts it back in any case
    with pytest.MonkeyPatch.context() as patch, dx.VirtualClock():
        ours = vars(owner)[name]
        patch.setattr(owner, name, original)
    # The context of the patch has ended last, and has put back what it found.
    assert vars(owner)[name] is ours
    with dx.VirtualClock():
        assert vars(owner)[name].__wrapped__ is original
    assert vars(owner)[name] is original
