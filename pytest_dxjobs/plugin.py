"""The pytest plugin: fixtures, marker, ini options and reports.

Every pytest run of the environment imports this module, so it imports nothing heavy. A test checks that.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import traceback
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_dxjobs._core import running_test
from pytest_dxjobs._core.tracebacks import exception_chain, trim_traceback
from pytest_dxjobs._plugin.options import OPTIONS, clock_for, fail_without_traceback, fake_for

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import datetime

    from mypy_boto3_dataexchange import DataExchangeClient

    from pytest_dxjobs._clock.virtual_clock import VirtualClock
    from pytest_dxjobs._fake.fake import FakeDataExchange
    from pytest_dxjobs._scenarios.scenario import Scenario

_BODY_PASSED = pytest.StashKey[bool]()
_FAKE = pytest.StashKey["FakeDataExchange"]()
_CLOCK = pytest.StashKey["VirtualClock"]()
_ENDED_AT: pytest.StashKey[datetime] = pytest.StashKey()
# Needed until the last report of a test, which is that of its teardown.
_REPORT_KEYS: tuple[pytest.StashKey[Any], ...] = (_FAKE, _CLOCK, _ENDED_AT)
_SCENARIO = pytest.StashKey["Scenario"]()
_SCOPE_HINT = (
    "dxjobs and dxjobs_clock are fresh for every test, so a fixture of wider scope cannot use them. "
    "Give that fixture function scope, or let it create its own: "
    "with pytest_dxjobs.FakeDataExchange() as fake: yield fake, or pytest_dxjobs.VirtualClock() as clock"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "dxjobs_default_region",
        "region for code that creates its client at import, if none is configured",
    )
    for name, (kind, default, text) in OPTIONS.items():
        parser.addini(f"dxjobs_{name}", f"{text}; default {default}", type=kind, default=None)


def pytest_configure(config: pytest.Config) -> None:
    options = [f"  {name}: {text}; default {value}" for name, (_, value, text) in OPTIONS.items()]
    marker = (
        f"dxjobs(*, {', '.join(OPTIONS)}): options of dxjobs, dxjobs_clock and dxjobs_scenario. The closest "
        "marker wins, and markers override the ini options dxjobs_*. max_wait may be a timedelta."
    )
    config.addinivalue_line("markers", "\n".join([marker, *options]))
    undo = pytest.MonkeyPatch()
    undo.setattr(running_test, "before_the_end", functools.partial(_stop_capturing, config))
    config.add_cleanup(undo.undo)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_dxjobs._plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "dxjobs_scenario" in metafunc.fixturenames:
        from pytest_dxjobs._plugin.scenario_selection import scenarios_for

        metafunc.parametrize("dxjobs_scenario", scenarios_for(metafunc.definition), indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    region = early_config.getini("dxjobs_default_region")
    if region:
        from pytest_dxjobs._plugin.default_region import set_region

        early_config.add_cleanup(set_region(region).undo)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.failed and "botocore.exceptions.NoRegionError" in report.longreprtext:
        from pytest_dxjobs._plugin.default_region import HINT

        report.sections.append(("dxjobs", HINT))
    return report


@pytest.fixture
def dxjobs(request: pytest.FixtureRequest) -> Iterator[FakeDataExchange]:
    """A fake AWS Data Exchange for one test; it responds to every dataexchange client of the process.

    dxjobs.add_job("EXPORT_ASSETS_TO_S3") adds a job, and unmodified code polls it with get_job. No network,
    credentials or region are needed. Options: @pytest.mark.dxjobs(region=..., strict=...); see --markers.
    """
    from pytest_dxjobs._core.timeutils import now

    # The clock starts first, whatever the order of the arguments, so that jobs get its time.
    if "dxjobs_clock" in request.fixturenames:
        request.getfixturevalue("dxjobs_clock")
    scenario = _scenario_of(request.node)
    defaults = {} if scenario is None else {"max_polls": scenario.max_polls}
    fake = fake_for(request.node, defaults)
    request.node.stash[_FAKE] = fake
    request.node.stash[_BODY_PASSED] = False
    try:
        fake.activate()
        yield fake
        if request.node.stash[_BODY_PASSED]:  # a test that failed keeps its own failure
            with fail_without_traceback():
                fake._check_late_calls()  # noqa: SLF001
    finally:
        fake.deactivate()
        request.node.stash[_ENDED_AT] = now()
        del request.node.stash[_BODY_PASSED]


def _scenario_of(item: Any) -> Scenario | None:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    scenario: Scenario | None = parameters.get("dxjobs_scenario")
    return scenario


def _stop_capturing(config: pytest.Config) -> None:
    manager: Any = config.pluginmanager.getplugin("capturemanager")
    if manager is not None:
        manager.suspend()


@pytest.fixture
def dxjobs_clock(request: pytest.FixtureRequest) -> Iterator[VirtualClock]:
    """A virtual clock that starts at 2025-01-01 00:00 UTC: sleeps move it and take no real time.

    tick(seconds) and move_to(when) move it too. now is its time, and sleeps lists the sleeps with their callers.
    Another start: @pytest.mark.dxjobs(start="2024-03-31T12:00:00Z"). If freezegun has frozen the time, the clock
    uses that freeze.
    """
    with clock_for(request.node) as clock:
        request.node.stash[_CLOCK] = clock
        yield clock


@pytest.fixture
def dxjobs_client(dxjobs: FakeDataExchange) -> DataExchangeClient:
    """A botocore client for dataexchange, for code that takes its client as an argument."""
    import botocore.session

    from pytest_dxjobs._model.service_model import loader

    session: Any = botocore.session.Session()
    # A shared loader: to read the service models takes longer than the rest of a test.
    session.register_component("data_loader", loader(session.get_config_variable("data_path")))
    client = session.create_client("dataexchange", region_name=dxjobs.region)
    return cast("DataExchangeClient", client)


@pytest.fixture
def dxjobs_scenario(
    request: pytest.FixtureRequest, dxjobs: FakeDataExchange, dxjobs_clock: VirtualClock
) -> Iterator[Scenario]:
    """A scenario, such as a job that times out; the test runs once for each, in virtual time.

    check(lambda job_id: ...) runs code that waits for a job, and fails with a report if it reacts wrongly.
    check_creating(lambda: ...) does so for code that creates its job. To select scenarios:
    @pytest.mark.dxjobs(scenarios="all", without={"stuck-in-progress": "the reason"}).
    """
    scenario = _scenario_of(request.node)
    if scenario is None:
        pytest.fail(
            "dxjobs_scenario has no scenario here. Make it an argument of the test, or of one of its fixtures, "
            "so that pytest runs the test once for each scenario. A unittest class cannot do that: use a "
            "function or a plain class.",
            pytrace=False,
        )
    bound = request.node.stash[_SCENARIO] = scenario._bind(dxjobs, dxjobs_clock)  # noqa: SLF001
    yield bound
    del request.node.stash[_SCENARIO]


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before Hypothesis makes its health check
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    has_examples = _has_fixtures(item) and hasattr(getattr(item, "obj", None), "hypothesis")
    with _fresh_examples(item) if has_examples else contextlib.nullcontext():
        result = yield
    if _FAKE in item.stash:
        _check_test(item, has_examples=has_examples)
    return result


def _has_fixtures(item: pytest.Item) -> bool:
    return _FAKE in item.stash or _CLOCK in item.stash


@contextlib.contextmanager
def _fresh_examples(item: Any) -> Iterator[None]:
    """Let Hypothesis run each example with a fresh fake and clock."""
    from pytest_dxjobs._plugin.hypothesis_examples import fresh_for_each_example, hidden_fixtures

    fake, clock = item.stash.get(_FAKE, None), item.stash.get(_CLOCK, None)
    with contextlib.ExitStack() as undo, contextlib.ExitStack() as hidden:
        with fail_without_traceback():
            undo.enter_context(fresh_for_each_example(item.obj, fake, clock))
        hidden.enter_context(hidden_fixtures(item.function))
        runtest = item.runtest

        def run() -> None:
            hidden.close()  # Hypothesis has made its health check
            runtest()

        item.runtest = run
        undo.callback(item.__dict__.pop, "runtest")
        yield


def _check_test(item: pytest.Item, *, has_examples: bool) -> None:
    """Fail a test that passed if it left something over."""
    scenario = item.stash.get(_SCENARIO, None)
    if scenario is not None and not scenario._checked:  # noqa: SLF001
        pytest.fail("dxjobs_scenario: the test called neither check() nor check_creating()", pytrace=False)
    item.stash[_BODY_PASSED] = True
    if not has_examples:  # each of which was checked
        with fail_without_traceback():
            item.stash[_FAKE]._check_at_end()  # noqa: SLF001


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    caught_by_unittest = getattr(item, "_excinfo", None)
    if call.excinfo is None and not caught_by_unittest and not _has_fixtures(item):
        return (yield)
    for info in (call.excinfo, *(caught_by_unittest or ())):
        if info is not None:
            if not item.config.getoption("fulltrace", False):
                _trim_own_tracebacks(info)
            _add_scope_hint(info.value)
    report = yield
    fake, scenario = item.stash.get(_FAKE, None), item.stash.get(_SCENARIO, None)
    has_own_report = scenario is not None and scenario._reported  # noqa: SLF001
    if report.failed and fake is not None and not has_own_report:
        section = _build_section(item, fake)
        if section:
            report.sections.append(("dxjobs", section))
    if report.when == "teardown":
        for key in _REPORT_KEYS:
            if key in item.stash:
                del item.stash[key]
    return report


def _build_section(item: pytest.Item, fake: FakeDataExchange) -> str:
    from pytest_dxjobs._core.timeutils import now
    from pytest_dxjobs._plugin.failure_report import build_report

    clock, columns = item.stash.get(_CLOCK, None), shutil.get_terminal_size().columns
    everything = item.config.get_verbosity() > 1
    try:
        until = item.stash.get(_ENDED_AT, None) or now()
        return build_report(fake, clock, until, columns, everything=everything)
    except Exception:  # an exception here would end the run and hide the failure of the test
        return f"No report: this is a bug in pytest-dxjobs.\n{traceback.format_exc()}"


def _trim_own_tracebacks(info: pytest.ExceptionInfo[BaseException]) -> None:
    """Let the traceback of an exception of this package end at the user's line."""
    chain = exception_chain(info.value, suppressed=False)
    own = [each for each in chain if type(each).__module__ == "pytest_dxjobs"]
    for each in own:
        trim_traceback(each)
    if own:
        info.traceback = type(info.traceback)(info.tb)  # pytest may have cached the longer one


def _add_scope_hint(failure: BaseException) -> None:
    if isinstance(failure, pytest.fail.Exception):
        message = str(failure.msg)
        if "ScopeMismatch" in message and "fixture dxjobs" in message and _SCOPE_HINT not in message:
            failure.msg = f"{message}\n{_SCOPE_HINT}"
