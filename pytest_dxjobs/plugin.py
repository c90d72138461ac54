"""The pytest side: fixtures, marker and what they report. Thin, and light until a fixture is used.

Every pytest run of an environment loads this module, so it imports pytest alone; a test holds it to that.
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
from pytest_dxjobs._plugin.options import INI, clock_for, fail_without_traceback, fake_for

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import datetime

    from mypy_boto3_dataexchange import DataExchangeClient

    from pytest_dxjobs._clock.virtual_clock import VirtualClock
    from pytest_dxjobs._fake.fake import FakeDataExchange
    from pytest_dxjobs._scenarios.scenario import Scenario

_CHECKED = pytest.StashKey[bool]()
_FAKE = pytest.StashKey["FakeDataExchange"]()
_CLOCK = pytest.StashKey["VirtualClock"]()
_ENDED: pytest.StashKey[datetime] = pytest.StashKey()
# What a report tells of, until the last one, which is of the teardown.
_REPORT_KEYS: tuple[pytest.StashKey[Any], ...] = (_FAKE, _CLOCK, _ENDED)
_SCENARIO = pytest.StashKey["Scenario"]()
_HIDDEN = pytest.StashKey[contextlib.ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "dxjobs_default_region",
        "region for code that makes its client on import, where the environment configures none",
    )
    for name, (kind, usual, told) in INI.items():
        told = f"{told}; default {usual}; markers override it"
        parser.addini(f"dxjobs_{name}", told, type=kind, default=None)


def pytest_configure(config: pytest.Config) -> None:
    defaults = ", ".join(f"{name} {usual}" for name, (_, usual, _) in INI.items())
    config.addinivalue_line(
        "markers",
        f"dxjobs(*, {', '.join(INI)}): options of the dxjobs fixture, as those of "
        "pytest_dxjobs.FakeDataExchange, start of dxjobs_clock, and which scenarios dxjobs_scenario takes; the "
        f"closest marker wins. max_wait is in seconds or a timedelta; None is no bound. Defaults: {defaults}.",
    )
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
    """A fake AWS Data Exchange that answers every dataexchange client of the process, for one test.

    dxjobs.add_job("EXPORT_ASSETS_TO_S3") puts a job in; unmodified code polls it with get_job, without
    network, credentials or region. Options: @pytest.mark.dxjobs(region=..., account_id=..., strict=...).
    """
    from pytest_dxjobs._core.timeutils import now

    # First, so that what is put in is of its time, in whatever order the test names them.
    if "dxjobs_clock" in request.fixturenames:
        request.getfixturevalue("dxjobs_clock")
    scenario = _scenario_of(request.node)
    usual = {} if scenario is None else {"max_polls": scenario.max_polls}
    fake = fake_for(request.node, usual)
    request.node.stash[_FAKE] = fake
    request.node.stash[_CHECKED] = False
    try:
        fake.activate()
        yield fake
        if request.node.stash[_CHECKED]:  # else the test has failed, and is not to be buried
            with fail_without_traceback():
                fake._check_late_calls()  # noqa: SLF001
    finally:
        fake.deactivate()
        request.node.stash[_ENDED] = now()
        del request.node.stash[_CHECKED]


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
    """Virtual time: sleeps take no real time and move the clock, which starts at 2025-01-01 00:00 UTC.

    tick(seconds) and move_to(when) move it, now tells the time, sleeps lists the sleeps with their callers.
    Another start: @pytest.mark.dxjobs(start="2024-03-31T12:00:00Z"). A freeze of freezegun is used.
    """
    with clock_for(request.node) as clock:
        request.node.stash[_CLOCK] = clock
        yield clock


@pytest.fixture
def dxjobs_client(dxjobs: FakeDataExchange) -> DataExchangeClient:
    """A botocore client for dataexchange that the fake answers, for code that is handed its client."""
    import botocore.session

    from pytest_dxjobs._model.service_model import loader

    session: Any = botocore.session.Session()
    # Else each test would read the models again, which takes longer than all the rest.
    session.register_component("data_loader", loader(session.get_config_variable("data_path")))
    client = session.create_client("dataexchange", region_name=dxjobs.region)
    return cast("DataExchangeClient", client)


@pytest.fixture
def dxjobs_scenario(
    request: pytest.FixtureRequest, dxjobs: FakeDataExchange, dxjobs_clock: VirtualClock
) -> Iterator[Scenario]:
    """One of the things that may happen to a job; the test runs once for each, in virtual time.

    check(lambda job_id: ...) runs the code that waits for a job and says what is wrong with it, and
    check_creating(lambda: ...) the same for code that creates its job. Which of them there are:
    @pytest.mark.dxjobs(scenarios="all", without={"stuck-in-progress": "the reason"}).
    """
    scenario = _scenario_of(request.node)
    if scenario is None:
        pytest.fail(
            "dxjobs_scenario is to be among the arguments of the test, or of one of its fixtures: it runs the "
            "test once for each scenario, for which a unittest class has no means",
            pytrace=False,
        )
    staged = request.node.stash[_SCENARIO] = scenario._bind(dxjobs, dxjobs_clock)  # noqa: SLF001
    yield staged
    del request.node.stash[_SCENARIO]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    with watchdog.during(item.nodeid):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before Hypothesis looks at the test
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    fake, clock = item.stash.get(_FAKE, None), item.stash.get(_CLOCK, None)
    with contextlib.ExitStack() as undo:
        of_hypothesis = (fake or clock) and hasattr(getattr(item, "obj", None), "hypothesis")
        if of_hypothesis:
            with fail_without_traceback():
                _run_examples(undo, item, fake, clock)
        undo.enter_context(watchdog.during(item.nodeid))
        result = yield
    scenario = item.stash.get(_SCENARIO, None)
    if scenario is not None and not scenario._taken:  # noqa: SLF001
        pytest.fail(
            "dxjobs_scenario: the test has called neither check nor check_creating", pytrace=False
        )
    fake = item.stash.get(_FAKE, None)
    if fake is not None:
        item.stash[_CHECKED] = True
        if not of_hypothesis:  # which has judged each example
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
    for each in (call.excinfo, *caught_by_unittest):
        if each is not None:
            _explain(each)
    report = yield
    fake, scenario = item.stash.get(_FAKE, None), item.stash.get(_SCENARIO, None)
    told_already = scenario is not None and scenario._reported  # noqa: SLF001
    if report.failed and fake is not None and not told_already:
        told = _what_happened(item, fake)
        report.sections.append(("dxjobs", told))
    if report.when == "teardown":
        for key in _REPORT_KEYS:
            if key in item.stash:
                del item.stash[key]
    return report


def _what_happened(item: pytest.Item, fake: FakeDataExchange) -> str:
    from pytest_dxjobs._core.timeutils import now
    from pytest_dxjobs._plugin.failure_report import build_report

    clock, columns = item.stash.get(_CLOCK, None), shutil.get_terminal_size().columns
    everything = item.config.get_verbosity() > 1
    try:
        until = item.stash.get(_ENDED, None) or now()
        return build_report(fake, clock, until, columns, everything=everything)
    except Exception:  # which would end the whole run, and lose the failure
        return f"This could not be told, by a mistake of pytest-dxjobs:\n{traceback.format_exc()}"


def _run_examples(
    undo: contextlib.ExitStack,
    item: Any,
    fake: FakeDataExchange | None,
    clock: VirtualClock | None,
) -> None:
    from pytest_dxjobs._plugin.hypothesis_examples import fresh_for_each_example, hidden_fixtures

    undo.enter_context(fresh_for_each_example(item.obj, fake, clock))
    hidden = item.stash[_HIDDEN] = undo.enter_context(contextlib.ExitStack())
    undo.callback(item.stash.__delitem__, _HIDDEN)
    hidden.enter_context(hidden_fixtures(item.function))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    hidden = pyfuncitem.stash.get(_HIDDEN, None)
    if hidden is not None:  # and the health check has been made
        hidden.close()


def _explain(info: pytest.ExceptionInfo[BaseException]) -> None:
    """Make a failure that is ours end at the user's line, and one of pytest's tell what to do."""
    failure = info.value
    found = exception_chain(failure, suppressed=False)
    ours = [each for each in found if type(each).__module__ == "pytest_dxjobs"]
    for each in ours:
        trim_traceback(each)
    if ours:
        info.traceback = type(info.traceback)(info.tb)  # which may have been read already
        # Tasks that have died of it log that when they are collected: where pytest parses the source meanwhile,
        # the parser of Python 3.11 fails.
        gc.collect()
    if isinstance(failure, pytest.fail.Exception):
        told = str(failure.msg)
        if "ScopeMismatch" in told and "fixture dxjobs" in told and _WIDER_SCOPE not in told:
            failure.msg = f"{told}\n{_WIDER_SCOPE}"


_WIDER_SCOPE = (
    "dxjobs and dxjobs_clock are fresh for every test: what a fixture of wider scope did to them would be "
    "gone after the first one. Give that fixture function scope, or let it use its own: "
    "with pytest_dxjobs.FakeDataExchange() as fake: yield fake, or pytest_dxjobs.VirtualClock() as clock"
)
