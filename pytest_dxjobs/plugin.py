"""The pytest side: fixtures, marker and what they report. Thin, and light until a fixture is used.

Every pytest run of an environment loads this module, so it imports pytest alone; a test holds it to that.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from mypy_boto3_dataexchange import DataExchangeClient

    from pytest_dxjobs._fake import FakeDataExchange

_JUDGED = pytest.StashKey[bool]()
_FAKE = pytest.StashKey["FakeDataExchange"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "dxjobs_default_region",
        "region for code that makes its client on import, where the environment configures none",
    )
    for name, (kind, told) in _INI.items():
        parser.addini(f"dxjobs_{name}", f"{told}; markers override it", type=kind, default=None)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "dxjobs(*, region, account_id, strict, max_polls, max_polls_after_end, max_wait): options of the "
        "dxjobs fixture, as those of pytest_dxjobs.FakeDataExchange; the closest marker wins.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    region = early_config.getini("dxjobs_default_region")
    if region and not _region_is_configured():
        undo = pytest.MonkeyPatch()
        undo.setenv("AWS_DEFAULT_REGION", region)
        early_config.add_cleanup(undo.undo)


def _region_is_configured() -> bool:
    import botocore.exceptions
    import botocore.session

    try:
        return botocore.session.Session().get_config_variable("region") is not None
    except botocore.exceptions.BotoCoreError:  # such as a profile that does not exist
        return False


@pytest.fixture
def dxjobs(request: pytest.FixtureRequest) -> Iterator[FakeDataExchange]:
    """A fake AWS Data Exchange that answers every dataexchange client of the process, for one test.

    dxjobs.add_job("EXPORT_ASSETS_TO_S3") puts a job in; unmodified code polls it with get_job, without
    network, credentials or region. Options: @pytest.mark.dxjobs(region=..., account_id=..., strict=...).
    """
    from pytest_dxjobs._fake import FakeDataExchange

    fake = _marked(request.node, FakeDataExchange)
    request.node.stash[_FAKE] = fake
    request.node.stash[_JUDGED] = False
    try:
        fake.activate()
        yield fake
        if request.node.stash[_JUDGED]:  # else the test has failed, and is not to be buried
            _tell(fake._judge_afterwards)  # noqa: SLF001
    finally:
        fake.deactivate()
        del request.node.stash[_FAKE]


@pytest.fixture
def dxjobs_client(dxjobs: FakeDataExchange) -> DataExchangeClient:
    """A botocore client for dataexchange that the fake answers, for code that is handed its client."""
    import botocore.session

    client: Any = botocore.session.Session().create_client(
        "dataexchange", region_name=dxjobs.region
    )
    return cast("DataExchangeClient", client)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    try:
        return (yield)
    except BaseException as failure:
        _explain(failure)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    try:
        result = yield
    except BaseException as failure:
        _explain(failure)
        raise
    fake = item.stash.get(_FAKE, None)
    if fake is not None:
        item.stash[_JUDGED] = True
        _tell(fake._judge)  # noqa: SLF001
    return result


def _explain(failure: BaseException) -> None:
    """Make a failure that is ours end at the user's line, and one of pytest's tell what to do."""
    if type(failure).__module__ == "pytest_dxjobs":  # and then its module is loaded
        from pytest_dxjobs._tracebacks import end_at_the_caller

        end_at_the_caller(failure)
    elif isinstance(failure, pytest.fail.Exception):
        told = str(failure.msg)
        if "ScopeMismatch" in told and "fixture dxjobs" in told and _WIDER_SCOPE not in told:
            failure.msg = f"{told}\n{_WIDER_SCOPE}"


def _tell(judge: Callable[[], None]) -> None:
    """Fail the test with a verdict."""
    from pytest_dxjobs._errors import UsageError

    try:
        judge()
    except (AssertionError, UsageError) as failure:
        # There is no line to show: what happened lies behind, in code that went on.
        told = f"{type(failure).__name__}: {failure}"
    else:
        return
    pytest.fail(told, pytrace=False)


def _configured(config: pytest.Config, make: type[FakeDataExchange]) -> dict[str, Any]:
    """The options that the ini file sets; a mistake in one is told as the file's."""
    from pytest_dxjobs._errors import UsageError

    options: dict[str, Any] = {}
    try:
        for name in _INI:
            try:
                given = config.getini(f"dxjobs_{name}")
            except (ValueError, pytest.UsageError) as error:
                raise UsageError(f"{name}: {error}; true or false is needed") from None
            if given not in (None, ""):
                options[name] = _number_or_none(given) if name.startswith("max_") else given
                make(**{name: options[name]})
    except UsageError as error:
        told = f"UsageError: ini option dxjobs_{error}"
    else:
        return options
    pytest.fail(told, pytrace=False)


def _number_or_none(given: str) -> object:
    if given.strip().lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(given)
        except ValueError:
            pass
    return given


def _marked(node: pytest.Item, make: type[FakeDataExchange]) -> FakeDataExchange:
    """A fake with the options of the test's markers; a mistake in one is told as the marker's."""
    from pytest_dxjobs._errors import UsageError
    from pytest_dxjobs._messages import not_one_of

    permitted = tuple(inspect.signature(make).parameters)
    options: dict[str, Any] = {}
    configured = _configured(node.config, make)
    try:
        for mark in node.iter_markers("dxjobs"):
            if mark.args:
                raise UsageError(
                    f"options go by name, not {mark.args!r}; there are {', '.join(permitted)}"
                )
            for name, value in mark.kwargs.items():
                if name not in permitted:
                    raise UsageError(not_one_of(name, permitted))
                options.setdefault(name, value)
        return make(**configured | options)
    except UsageError as error:
        told = f"UsageError: @pytest.mark.dxjobs: {error}"
    pytest.fail(told, pytrace=False)


_INI: dict[str, tuple[Any, str]] = {
    "region": ("string", "region of jobs whose test names none"),
    "account_id": ("string", "account in the ARNs of jobs"),
    "strict": ("bool", "whether what was laid down and not used, or not answered, fails a test"),
    "max_polls": (
        "string",
        "polls of one job with the same answer before it is a runaway, or none",
    ),
    "max_polls_after_end": ("string", "polls of one job after its end, or none"),
    "max_wait": (
        "string",
        "seconds of virtual time that code sleeps while it polls one job, or none",
    ),
}
_WIDER_SCOPE = (
    "dxjobs is fresh for every test: what a fixture of wider scope put into it would be gone after the "
    "first one. Give that fixture function scope, or let it use its own fake: "
    "with pytest_dxjobs.FakeDataExchange() as fake: yield fake"
)
