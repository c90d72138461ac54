"""The pytest plugin: fixtures, marker, ini options and reports.

Every pytest run of the environment imports this module, so it imports nothing heavy. A test checks that.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import shutil
import traceback
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_dxjobs._core import watchdog
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
_HIDDEN_FIXTURES = pytest.StashKey[contextlib.ExitStack]()
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
    undo.setattr(watchdog, "before_the_end", functools.partial(_stop_capturing, config))
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    with watchdog.during(item.nodeid):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before Hypothesis makes its health check
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    fake, clock = item.stash.get(_FAKE, None), item.stash.get(_CLOCK, None)
    with contextlib.ExitStack() as undo:
        has_examples = (fake or clock) and hasattr(getattr(item, "obj", None), "hypothesis")
        if has_examples:
            with fail_without_traceback():
                _prepare_examples(undo, item, fake, clock)
        undo.enter_context(watchdog.during(item.nodeid))
        result = yield
    scenario = item.stash.get(_SCENARIO, None)
    if scenario is not None and not scenario._checked:  # noqa: SLF001
        pytest.fail(
            "dxjobs_scenario: the test called neither check() nor check_creating()", pytrace=False
        )
    fake = item.stash.get(_FAKE, None)
    if fake is not None:
        item.stash[_BODY_PASSED] = True
        if not has_examples:  # each of which was checked
            with fail_without_traceback():
                fake._check_at_end()  # noqa: SLF001
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    with watchdog.during(item.nodeid):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    caught_by_unittest = getattr(item, "_excinfo", None) or ()
    for info in (call.excinfo, *caught_by_unittest):
        if info is not None:
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


def _prepare_examples(
    undo: contextlib.ExitStack,
    item: Any,
    fake: FakeDataExchange | None,
    clock: VirtualClock | None,
) -> None:
    from pytest_dxjobs._plugin.hypothesis_examples import fresh_for_each_example, hidden_fixtures

    undo.enter_context(fresh_for_each_example(item.obj, fake, clock))
    hidden = item.stash[_HIDDEN_FIXTURES] = undo.enter_context(contextlib.ExitStack())
    undo.callback(item.stash.__delitem__, _HIDDEN_FIXTURES)
    hidden.enter_context(hidden_fixtures(item.function))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    hidden = pyfuncitem.stash.get(_HIDDEN_FIXTURES, None)
    if hidden is not None:  # Hypothesis has made its health check
        hidden.close()


def _trim_own_tracebacks(info: pytest.ExceptionInfo[BaseException]) -> None:
    """Let the traceback of an exception of this package end at the user's line."""
    chain = exception_chain(info.value, suppressed=False)
    own = [each for each in chain if type(each).__module__ == "pytest_dxjobs"]
    for each in own:
        trim_traceback(each)
    if own:
        info.traceback = type(info.traceback)(info.tb)  # pytest may have cached the longer one
        # Collect tasks that the exception ended: they log it when collected, and if that happens while pytest
        # parses source code, the parser of Python 3.11 fails.
        gc.collect()


def _add_scope_hint(failure: BaseException) -> None:
    if isinstance(failure, pytest.fail.Exception):
        message = str(failure.msg)
        if (
            "ScopeMismatch" in message
            and "fixture dxjobs" in message
            and _SCOPE_HINT not in message
        ):
            failure.msg = f"{message}\n{_SCOPE_HINT}"
