"""Queued responses and errors for any operation of the client: ``add_response`` and ``add_client_error``.

The signatures are those of ``botocore.stub.Stubber``. What is queued is checked against the service model
and sent as HTTP, so that botocore parses it as it parses the service's own responses.
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_dxjobs._core.arguments import (
    count,
    is_function,
    raise_all_problems,
    raise_problems,
    text,
)
from pytest_dxjobs._core.constants import ALWAYS, Marker
from pytest_dxjobs._core.errors import ServiceRefusal, UsageError
from pytest_dxjobs._core.messages import choose_from, describe_error, listing, show
from pytest_dxjobs._core.timeutils import now
from pytest_dxjobs._core.values import plain_copy, without_metadata
from pytest_dxjobs._model.documented import ID_PATTERN
from pytest_dxjobs._model.validation import violations
from pytest_dxjobs._service.generated_responses import generate_response
from pytest_dxjobs._service.operations import ROLES
from pytest_dxjobs._service.stubs import StubbedResponse
from pytest_dxjobs._wire.http import Stamp, check_status, read_metadata
from pytest_dxjobs._wire.serialize import error_response, error_status, success_response

if TYPE_CHECKING:
    from pytest_dxjobs._model.service_model import Model
    from pytest_dxjobs._service.backend import Backend
    from pytest_dxjobs._service.calls import CallRecord, Respond
    from pytest_dxjobs._wire.http import Response


ComputeResponse = Callable[[dict[str, Any]], Mapping[str, Any] | None]
ServiceResponse = Mapping[str, Any] | ComputeResponse | None

_ERROR_CODE: Final = re.compile(r"[\w.-]*", re.ASCII)


class Stubbing:
    """The part of ``FakeDataExchange`` that queues responses and errors."""

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
        """Queue a response for an operation; each call gets the first response that is meant for it.

        Args:
            method: The operation as a client calls it, such as ``"list_data_sets"``: any that the installed
                botocore knows for dataexchange.
            service_response: What the client returns, or a function that computes it from the parameters of
                the call. None, also as the result of the function, is a valid response that is generated
                from the service model and the request.
            expected_params: All the parameters that a call must have to get this response;
                ``botocore.stub.ANY`` stands for any value. None is any call.
            times: How many calls get this response, retries not counted; ``dx.ALWAYS`` is no limit.

        Raises:
            UsageError: There is no such operation, or the service model does not permit the response or the
                parameters; every violation is listed.

        See https://botocore.amazonaws.com/v1/documentation/api/latest/reference/stubber.html
        """
        call = f"add_response({show(method)})"
        installed = self._backend.installed
        operation = installed.operation_for_method(call, method)
        expected_params = plain_copy(expected_params)
        problems = _expected_params_problems(call, installed, operation, expected_params)
        if isinstance(service_response, Mapping):
            response: dict[str, Any] = plain_copy(service_response)
            problems |= _response_problems(call, installed, operation, response)
        elif service_response is not None and not is_function(service_response):
            raise UsageError(
                f"{call}: service_response: a dict, a function of the parameters, or None for a generated "
                f"response is needed, not {show(service_response)}"
            )
        raise_all_problems(problems)
        respond: Respond
        if service_response is None:
            respond = functools.partial(self._generate, operation)
        elif isinstance(service_response, Mapping):
            respond = _encode(call, installed, operation, response)
        else:
            respond = functools.partial(self._compute, call, operation, service_response)
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
        """Queue an error for a call of an operation, and for all retries of that call.

        Args:
            method: The operation as a client calls it, such as ``"get_job"``.
            service_error_code: The code of the error, such as ``"ThrottlingException"``. A code in the service
                model arrives as the client's exception of that name, any other as ``ClientError``.
            service_message: The message.
            http_status_code: 301 to 599; at 300 botocore loses the code. None is the status in
                ``response_meta``, else the one that the service model has for the code, else 400.
            service_error_meta: None or an empty dict, since the service cannot send it; for compatibility
                with Stubber.
            expected_params: As for ``add_response``.
            response_meta: ``RequestId``, ``HTTPStatusCode`` and ``HTTPHeaders`` of the ``ResponseMetadata``.
            modeled_fields: Members that the service model has for this error, such as ``ResourceId``.
            times: How many calls get this error, retries not counted; ``dx.ALWAYS`` is no limit.

        Raises:
            UsageError: There is no such operation, or the service model does not permit an argument.
        """
        call = f"add_client_error({show(method)}, {show(service_error_code)})"
        installed = self._backend.installed
        operation = installed.operation_for_method(f"add_client_error({show(method)})", method)
        expected_params = plain_copy(expected_params)
        raise_all_problems(_expected_params_problems(call, installed, operation, expected_params))
        service_error_code = text(f"{call}: service_error_code", service_error_code)
        service_message = text(f"{call}: service_message", service_message)
        if not _ERROR_CODE.fullmatch(service_error_code):
            raise UsageError(
                f"{call}: service_error_code: only letters, digits, dots, hyphens and underscores are permitted"
            )
        meta = plain_copy(service_error_meta)
        if meta is not None and (not isinstance(meta, dict) or meta):
            raise UsageError(
                f"{call}: service_error_meta: the service cannot send {show(service_error_meta)}. "
                "Pass members of the error as modeled_fields."
            )
        if modeled_fields is not None and not isinstance(modeled_fields, Mapping):
            raise UsageError(f"{call}: modeled_fields: a dict is needed, not {show(modeled_fields)}")
        modeled_fields = plain_copy(modeled_fields)
        metadata = read_metadata(f"{call}: response_meta", response_meta, least=301)
        status = http_status_code if http_status_code is not None else metadata.status
        if status is not None:
            status = check_status(f"{call}: http_status_code", status, least=301)
        members = {"Message": service_message, **(modeled_fields or {})}
        shape = installed.error_shapes.get(service_error_code)
        if shape is not None:
            raise_problems(
                f"{call}: modeled_fields: the service could not send these with this error:",
                violations(shape, members, ""),
            )
        elif modeled_fields:
            known = choose_from(service_error_code, installed.error_shapes)
            raise UsageError(
                f"{call}: modeled_fields: the service model has no error {show(service_error_code)}{known}"
            )
        status = status or error_status(installed, service_error_code)

        def respond(record: CallRecord) -> Response:
            response = error_response(installed, service_error_code, record.stamp, members, status)
            return replace(metadata, status=status).apply_to(response, record.stamp)

        self._queue(call, operation, expected_params, times, respond)

    def assert_no_pending_responses(self) -> None:
        """Check that every queued response and error has been used; with ``dx.ALWAYS``, at least once.

        Raises:
            AssertionError: Lists the unused ones.
        """
        __tracebackhide__ = True
        if pending := self._backend.pending_responses():
            raise AssertionError(listing("unused responses:", pending))

    def _generate_other_responses(self) -> None:
        """Generate responses for each operation that the fake does not implement, after those that are queued."""
        for operation in self._backend.installed.service.operation_names:
            if operation not in ROLES:
                respond = functools.partial(self._generate, operation)
                self._backend.queue(StubbedResponse("", operation, None, None, respond))

    def _queue(
        self,
        name: str,
        operation: str,
        expected: Mapping[str, Any] | None,
        times: object,
        respond: Respond,
    ) -> None:
        limit = None if times is ALWAYS else count(f"{name}: times", times, ", or dx.ALWAYS")
        filled_in = frozenset(self._backend.installed.operation(operation).idempotent_members)
        self._backend.queue(StubbedResponse(name, operation, expected, limit, respond, filled_in))

    def _generate(self, operation: str, record: CallRecord) -> Response:
        """Return a valid response to a call, or the error that the service would return."""
        installed, params = self._backend.installed, record.params()
        region, account_id = record.request.region, self._backend.account_id
        shape = installed.operation(operation).output_shape
        try:
            members = generate_response(installed, operation, params, region, account_id)
        except ServiceRefusal as refusal:
            return error_response(installed, refusal.code, record.stamp, refusal.members)
        # Only the values that the response repeats from the request can violate the model.
        if problems := list(violations(shape, members, "")) if shape is not None else []:
            message = f"The request would make the response invalid: {'; '.join(problems)}"
            return error_response(installed, "ValidationException", record.stamp, {"Message": message})
        return success_response(installed, operation, members, record.stamp)

    def _compute(self, call: str, operation: str, compute: ComputeResponse, record: CallRecord) -> Response:
        """Respond to a call with what the test's function returns."""
        from botocore.exceptions import BotoCoreError, ClientError

        installed, params = self._backend.installed, record.params()
        shown = show(params)  # before the function may change them
        try:
            computed = compute(params)
        except (AssertionError, BotoCoreError, ClientError):
            raise  # meant for the code under test, or for the test itself
        except Exception as failure:
            raise UsageError(
                f"{call}: the function raised {describe_error(failure)}. It was called with {shown}."
            ) from failure
        response = plain_copy(computed)
        if response is None:
            return self._generate(operation, record)
        if not isinstance(response, Mapping):
            raise UsageError(f"{call}: the function must return a dict or None, not {show(response)}")
        raise_all_problems(_response_problems(call, installed, operation, response))
        return _encode(call, installed, operation, response)(record)


