"""The README's code runs and prints the reports that it shows; its links and settings are valid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
PYTHON_BLOCKS = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TEXT_BLOCKS = re.findall(r"^```text\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)
SETTINGS_BLOCKS = re.findall(r"^```(?:ini|toml)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def examples(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the Python blocks into an empty folder and return it."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # some create a client on import
    for name, code in PYTHON_BLOCKS:
        pytester.path.joinpath(name).write_text(code)
    return pytester.path


@pytest.mark.usefixtures("examples")
def test_every_python_block_passes(pytester: pytest.Pytester) -> None:
    assert len(PYTHON_BLOCKS) == README.count("```python")
    result = pytester.runpytest("-p", "no:randomly")
    outcomes = result.parseoutcomes()
    # A test with scenarios runs many times, and skips those that do not apply to its code.
    assert set(outcomes) == {"passed", "skipped"}
    assert outcomes["passed"] >= sum(code.count("def test_") for _, code in PYTHON_BLOCKS)


# For each text block: the test that prints it, and the replacement of a line that makes the test fail.
REPORTS = [
    (
        "test_waiting.py::test_the_clock_starts_where_the_test_says_and_moves_by_hand",
        ("test_waiting.py", "with pytest.raises(dx.RunawayPolling", "if True:"),
    ),
    (
        "test_shipping.py::test_every_way_a_job_can_go[errors-absent]",
        ("shipping.py", "raise RuntimeError(", 'raise RuntimeError(job["Errors"][0]["Message"])'),
    ),
    (
        "test_asked.py::test_a_job_that_timed_out",
        ("test_asked.py", "with pytest.raises(RuntimeError", "if True:"),
    ),
]


@pytest.mark.parametrize(
    ("block", "test", "change"),
    [(block, *report) for block, report in zip(TEXT_BLOCKS, REPORTS, strict=True)],
    ids=["runaway", "scenario", "failure"],
)
def test_text_block_is_what_the_failing_example_prints(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    examples: Path,
    block: str,
    test: str,
    change: tuple[str, str, str],
) -> None:
    name, line, replacement = change
    code = (examples / name).read_text()
    assert code.count(line) == 1
    (examples / name).write_text(re.sub(f"{re.escape(line)}.*", replacement, code))
    monkeypatch.setenv("COLUMNS", "80")
    failure: Any
    [failure] = pytester.inline_run("-p", "no:randomly", test).getfailures()
    printed = [failure.longrepr.reprcrash.message]
    printed += [f"{f' {title} ':-^80}\n{text}" for title, text in failure.sections]
    assert without_ids(block) in without_ids("\n".join(printed))


def without_ids(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{32}\b", "<id>", text)


def test_both_forms_of_the_settings_are_equal_and_valid(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(dxjobs_scenario): pass")
    values = []
    for name, settings in zip(("pytest.ini", "pyproject.toml"), SETTINGS_BLOCKS, strict=True):
        path = pytester.path / name
        path.write_text(settings)
        config = pytester.parseconfig("-c", str(path))
        values.append([config.getini(option) for option in re.findall(r"^(\w+) =", settings, re.MULTILINE)])
        result = pytester.runpytest("-c", str(path), "--collect-only", "-q")
        result.stdout.fnmatch_lines("*::test_it[[]one-call-fails]")
    assert values[0] == values[1]
    assert values[0][:2] == [["dxjobs"], "us-east-1"]


def test_table_of_contents_lists_every_section() -> None:
    sections = re.findall(r"^## (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in sections}
    links = set(re.findall(r"\]\(#(.*?)\)", README))
    assert links == anchors - {"changes-and-licence"}
