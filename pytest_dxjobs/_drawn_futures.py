"""What a later service may answer: guesses, all of them, since nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_dxjobs import _service
from pytest_dxjobs._drawing import subsets
from pytest_dxjobs._drawn_jobs import draw_job

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from pytest_dxjobs._model import Model

_NEWS: Final = ("state", "type", "code", "members")
_news: Final = subsets(_NEWS, 1)
_states: Final = st.sampled_from(("PAUSED", "CANCELLING", "PARTIALLY_COMPLETED"))
_types: Final = st.sampled_from(("EXPORT_ASSETS_TO_SFTP", "IMPORT_ASSETS_FROM_ICEBERG_TABLES"))
_codes: Final = st.sampled_from(("REGION_DISABLED_EXCEPTION", "DATA_GRANT_EXPIRED"))
_members: Final[SearchStrategy[dict[str, Any]]] = st.sampled_from(
    ({"Progress": 42}, {"Owner": {"AccountId": "123456789012"}})
)


def draw_future(draw: DrawFn, installed: Model) -> dict[str, Any]:
    """A job of today, with at least one thing in it that is not."""
    news = draw(_news)
    states = (_service.FAILED,) if "code" in news else installed.states
    job = draw_job(draw, installed, installed.types, states)
    if "state" in news:
        job["State"] = draw(_states)
    if "type" in news:
        job["Type"] = draw(_types)
        words = [word.capitalize() for word in job["Type"].split("_")]
        job["Details"] = {"".join(words): {"DataSetId": "0" * 32}}
    if "code" in news:
        job["Errors"][0]["Code"] = draw(_codes)
    if "members" in news:
        job |= draw(_members)
    return job
