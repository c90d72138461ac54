"""Polling loops as most are written, which hang."""

from __future__ import annotations

import time
from typing import Any


def wait(client: Any, job_id: str, interval: float = 10) -> str:
    """As most are written: two of the four end states, and no deadline."""
    while True:
        state = client.get_job(JobId=job_id)["State"]
        if state in ("COMPLETED", "ERROR"):
            return str(state)
        time.sleep(interval)


def wait_deafly(client: Any, job_id: str, interval: float = 10) -> None:
    """The same, swallowing every exception."""
    while True:
        try:
            client.get_job(JobId=job_id)
        except Exception:
            pass
        time.sleep(interval)
