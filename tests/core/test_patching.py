"""Patches are undone, also if another tool has patched the same attribute meanwhile."""

from __future__ import annotations

import asyncio
import selectors
import sys
import sysconfig
import threading
import types
from concurrent.futures.thread import _WorkItem
from typing import Any

import pytest
from botocore.retries.bucket import TokenBucket

import pytest_dxjobs as dx
from pytest_dxjobs._core.patching import BoundNamesPatch


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
def test_another_patch_that_outlives_ours_does_no_harm(owner: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_function_that_was_patched_at_the_first_apply_is_replaced_at_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sleep() -> None: ...

    def replacement() -> None: ...

    installed: Any = types.ModuleType("installed")
    installed.__file__ = f"{sysconfig.get_path('purelib')}/installed.py"
    monkeypatch.setitem(sys.modules, "installed", installed)
    names = BoundNamesPatch({sleep: replacement}, exempt=())
    installed.sleep = print  # the patch of a suite
    names.apply()
    names.undo()
    assert installed.sleep is print
    installed.sleep = sleep
    names.apply()
    assert installed.sleep is replacement
    names.undo()
    assert installed.sleep is sleep
