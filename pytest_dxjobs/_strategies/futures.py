"""What a later service may answer: guesses, all of them, since nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_dxjobs._model import documented
from pytest_dxjobs._strategies.jobs import draw_job

if TYPE_CHECKING:
    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._strategies.shapes import Source

_NEWS: Final = ("state", "type", "code", "members")
_STATES: Final = ("PAUSED", "CANCELLING", "PARTIALLY_COMPLETED")
_TYPES: Final = ("EXPORT_ASSETS_TO_SFTP", "IMPORT_ASSETS_FROM_ICEBERG_TABLES")
_CODES: Final = ("REGION_DISABLED_EXCEPTION", "DATA_GRANT_EXPIRED")
_MEMBERS: Final = ({"Progress": 42}, {"Owner": {"AccountId": "123456789012"}})


def draw_future(source: Source, installed: Model) -> dict[str, Any]:
    """A job of today, with at least one thing in it that is not."""
    news = source.some_of(_NEWS, 1)
    states = (documented.FAILED,) if "code" in news else installed.states
    job = draw_job(source.apart(), installed, installed.types, states)
    if "state" in news:
        job["State"] = source.one_of(_STATES)
    if "type" in news:
        job["Type"] = source.one_of(_TYPES)
        words = [word.capitalize() for word in job["Type"].split("_")]
        job["Details"] = {"".join(words): {"DataSetId": "0" * 32}}
    if "code" in news:
        job["Errors"][0]["Code"] = source.one_of(_CODES)
    if "members" in news:
        job |= source.one_of(_MEMBERS)
    return job
