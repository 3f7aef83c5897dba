"""Errors of the API as RFC 9457 problem details: a stable type, a title, a sentence, and what a client can act on."""

import logging
from dataclasses import asdict
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from ninja import Field, NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

from hardware.errors import ProofRefused
from licensemgr.core import clock
from licensemgr.core.errors import Busy, Refused, TooManyCalls
from licensemgr.core.problems import problem
from licensemgr.core.signed import DocumentRefused
from licensemgr.shop.errors import OfKeys

# A thousand ids can be wrong at once.
_PLACES_TOLD = 50

_log = logging.getLogger(__name__)


class Place(Schema):
    """Where in a request something is wrong."""

    place: str
    what: str


class Problem(Schema):
    """Why a call was refused (RFC 9457). Nothing was changed, unless the sentence says so."""

    type: str = Field(description="The kind of problem. It never changes; decide by it.")
    title: str = Field(description="The kind in a few words of English.")
    status: int
    detail: str = Field(description="A sentence for people: what happened, what was not changed, what to do now.")
    errors: list[Place] | None = Field(None, description="Where in the request, for the type invalid-request.")
    server_time: str | None = Field(None, description="The portal's time, where a signed request was refused.")


def answer(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer to a refusal."""
    if isinstance(error, DocumentRefused):
        return problem("document-refused", 422, error.sentence)
    if isinstance(error, ProofRefused):
        return problem(_slug(error), error.status, error.sentence, server_time=_now())
    if isinstance(error, Refused):
        more = {"keys": [asdict(key) for key in error.keys]} if isinstance(error, OfKeys) else {}
        response = problem(_slug(error), error.status, error.sentence, **more)
        if isinstance(error, TooManyCalls):
            response["Retry-After"] = str(error.seconds)
        elif error.status == 503:
            response["Retry-After"] = "10" if isinstance(error, Busy) else "60"
        return response
    raise error


def _slug(error: Refused) -> str:
    return error.code.replace(" ", "-").replace("_", "-")


def _now() -> str:
    return clock.real_now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    places = [
        {"place": ".".join(str(part) for part in each["loc"])[:300], "what": str(each["msg"])[:300]}
        for each in error.errors[:_PLACES_TOLD]
    ]
    return problem(
        "invalid-request",
        422,
        _(
            "The request is not as the API's document describes it. Nothing was changed. Look at “errors” for the places."
        ),
        errors=places,
    )


def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    # The library wraps what its parser raised (api/bodies.py).
    if isinstance(error.__cause__, Refused):
        return answer(request, error.__cause__)
    return problem("bad-request", error.status_code, _("The request can't be read. Nothing was changed."))


def _not_authenticated(request: HttpRequest, error: AuthenticationError) -> JsonResponse:
    response = problem(
        "token-refused",
        401,
        _(
            "The token is missing, unknown, over or revoked. Nothing was changed. Ask the staff of the portal for a new token."
        ),
    )
    response["WWW-Authenticate"] = "Bearer"
    return response


def _busy(request: HttpRequest, error: OperationalError) -> HttpResponse:
    """The database did not take the call in time."""
    _log.warning("busy: %s", error)
    return answer(request, Busy())


def handle_errors(api: NinjaAPI) -> None:
    """Let every refusal of the API answer as a problem."""
    handlers: dict[type[Exception], Any] = {
        Refused: answer,
        DocumentRefused: answer,
        ValidationError: _invalid,
        HttpError: _http,
        AuthenticationError: _not_authenticated,
        OperationalError: _busy,
    }
    for error, handler in handlers.items():
        api.add_exception_handler(error, handler)
