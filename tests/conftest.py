"""Every test runs without a network, AWS configuration or home directory."""

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
from blocked_network import BlockedNetwork
from clients import START, client_for
from hypothesis import settings

import pytest_dxjobs

# Import every module now: an in-process pytester run unloads the modules that it imports first.
for _module in pkgutil.walk_packages(pytest_dxjobs.__path__, f"{pytest_dxjobs.__name__}."):
    importlib.import_module(_module.name)

# One hour is more than a busy machine takes, and less than virtual time that leaks into an example.
settings.register_profile("explore", deadline=timedelta(hours=1))
settings.register_profile("tests", settings.get_profile("explore"), derandomize=True)
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockedNetwork]:
    """Refuse every connection. A test that expects attempts clears ``attempts``."""
    network = BlockedNetwork()
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        network.refuse(address)
        connect(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        network.refuse((host,))
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    yield network
    assert network.attempts == []


@pytest.fixture(autouse=True)
def _no_aws_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture(scope="module")
def client() -> Any:
    """A client shared by the tests of a module; botocore keeps the retry quota per client."""
    return client_for()


@pytest.fixture
def clock() -> Iterator[Any]:
    """Time that is frozen at ``START`` until the test moves it."""
    with freezegun.freeze_time(START, tick=False, ignore=["_pytest.timing"]) as frozen:
        yield frozen
