"""The package with one change at a time, each of which a test should notice. Run it with ``tox -e mutants``.

The tests that run a changed line try it, the fastest first, in a process that has imported what they need. What none
of them notices is to stand in survivors.toml, with the reason. Names of modules choose some:
``tox -e mutants -- _wire _queue``.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import itertools
import multiprocessing
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import changes
import pytest
import tomllib
from suite import PACKAGE, ROOT, Only, Suite, file_of, in_a_child, measure, run_pytest

WITHOUT: Final = shutil.ignore_patterns(".*", "__pycache__")
IMPORTED: Final = "asyncio boto3 botocore.session freezegun hypothesis.stateful multiprocessing.dummy unittest.mock"
AT_FIRST: Final = 4.0  # seconds that the tests take without a change
AT_MOST: Final = 60.0


def settle(folder: str) -> None:
    """Give a worker a copy of the project, and import what does not change."""
    tree = Path(tempfile.mkdtemp(dir=folder))
    shutil.copytree(ROOT, tree, ignore=WITHOUT, dirs_exist_ok=True)
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))
    for name in IMPORTED.split():
        importlib.import_module(name)


def is_noticed(mutant: changes.Mutant, tests: list[str], seconds: float) -> bool:
    """Whether a test fails, or never ends, with this change."""
    path = Path(PACKAGE, f"{mutant.module}.py")
    source = path.read_text()
    try:
        write(path, mutant.source)
        files = sorted({file_of(each) for each in tests})
        code = in_a_child(lambda: run_pytest(files, Only(tests), "-x"), 10 + 3 * seconds)
        return code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    finally:
        write(path, source)


def write(path: Path, source: str) -> None:
    """Write it with a date of its own, by which Python knows what it has compiled."""
    later = path.stat().st_mtime + 2
    path.write_text(source)
    os.utime(path, (later, later))


def survives(mutant: changes.Mutant, tests: list[tuple[str, float]], is_known: bool) -> bool:
    """Whether neither the fast tests nor, if nobody has told why, the others notice."""
    for most in sorted({AT_FIRST, AT_FIRST if is_known else AT_MOST}):
        total = itertools.accumulate(seconds for _, seconds in tests)
        chosen = [test for (test, _), sum_ in zip(tests, total, strict=True) if sum_ <= most]
        chosen = chosen or [test for test, _ in tests[:1]]
        if is_noticed(mutant, chosen, most):
            return False
    return True


def main(names: list[str]) -> int:
    groups = tomllib.loads((ROOT / "tests/survivors.toml").read_text())["because"]
    known = {change for each in groups for change in each["changes"]}
    modules = sorted((ROOT / PACKAGE).glob("*.py"))
    chosen = [each for each in modules if each.stem in names or not names]
    files = [str(each.relative_to(ROOT)) for each in sorted(ROOT.glob("*/test_*.py"))]
    fork = multiprocessing.get_context("fork")
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent.futures.ProcessPoolExecutor(None, fork, settle, (folder,)) as pool,
    ):
        suite = Suite(pool.map(measure, files))
        mutants = [each for found in pool.map(changes.mutants_of, chosen) for each in found]
        print(
            f"{len(mutants)} changes, {len(suite.seconds)} tests, without {suite.failed}",
            flush=True,
        )
        tried = {}
        for each in mutants:
            tests = [(test, suite.seconds[test]) for test in suite.that_run(each)]
            tried[pool.submit(survives, each, tests, each.change in known)] = each
        survivors = set()
        for future in concurrent.futures.as_completed(tried):
            mutant = tried.pop(future)
            if future.result():
                survivors.add(mutant.change)
                if mutant.change not in known:
                    print(f"line {mutant.line} of {mutant.change}", flush=True)
    of_chosen = {each for each in known if each.partition(":")[0] in {path.stem for path in chosen}}
    for change in sorted(of_chosen - survivors):
        print(f"noticed, or not there, though survivors.toml tells why not: {change}")
    print(f"{len(survivors)} survive, {len(survivors - known)} of them without a reason")
    return int(bool(survivors - known))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
