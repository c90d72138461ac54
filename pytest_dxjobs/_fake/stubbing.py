"""Stubber's vocabulary on the fake: answers for any operation of the client, laid down beforehand.

Checked against the service model when they are written, encoded, and parsed by botocore, so that the code
under test gets what it would get. The signatures are those of ``botocore.stub.Stubber``.
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_dxjobs._core.arguments import count, is_function, read, refuse, refuse_all, text
from pytest_dxjobs._core.constants import ALWAYS, Marker
from pytest_dxjobs._core.errors import ServiceRefusal, UsageError
from pytest_dxjobs._core.messages import describe_error, did_you_mean, listing, show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._core.values import members_of
from pytest_dxjobs._model.documented import ID_PATTERN
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._service.generated_responses import generate_response
from pytest_dxjobs._service.stubs import StubbedResponse
from pytest_dxjobs._wire.http import Stamp, check_status, read_metadata
from pytest_dxjobs._wire.serialize import error_response, error_status, success_response

if TYPE_CHECKING:
    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._service.backend import Backend
    from pytest_dxjobs._service.calls import CallRecord
    from pytest_dxjobs._wire.http import Response


_CODE: Final = re.compile(r"[\w.-]*", re.ASCII)
ServiceResponse = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any] | None] | None


class Stubs:
    """The part of ``FakeDataExchange`` that answers operations as the test says."""

    __slots__ = ()
    _backend: Backend

    def add_response(
        self,
        method: str,
        service_response: ServiceResponse = None,
        expected_params: Mapping[str, Any] | None = None,
        *,
        times: int | Literal[Marker.ALWAYS] = 1,
    ) -> None:
        """Answer the next call of an operation; of several answers the first that fits is used.

        Args:
            method: The operation as a client calls it, such as ``"list_data_sets"``: any that the installed
                botocore knows for dataexchange.
            service_response: What the client returns; or a function that computes it from the parameters of
                the call; or None, also from the function, for a valid one that is made from the service
                model and repeats what the request says.
            expected_params: The parameters that a call must have, all of them, to get this answer;
                ``botocore.stub.ANY`` stands for any value. None is any call.
            times: How many calls it answers, retries not counted; ``dx.ALWAYS`` is without end.

        Raises:
            UsageError: There is no such operation, or the response or the parameters are not what the
                service model permits: every violation is listed.

        See https://botocore.amazonaws.com/v1/documentation/api/latest/reference/stubber.html
        """
        call = f"add_response({show(method)})"
        installed = self._backend.installed
        operation = installed.operation_called(call, method)
        expected_params = read(f"{call}: expected_params", expected_params)
        expected = problems_of(installed, operation, expected_params)
        if isinstance(service_response, Mapping):
            laid = read(call, service_response)
            refuse_all(
                {
                    **check_expected_params(call, expected),
                    **check_response(call, installed, operation, laid),
                }
            )
            metadata = read_metadata(
                f"{call}: ResponseMetadata", laid.get("ResponseMetadata"), least=200
            )
            response = success_response(installed, operation, members_of(laid), Stamp("", now()))

            def respond(record: CallRecord) -> Response:
                return metadata.apply_to(response, record.stamp)

        elif service_response is None or is_function(service_response):
            refuse_all(check_expected_params(call, expected))

            def respond(record: CallRecord) -> Response:
                computed = None
                if service_response is not None:
                    computed = read(call, _computed(call, service_response, record.params()))
                if computed is None:
                    return self._generated(operation, record)
                refuse_all(check_response(call, installed, operation, computed))
                made = success_response(installed, operation, members_of(computed), record.stamp)
                metadata = read_metadata(
                    f"{call}: ResponseMetadata", computed.get("ResponseMetadata"), least=200
                )
                return metadata.apply_to(made, record.stamp)

        else:
            raise UsageError(
                f"{call}: the response is a dict, a function of the parameters, or None for one that is "
                f"made from the service model, not {show(service_response)}"
            )
        self._queue(call, operation, expected_params, times, respond)

    def add_client_error(
        self,
        method: str,
        service_error_code: str = "",
        service_message: str = "",
        http_status_code: int | None = None,
        service_error_meta: Mapping[str, Any] | None = None,
        expected_params: Mapping[str, Any] | None = None,
        response_meta: Mapping[str, Any] | None = None,
        modeled_fields: Mapping[str, Any] | None = None,
        *,
        times: int | Literal[Marker.ALWAYS] = 1,
    ) -> None:
        """Answer the next call of an operation with an error, however often botocore tries again.

        Args:
            method: The operation as a client calls it, such as ``"get_job"``.
            service_error_code: The code of the error, such as ``"ThrottlingException"``: one that the service
                models arrives as the client's exception of that name, any other as ``ClientError``.
            service_message: The message.
            http_status_code: 301 to 599, since at 300 botocore loses the code. None is the status that the model gives the code, else 400.
            service_error_meta: For Stubber's sake. The service has no place to send it, so that only None or
                an empty dict is taken.
            expected_params: As for ``add_response``.
            response_meta: ``RequestId``, ``HTTPStatusCode`` and ``HTTPHeaders`` of the ``ResponseMetadata``.
            modeled_fields: The members that the model gives this error, such as ``ResourceId``.
            times: How many calls it answers, retries not counted; ``dx.ALWAYS`` is without end.

        Raises:
            UsageError: There is no such operation, or an argument is not what the service model permits.

        See https://botocore.amazonaws.com/v1/documentation/api/latest/reference/stubber.html
        """
        call = f"add_client_error({show(method)}, {show(service_error_code)})"
        installed = self._backend.installed
        operation = installed.operation_called(f"add_client_error({show(method)})", method)
        expected_params = read(f"{call}: expected_params", expected_params)
        refuse_all(check_expected_params(call, problems_of(installed, operation, expected_params)))
        service_error_code = text(f"{call}: service_error_code", service_error_code)
        service_message = text(f"{call}: service_message", service_message)
        if not _CODE.fullmatch(service_error_code):
            raise UsageError(
                f"{call}: service_error_code: it has letters, digits, dots, hyphens and underscores alone"
            )
        meta = read(f"{call}: service_error_meta", service_error_meta)
        if meta is not None and not (isinstance(meta, dict) and not meta):
            raise UsageError(
                f"{call}: service_error_meta: the service cannot send {show(service_error_meta)}; what "
                "the model gives an error goes into modeled_fields"
            )
        if modeled_fields is not None and not isinstance(modeled_fields, Mapping):
            raise UsageError(
                f"{call}: modeled_fields: a dict is needed, not {show(modeled_fields)}"
            )
        modeled_fields = read(f"{call}: modeled_fields", modeled_fields)
        metadata = read_metadata(f"{call}: response_meta", response_meta, least=301)
        status = http_status_code if http_status_code is not None else metadata.status
        if status is not None:
            status = check_status(f"{call}: http_status_code", status, least=301)
        members = {"Message": service_message, **(modeled_fields or {})}
        shape = installed.error_shapes.get(service_error_code)
        if shape is not None:
            refuse(
                f"{call}: modeled_fields: these do not fit the error:",
                violations(shape, members, ""),
            )
        elif modeled_fields:
            known = ", ".join(installed.error_shapes)
            hint = did_you_mean(service_error_code, installed.error_shapes)
            raise UsageError(
                f"{call}: modeled_fields: the service models no such error; there are {known}{hint}"
            )
        status = status or error_status(installed, service_error_code)

        def respond(record: CallRecord) -> Response:
            response = error_response(installed, service_error_code, record.stamp, members, status)
            return replace(metadata, status=status).apply_to(response, record.stamp)

        self._queue(call, operation, expected_params, times, respond)

    def assert_no_pending_responses(self) -> None:
        """Fail unless every answer that was added has been used; one for ``dx.ALWAYS``, at least once.

        Raises:
            AssertionError: Names those that were not.
        """
        __tracebackhide__ = True
        if pending := self._backend.pending_responses():
            raise AssertionError(listing("responses that no call has used:", pending))

    def _generate_other_responses(self) -> None:
        """Answer each operation that is none on jobs from the service model, once what was added is used up."""
        for operation in self._backend.installed.service.operation_names:
            if not self._backend.implements(operation):
                respond = functools.partial(self._generated, operation)
                self._backend.queue(StubbedResponse("", operation, None, None, respond))

    def _generated(self, operation: str, record: CallRecord) -> Response:
        """A valid answer to a call, or the refusal of one that has none."""
        installed, params = self._backend.installed, record.params()
        region, account_id = record.request.region, self._backend.account_id
        shape = installed.operation(operation).output_shape
        try:
            made = generate_response(installed, operation, params, region, account_id)
        except ServiceRefusal as refused:
            return error_response(installed, refused.code, record.stamp, refused.members)
        # What is wrong with it can only be what the request says, and the answer says again.
        if problems := list(violations(shape, made, "")) if shape is not None else []:
            message = f"The answer would have, from the request, {'; '.join(problems)}"
            return error_response(
                installed, "ValidationException", record.stamp, {"Message": message}
            )
        return success_response(installed, operation, made, record.stamp)

    def _queue(
        self,
        name: str,
        operation: str,
        expected: Mapping[str, Any] | None,
        times: object,
        respond: Callable[[CallRecord], Response],
    ) -> None:
        bound = None if times is ALWAYS else count(f"{name}: times", times, ", or dx.ALWAYS")
        filled_in = frozenset(self._backend.installed.operation(operation).idempotent_members)
        self._backend.queue(StubbedResponse(name, operation, expected, bound, respond, filled_in))


def _computed(
    call: str,
    compute: Callable[[dict[str, Any]], Mapping[str, Any] | None],
    params: dict[str, Any],
) -> Mapping[str, Any] | None:
    from botocore.exceptions import BotoCoreError, ClientError

    told = show(params)
    try:
        return compute(params)
    except (AssertionError, BotoCoreError, ClientError):
        raise  # meant for the code under test, or for the test itself
    except Exception as failure:
        raise UsageError(
            f"{call}: the function raised {describe_error(failure)}; it was given {told}"
        ) from failure


def problems_of(installed: Model, operation: str, expected: object) -> list[str]:
    """Why the service takes no call with what is expected; none where it may."""
    from botocore.stub import ANY

    if expected is None:
        return []
    if not isinstance(expected, Mapping):
        return [f"a dict is needed, or None for any, not {show(expected)}"]
    shape = installed.operation(operation).input_shape
    return list(violations(shape, _without_matchers(expected, ANY), "", absent=ANY))


def check_expected_params(call: str, problems: list[str]) -> dict[str, list[str]]:
    """Under its headline, why the service takes no call with what is expected."""
    headline = f"{call}: expected_params are none that the service takes{_hint(problems)}:"
    return {headline: problems}


def check_response(
    call: str, installed: Model, operation: str, value: object
) -> dict[str, list[str]]:
    """Under its headline, why the service could not have sent this."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{call}: the computed response is a dict or None, not {show(value)}")
    shape, members = installed.operation(operation).output_shape, members_of(value)
    if shape is None or not shape.members:
        answers = f"{call}: the service answers this operation with nothing:"
        return {answers: [f"{name}: was given" for name in members]}
    problems = list(violations(shape, members, ""))
    return {f"{call}: the service could not have sent this{_hint(problems)}:": problems}


def _hint(problems: list[str]) -> str:
    about_ids = any(line.endswith(f"does not match {ID_PATTERN}") for line in problems)
    return " (dx.job_id('label') makes a valid id)" if about_ids else ""


def _without_matchers(value: object, any_: object) -> object:
    """The value, with botocore's ANY for each object that only compares itself, such as ``mock.ANY``."""
    if isinstance(value, dict):
        return {name: _without_matchers(part, any_) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_matchers(element, any_) for element in value]
    return value if isinstance(value, _PLAIN) else any_


_PLAIN: Final = (str, bytes, int, float, datetime.datetime, type(None))
