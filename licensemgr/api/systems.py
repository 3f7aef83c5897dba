"""Calls of systems that are online: the very same document as an upload, and the latest license file (R28, R29)."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from ninja import Router, Schema
from ninja.params.functions import Header

from hardware.calling import Answer, latest_license, report_online
from licensemgr.api.problems import Problem
from licensemgr.core.places import client_address
from licensemgr.core.problems import problem, standing_answer
from licensemgr.core.signed import MAXIMUM_BYTES

router = Router(tags=["Systems"])
DOCUMENT = "application/jose+json"


class Standing(Schema):
    """Why there is no license file now, or what waits for a decision."""

    status: str
    sentence: str


class SignedFile(Schema):
    """A JWS in flattened JSON: a system file (docs/formats.md) or a license file."""

    payload: str
    protected: str
    signature: str


_FILE = {
    "description": "The license file, byte for byte as it was signed.",
    "content": {DOCUMENT: {"schema": {"type": "string"}}},
}
_FILE_OR_STANDING = {
    "description": "The license file, byte for byte as it was signed; or, where there is none now, why.",
    "content": {
        DOCUMENT: {"schema": SignedFile.model_json_schema()},
        "application/json": {"schema": Standing.model_json_schema()},
    },
}


def _respond(found: Answer) -> HttpResponse:
    if found.license_file is not None:
        response = HttpResponse(found.license_file, content_type=DOCUMENT)
    else:
        response = JsonResponse(
            {"status": found.status, "sentence": found.sentence}, status=202 if found.is_held else 200
        )
    response["Cache-Control"] = "no-store"
    return response


@router.post(
    "/reports",
    url_name="report",
    summary="Report the system's devices and get its license file",
    response={
        202: Standing,
        400: Problem,
        401: Problem,
        403: Problem,
        409: Problem,
        411: Problem,
        413: Problem,
        415: Problem,
        422: Problem,
        429: Problem,
        503: Problem,
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "A signed system file of at most 20 MiB, as docs/formats.md describes it.",
            "content": {DOCUMENT: {"schema": SignedFile.model_json_schema()}},
        },
        "responses": {"200": _FILE_OR_STANDING},
    },
)
def report(request: HttpRequest, registration_code: str = Header("", alias="Registration-Code")) -> Any:
    """Takes the very same document as an upload, needs no confirmation, and may be sent again: one document counts once.

    A system that the portal does not know yet joins an organization by a registration code of it, sent in the header
    Registration-Code. A report under another key than the system's own is put aside (202) until an administrator decides.
    Content-Type is not looked at.
    """
    if request.headers.get("Content-Encoding", "identity") != "identity":
        return problem(
            "encoding-not-taken",
            415,
            _(
                "The body is packed (Content-Encoding), which is not taken. Nothing was changed. Send the file as it is."
            ),
        )
    if not request.headers.get("Content-Length"):
        return problem(
            "length-required",
            411,
            _("The request does not say how long its body is. Nothing was changed. Send it with Content-Length."),
        )
    document = request.read(MAXIMUM_BYTES + 1)
    if len(document) > MAXIMUM_BYTES:
        return standing_answer(request, 413)
    return _respond(report_online(document=document, code=registration_code, address=client_address(request)))


@router.get(
    "/systems/{uuid:system_id}/license",
    url_name="latest_license",
    summary="Get the system's latest license file",
    response={400: Problem, 401: Problem, 404: Problem, 429: Problem, 503: Problem},
    openapi_extra={"responses": {"200": _FILE_OR_STANDING}},
)
def license(request: HttpRequest, system_id: UUID, system_proof: str = Header("", alias="System-Proof")) -> Any:
    """Gives the license file for what the system is granted now; a new one where that changed since the last.

    The header System-Proof is a compact JWS under the system's own key, typ “system-request-v1”, kid its thumbprint, with the
    members method, url, time (UTC, at most five minutes off) and nonce (16 to 64 printable characters, new each time).
    """
    urls = {request.build_absolute_uri(), f"{settings.PORTAL_URL}{request.get_full_path()}"}
    return _respond(
        latest_license(
            system_id=system_id,
            method=str(request.method),
            urls=urls,
            request_proof=system_proof,
            address=client_address(request),
        )
    )
