"""Patches are undone, also if another tool has patched the same attribute meanwhile."""

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
def test_another_patch_that_outlives_ours_does_no_harm(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = vars(owner)[name]
    monkeypatch.setattr(owner, name, original)  # restores it in any case
    with pytest.MonkeyPatch.context() as patch, dx.VirtualClock():
        ours = vars(owner)[name]
        patch.setattr(owner, name, original)
    # The other patch has ended last and has put our replacement back.
    assert vars(owner)[name] is ours
    with dx.VirtualClock():
        assert vars(owner)[name].__wrapped__ is original
    assert vars(owner)[name] is original
