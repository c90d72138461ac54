"""Clients as the tests use them, when they use them, and for how long."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    import pytest_dxjobs as dx

# What the installed botocore knows of the service.
MODEL: Any = botocore.session.Session().get_service_model("dataexchange")
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def client_for(region: str = "us-east-1", mode: str = "standard") -> Any:
    """A client of a session of its own, with a retry mode."""
    return botocore.session.Session().create_client(
        "dataexchange",
        region_name=region,
        aws_access_key_id="example",
        aws_secret_access_key="example",
        config=Config(retries={"mode": mode}),  # type: ignore[arg-type]
    )


def elapsed(clock: dx.VirtualClock, since: datetime.datetime) -> float:
    """Virtual seconds."""
    return (clock.now - since).total_seconds()
