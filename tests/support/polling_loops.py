"""Typical polling loops with defects: they do not end at every state."""

from __future__ import annotations

import time
from typing import Any


def wait(client: Any, job_id: str, interval: float = 10) -> str:
    """Poll until COMPLETED or ERROR, two of the four end states, without a deadline."""
    while True:
        state = client.get_job(JobId=job_id)["State"]
        if state in ("COMPLETED", "ERROR"):
            return str(state)
        time.sleep(interval)


def wait_swallowing_errors(client: Any, job_id: str, interval: float = 10) -> None:
    """Poll forever and swallow every ``Exception``."""
    while True:
        try:
            client.get_job(JobId=job_id)
        except Exception:
            pass
        time.sleep(interval)
