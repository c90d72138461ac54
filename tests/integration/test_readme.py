"""The code in the README runs, what it shows is what that code prints, and its links and settings are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
EXAMPLES = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHOWN = re.findall(r"^```text\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)
SETTINGS = re.findall(r"^```(?:ini|toml)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def examples(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The examples, in a folder of their own, where clients are made on import."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, code in EXAMPLES:
        pytester.path.joinpath(name).write_text(code)
    return pytester.path


@pytest.mark.usefixtures("examples")
def test_every_code_block_runs(pytester: pytest.Pytester) -> None:
    assert len(EXAMPLES) == README.count("```python")
    result = pytester.runpytest("-p", "no:randomly")
    outcomes = (
        result.parseoutcomes()
    )  # a test of scenarios is many, and some have no meaning for its code
    assert set(outcomes) == {"passed", "skipped"}
    assert outcomes["passed"] >= sum(code.count("def test_") for _, code in EXAMPLES)


# The test that prints it, and the line that is replaced first, so that it fails.
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
    ("shown", "test", "change"),
    [(shown, *report) for shown, report in zip(SHOWN, REPORTS, strict=True)],
    ids=["runaway", "scenario", "failure"],
)
def test_what_is_shown_is_what_the_example_before_it_prints(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    examples: Path,
    shown: str,
    test: str,
    change: tuple[str, str, str],
) -> None:
    name, line, instead = change
    code = (examples / name).read_text()
    assert code.count(line) == 1
    (examples / name).write_text(re.sub(f"{re.escape(line)}.*", instead, code))
    monkeypatch.setenv("COLUMNS", "80")
    failure: Any
    [failure] = pytester.inline_run("-p", "no:randomly", test).getfailures()
    printed = [failure.longrepr.reprcrash.message]
    printed += [f"{f' {title} ':-^80}\n{told}" for title, told in failure.sections]
    assert without_ids(shown) in without_ids("\n".join(printed))


def without_ids(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{32}\b", "<id>", text)


def test_both_forms_of_the_settings_say_the_same_and_are_taken(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(dxjobs_scenario): pass")
    said = []
    for name, settings in zip(("pytest.ini", "pyproject.toml"), SETTINGS, strict=True):
        path = pytester.path / name
        path.write_text(settings)
        config = pytester.parseconfig("-c", str(path))
        said.append(
            [config.getini(option) for option in re.findall(r"^(\w+) =", settings, re.MULTILINE)]
        )
        result = pytester.runpytest("-c", str(path), "--collect-only", "-q")
        result.stdout.fnmatch_lines("*::test_it[[]one-call-fails]")
    assert said[0] == said[1]
    assert said[0][:2] == [["dxjobs"], "us-east-1"]


def test_every_section_is_among_the_contents() -> None:
    sections = re.findall(r"^## (.*)$", README, re.MULTILINE)
    there = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in sections}
    exception_chain = set(re.findall(r"\]\(#(.*?)\)", README))
    assert exception_chain == there - {"changes-and-licence"}
