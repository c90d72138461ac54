"""The ini option ``dxjobs_default_region``: a region for code that creates its client at import."""

from __future__ import annotations

from typing import Final

import botocore.exceptions
import botocore.session
import pytest

from pytest_dxjobs._model.formats import validate_region

HINT: Final = (
    "Code that creates its client at import needs a region before any fixture runs. If none is configured, "
    "set dxjobs_default_region = us-east-1 in pytest's configuration."
)


def set_region(region: str) -> pytest.MonkeyPatch:
    """Set ``AWS_DEFAULT_REGION`` unless a region is configured; return the patch to undo.

    Raises:
        pytest.UsageError: The region is malformed.
    """
    problem = validate_region(region)
    if problem:
        raise pytest.UsageError(f"ini option dxjobs_default_region: {region!r} {problem}")
    undo = pytest.MonkeyPatch()
    if not _is_configured():
        undo.setenv("AWS_DEFAULT_REGION", region)
    return undo


def _is_configured() -> bool:
    try:
        return botocore.session.Session().get_config_variable("region") is not None
    except botocore.exceptions.BotoCoreError:  # such as a profile that does not exist
        return False
