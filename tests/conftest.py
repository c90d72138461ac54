"""Every test runs where nothing can be reached and nothing is configured, as on a stranger's machine."""

from __future__ import annotations

import importlib
import os
import pkgutil
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import freezegun
import pytest
from clients import START, client_for
from hypothesis import settings
from refused_network import Network

import pytest_dxjobs

# Once for all: a run of pytest within a test, in this process, unloads what it was the first to load.
for _each in pkgutil.walk_packages(pytest_dxjobs.__path__, f"{pytest_dxjobs.__name__}."):
    importlib.import_module(_each.name)

# An hour: a busy machine does not reach it, and a clock that leaks into an example's time does.
settings.register_profile("explore", deadline=timedelta(hours=1))
settings.register_profile("tests", settings.get_profile("explore"), derandomize=True)
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """Refuse every connection; a test that expects some clears ``attempts``."""
    network = Network()
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        network.refuse(address)
        connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        network.refuse((host,))
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield network
    assert network.attempts == []


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture(scope="module")
def client() -> Any:
    """A client for the tests of a module; what it has used up of its retries ends with it."""
    return client_for()


@pytest.fixture
def clock() -> Iterator[Any]:
    """Time that stands at ``START`` until it is moved."""
    with freezegun.freeze_time(START, tick=False, ignore=["_pytest.timing"]) as frozen:
        yield frozen
