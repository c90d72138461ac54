"""The code in the README runs, and its commands are those that are run elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_every_code_block_runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # its client is made on import
    blocks = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == README.count("```python")
    for name, code in blocks:
        pytester.path.joinpath(name).write_text(code)
    result = pytester.runpytest("-p", "no:randomly")
    outcomes = (
        result.parseoutcomes()
    )  # a test of scenarios is many, and some have no meaning for its code
    assert set(outcomes) == {"passed", "skipped"}
    assert outcomes["passed"] >= sum(code.count("def test_") for _, code in blocks)
