"""An answer for any operation, made from the service model and the request, where a test names none.

What the request says (ids, a comment, whether a revision is finalized) the answer says again; the rest is
an example. Nothing is remembered: the next call knows nothing of this one.
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
    """A valid answer to a call with these parameters.

    Raises:
        Refused: The service would not take them.
    """
    shape = installed.operation(operation).output_shape
    if shape is None:
        return {}
    if operation == "CreateJob":
        return job_from_request(installed, params, region, account_id, now())
    if operation == "GetJob":
        if problem := validate_job_id(params["JobId"]):
            raise ServiceRefusal("ValidationException", f"JobId {show(params['JobId'])} {problem}")
        return _job({"Id": params["JobId"]}, region, account_id)
    if operation == "ListJobs":
        return {"Jobs": [_job({}, region, account_id)]}
    moment = truncate_to_milliseconds(now())
    value: dict[str, Any] = example_builder(shape)(
        ExampleContext(
            region=region,
            account_id=account_id,
            data_set_id=params.get("DataSetId") or next_id(),
            revision_id=params.get("RevisionId") or next_id(),
            asset_id=params.get("AssetId") or next_id(),
            at=moment,
            url_expires_at=moment,
        )
    )
    noun = re.sub("^[A-Z][a-z]+(Received)?", "", operation)
    given = params.get(f"{noun}Arn") or params.get(f"{noun}Id")
    uri = installed.operation(operation).http["requestUri"].removesuffix("/revoke")
    arn = f"arn:aws:dataexchange:{region}:{account_id}:{_filled(uri, params)}"
    for resource in _resources(value):
        _settle(resource, arn, given, revoked=operation.startswith("Revoke"))
    if "payload" not in shape.serialization:
        value.update({name: copy.deepcopy(part) for name, part in params.items() if name in value})
    return value


def _job(members: dict[str, object], region: str, account_id: str) -> dict[str, Any]:
    return build_job(
        "add_response", "EXPORT_ASSETS_TO_S3", "COMPLETED", members, region, account_id
    )


def _filled(uri: str, params: Mapping[str, Any]) -> str:
    """The path of a request without its version, which is how an ARN ends, too."""
    path = re.sub(r"{(\w+)\+?}", lambda match: str(params[match[1]]), uri)
    return path.removeprefix("/v1/").removeprefix("received-")


def _resources(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer itself, and the entries of its lists."""
    entries = [part for part in value.values() if isinstance(part, list)]
    return [value, *(entry for part in entries for entry in part if isinstance(entry, dict))]


def _settle(resource: dict[str, Any], path: str, given: str | None, *, revoked: bool) -> None:
    """Fit the members of a resource to each other; ``given`` is the id or the ARN that the request has."""
    named = given is not None and given.startswith("arn:")
    identifier = given.rpartition("/")[2] if given is not None else next_id()
    if "Id" in resource:
        resource["Id"] = identifier
    if "Arn" in resource:
        whole = path if path.endswith(f"/{given}") else f"{path}/{identifier}"
        resource["Arn"] = given if named else whole
    for name in documented.UNUSUAL_MEMBERS.intersection(resource):
        if not (revoked and name in documented.REVOCATION_MEMBERS):
            del resource[name]
    for name, part in resource.items():
        if part is True and name != "Revoked":
            resource[name] = False
    kind = str(resource.get("AssetType", "")).replace("_", "") + "ASSET"
    details = resource.get("AssetDetails")
    if isinstance(details, dict):
        resource["AssetDetails"] = {
            name: part for name, part in details.items() if name.upper() == kind
        }
