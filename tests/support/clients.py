"""Clients for tests, the service model, and virtual time."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    import pytest_dxjobs as dx

# The service model of the installed botocore.
MODEL: Any = botocore.session.Session().get_service_model("dataexchange")
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def client_for(region: str = "us-east-1", mode: str = "standard") -> Any:
    """Return a client of a new session."""
    return botocore.session.Session().create_client(
        "dataexchange",
        region_name=region,
        aws_access_key_id="example",
        aws_secret_access_key="example",
        config=Config(retries={"mode": mode}),  # type: ignore[arg-type]
    )


def elapsed(clock: dx.VirtualClock, start: datetime.datetime) -> float:
    """Return the virtual seconds since ``start``."""
    return (clock.now - start).total_seconds()