def _encode(call: str, installed: Model, operation: str, response: Mapping[str, Any]) -> Respond:
    """Encode a response once, for any number of calls."""
    metadata = read_metadata(f"{call}: ResponseMetadata", response.get("ResponseMetadata"), least=200)
    encoded = success_response(installed, operation, without_metadata(response), Stamp("", now()))
    return lambda record: metadata.apply_to(encoded, record.stamp)


def _response_problems(
    call: str, installed: Model, operation: str, response: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return, under a headline, why the service could not have sent this response."""
    shape, members = installed.operation(operation).output_shape, without_metadata(response)
    if shape is None or not shape.members:
        headline = f"{call}: the response of this operation has no members:"
        return {headline: [f"{name}: leave it out" for name in members]}
    problems = list(violations(shape, members, ""))
    headline = f"{call}: the service could not have sent this response{_id_hint(problems)}:"
    return {headline: problems}


def _expected_params_problems(call: str, installed: Model, operation: str, expected: object) -> dict[str, list[str]]:
    """Return, under a headline, why no call could have these parameters."""
    from botocore.stub import ANY

    if expected is None:
        return {}
    if isinstance(expected, Mapping):
        shape = installed.operation(operation).input_shape
        problems = list(violations(shape, _replace_matchers(expected, ANY), "", absent=ANY))
    else:
        problems = [f"a dict is needed, or None for any call, not {show(expected)}"]
    return {f"{call}: invalid expected_params{_id_hint(problems)}:": problems}


def _id_hint(problems: list[str]) -> str:
    about_ids = any(line.endswith(f"does not match {ID_PATTERN}") for line in problems)
    return " (dx.job_id('label') makes a valid id)" if about_ids else ""


_PLAIN: Final = (str, bytes, int, float, datetime.datetime, type(None))


def _replace_matchers(value: object, any_: object) -> object:
    """Replace each object that only compares itself, such as ``mock.ANY``, by botocore's ANY."""
    if isinstance(value, dict):
        return {name: _replace_matchers(part, any_) for name, part in value.items()}
    if isinstance(value, list):
        return [_replace_matchers(element, any_) for element in value]
    return value if isinstance(value, _PLAIN) else any_
