"""A region for code that makes its client on import, which is before any fixture."""

from __future__ import annotations

from typing import Final

import botocore.exceptions
import botocore.session
import pytest

from pytest_dxjobs._model.formats import validate_region

HINT: Final = (
    "Code that makes its client on import needs a region then, before any fixture: where nothing configures one, "
    "dxjobs_default_region = us-east-1 in pytest's configuration does, for the run."
)


def set_region(region: str) -> pytest.MonkeyPatch:
    """Set it, where the environment configures none; what to undo.

    Raises:
        pytest.UsageError: It is none.
    """
    wrong = validate_region(region)
    if wrong:
        raise pytest.UsageError(f"dxjobs_default_region: {region!r} {wrong}")
    undo = pytest.MonkeyPatch()
    if not _is_configured():
        undo.setenv("AWS_DEFAULT_REGION", region)
    return undo


def _is_configured() -> bool:
    try:
        return botocore.session.Session().get_config_variable("region") is not None
    except botocore.exceptions.BotoCoreError:  # such as a profile that does not exist
        return False
