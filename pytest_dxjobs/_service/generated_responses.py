"""A valid response to any operation, generated from the service model and the request.

It repeats what the request says, such as ids and a comment; the rest are examples. No state is kept
between calls.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from pytest_dxjobs._core.errors import ServiceRefusal
from pytest_dxjobs._core.ids import next_id
from pytest_dxjobs._core.messages import show
from pytest_dxjobs._core.timeutils import now, truncate_to_milliseconds
from pytest_dxjobs._jobs.creation import job_from_request
from pytest_dxjobs._jobs.example_values import ExampleContext, example_builder
from pytest_dxjobs._jobs.factory import build_job
from pytest_dxjobs._model import documented
from pytest_dxjobs._model.formats import validate_job_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_dxjobs._model.service_model import Model


def generate_response(
    installed: Model, operation: str, params: Mapping[str, Any], region: str, account_id: str
) -> dict[str, Any]:
    """Return a valid response to a call with these parameters.

    Raises:
        ServiceRefusal: The service would reject them.
    """
    shape = installed.operation(operation).output_shape
    if shape is None:
        return {}
    if installed.describes_job(shape):
        if "JobId" not in params:
            return job_from_request(installed, params, region, account_id, now())
        if problem := validate_job_id(params["JobId"]):
            raise ServiceRefusal("ValidationException", f"JobId {show(params['JobId'])} {problem}")
        return _job({"Id": params["JobId"]}, region, account_id)
    for name, member in shape.members.items():
        if member.type_name == "list" and installed.describes_job(member.member):
            return {name: [_job({}, region, account_id)]}
    at = truncate_to_milliseconds(now())
    response: dict[str, Any] = example_builder(shape)(
        ExampleContext(
            region=region,
            account_id=account_id,
            data_set_id=params.get("DataSetId") or next_id(),
            revision_id=params.get("RevisionId") or next_id(),
            asset_id=params.get("AssetId") or next_id(),
            at=at,
            url_expires_at=at,
        )
    )
    noun = re.sub("^[A-Z][a-z]+(Received)?", "", operation)
    given = params.get(f"{noun}Arn") or params.get(f"{noun}Id")
    uri = installed.operation(operation).http["requestUri"].removesuffix("/revoke")
    arn = f"arn:aws:dataexchange:{region}:{account_id}:{_resource_path(uri, params)}"
    for resource in _resources(response):
        _make_coherent(resource, arn, given, revoked=operation.startswith("Revoke"))
    if "payload" not in shape.serialization:
        response |= {name: copy.deepcopy(params[name]) for name in params if name in response}
    return response


def _job(members: dict[str, object], region: str, account_id: str) -> dict[str, Any]:
    return build_job("add_response", "EXPORT_ASSETS_TO_S3", "COMPLETED", members, region, account_id)


def _resource_path(uri: str, params: Mapping[str, Any]) -> str:
    """Return the path of a request as an ARN has it: with its parameters, without the version."""
    path = re.sub(r"{(\w+)\+?}", lambda match: str(params[match[1]]), uri)
    return path.removeprefix("/v1/").removeprefix("received-")


def _resources(response: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the response itself and the entries of its lists."""
    lists = [member for member in response.values() if isinstance(member, list)]
    return [response, *(entry for each in lists for entry in each if isinstance(entry, dict))]


def _make_coherent(resource: dict[str, Any], arn: str, given: str | None, *, revoked: bool) -> None:
    """Fit the members of a resource to each other and to ``given``, the id or ARN in the request."""
    identifier = next_id() if given is None else given.rpartition("/")[2]
    if "Id" in resource:
        resource["Id"] = identifier
    if "Arn" in resource:
        own_arn = arn if arn.endswith(f"/{given}") else f"{arn}/{identifier}"
        resource["Arn"] = given if given is not None and given.startswith("arn:") else own_arn
    for name in documented.UNUSUAL_MEMBERS.intersection(resource):
        if not (revoked and name in documented.REVOCATION_MEMBERS):
            del resource[name]
    for name, member in resource.items():
        if member is True and name != "Revoked":
            resource[name] = False
    details_name = str(resource.get("AssetType", "")).replace("_", "") + "ASSET"
    details = resource.get("AssetDetails")
    if isinstance(details, dict):
        resource["AssetDetails"] = {name: member for name, member in details.items() if name.upper() == details_name}
