"""The tests as mutants.py needs them: which lines each runs and how long it takes, and some of them in a process apart."""

from __future__ import annotations

import ast
import collections
import json
import os
import resource
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import coverage
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import changes

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = "pytest_dxjobs"
UNFIT: Final = "tests/test_readme.py::test_every_code_block_runs"  # it takes a minute
# What tests a module, beside the file of its name: where nobody sees which line a test runs, or each test runs all.
TRIED_BY: Final = {
    "_drawn_jobs": ("tests/test_strategies.py", "tests/test_coherence.py"),
    "_examples": ("tests/test_given.py",),
    "_fake": ("tests/test_runaway.py",),
    "_fault_injection": ("tests/test_inject.py",),
    "_freezing": ("tests/test_freezes.py",),
    "_guard": ("tests/test_guard_report.py", "tests/test_way_out.py"),
    "_injections": ("tests/test_inject.py",),
    "_instants": ("tests/test_freezes.py",),
    "_model_walk": ("tests/test_strategies.py",),
    "_options": ("tests/test_plugin.py", "tests/test_scenario_fixture.py"),
    "_pools": ("tests/test_drawing.py",),
    "_rebinding": ("tests/test_clock.py",),
    "faults": ("tests/test_fidelity.py",),
    "plugin": (
        "tests/test_default_region.py",
        "tests/test_failure.py",
        "tests/test_given.py",
        "tests/test_guard_report.py",
        "tests/test_scenario_fixture.py",
    ),
}
MEMORY: Final = 2 << 30  # bytes, beyond which a change runs wild


def run_pytest(files: Iterable[str], plugin: object, *more: str) -> int:
    options = [*more, "-q", "--tb=no", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    unused = ["-p", "no:cacheprovider", "--deselect", UNFIT]
    return int(pytest.main([*options, *unused, *files], plugins=[plugin]))


class Only:
    """A plugin that runs the given tests in their order, but those of a file together."""

    def __init__(self, tests: Iterable[str]) -> None:
        self.rank = {test: number for number, test in enumerate(tests)}
        self.rank_of_file: dict[str, int] = {}
        for test, number in self.rank.items():
            self.rank_of_file.setdefault(file_of(test), number)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [each.nodeid for each in items if each.nodeid in self.rank]
        by_id = {each.nodeid: each for each in items}
        chosen.sort(key=lambda test: (self.rank_of_file[file_of(test)], self.rank[test]))
        items[:] = [by_id[test] for test in chosen]


def in_a_child(run: Callable[[], int], seconds: float) -> int | None:
    """What it comes to in a process of its own, or None if that takes too long."""
    child = os.fork()
    if not child:
        code = int(pytest.ExitCode.INTERNAL_ERROR)
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            silence = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(silence, stream)
            code = run()
        finally:
            os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class Measured:
    """A plugin that keeps which lines a test runs, and how long it takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self.coverage = coverage.Coverage(data_file=None, config_file=False, source_pkgs=[PACKAGE])
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        begun = time.perf_counter()
        result = yield
        self.seconds[item.nodeid] = time.perf_counter() - begun
        self.coverage.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:  # in such a process as this
            self.failed.append(report.nodeid)

    def lines(self) -> Iterator[tuple[str, str, list[int]]]:
        """Tests, modules, and the lines of a module that a test runs."""
        self.coverage.stop()
        data = self.coverage.get_data()
        for test in self.seconds.keys() - self.failed:
            data.set_query_context(test)
            for path in data.measured_files():
                yield test, Path(path).stem, data.lines(path) or []


def measure(file: str) -> dict[str, Any]:
    """Which lines the tests of a file run, and how long they take."""
    found = Path("found.json").absolute()

    def run() -> int:
        measured = Measured()
        run_pytest([file], measured)
        found.write_text(json.dumps({"lines": [*measured.lines()], **vars(measured)}, default=str))
        return 0

    if in_a_child(run, 600) != 0:
        raise RuntimeError(f"the tests of {file} could not be run")
    return dict(json.loads(found.read_text()))


class Suite:
    """Which tests run which lines, and how long they take."""

    def __init__(self, measured: Iterable[dict[str, Any]]) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()  # without any change
        self.by_line: dict[tuple[str, int], set[str]] = collections.defaultdict(set)
        for each in measured:
            self.seconds |= each["seconds"]
            self.failed.update(each["failed"])
            for test, module, lines in each["lines"]:
                for line in lines:
                    self.by_line[module, line].add(test)

    def that_run(self, mutant: changes.Mutant) -> list[str]:
        """The module's own tests, and those that run the changed line, or else what is around it; the fastest first."""
        own = f"tests/test_{mutant.module.lstrip('_')}.py"
        first = self.of(own, "tests/test_package.py", *TRIED_BY.get(mutant.module, ()))
        spans = around(ROOT / PACKAGE / f"{mutant.module}.py", mutant.line)
        tests = next(filter(None, (self.running(mutant.module, each) for each in spans)), set())
        return sorted(
            (tests | first) - self.failed,
            key=lambda each: (each not in first, self.seconds[each]),
        )

    def of(self, *files: str) -> set[str]:
        return {each for each in self.seconds if file_of(each) in files}

    def running(self, module: str, lines: Iterable[int]) -> set[str]:
        return set().union(*(self.by_line[module, line] for line in lines))


def around(path: Path, line: int) -> Iterator[range]:
    """The lines of the statement, the functions and the module that a line is part of, as far as calls run them."""
    nodes = [
        (range(first_line(each), (each.end_lineno or 0) + 1), each)
        for each in ast.walk(ast.parse(path.read_text()))
        if isinstance(each, (ast.stmt, ast.excepthandler))
    ]
    nodes = sorted((each for each in nodes if line in each[0]), key=lambda each: -each[0].start)
    functions = [(span, each) for span, each in nodes if isinstance(each, ast.FunctionDef)]
    if any(line >= each.body[0].lineno for _, each in functions):
        yield range(nodes[0][0].start, line + 1)
    yield from (span for span, _ in functions)
    yield range(10_000)


def first_line(node: ast.stmt | ast.excepthandler) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min(each.lineno for each in (node, *decorators))


def file_of(test: str) -> str:
    return test.partition("::")[0]
