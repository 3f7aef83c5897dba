"""The answer to a call of the API that fails: problem details (RFC 9457) in place of a page."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.defaults import bad_request, page_not_found, server_error

API_ROOT = "/api/"
_TYPE = "urn:license-manager:problem:"


def is_call(request: HttpRequest) -> bool:
    """Whether a program calls the API, rather than a person looking at its description."""
    return request.path.startswith(API_ROOT) and request.path != reverse("api_document")


def problem(slug: str, status: int, detail: str, **members: Any) -> JsonResponse:
    """A problem of the type ``slug``, which never changes; ``detail`` is the sentence for people."""
    content = {
        "type": f"{_TYPE}{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        **members,
    }
    response = JsonResponse(content, status=status, content_type="application/problem+json")
    response["Cache-Control"] = "no-store"
    return response


def standing_answer(request: HttpRequest, status: int) -> HttpResponse:
    """What the portal says of itself: its page of that status, or a problem where the API was called."""
    if not request.path.startswith(API_ROOT):
        return render(request, f"{status}.html", status=status)
    slug, detail = {
        400: ("bad-request", _("The request can't be read. Nothing was changed.")),
        404: ("not-found", _("There is nothing at this address. Nothing was changed.")),
        405: ("method-not-allowed", _("This address does not take this method. Nothing was changed.")),
        413: ("too-large", _("The request is larger than anything that this address takes. Nothing was changed.")),
        500: (
            "internal-error",
            _("The portal failed. Send the request again in a minute; what was done is not done twice."),
        ),
        503: ("maintenance", _("The portal is being maintained. Nothing was changed. Send the request again later.")),
    }[status]
    return problem(slug, status, detail)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return standing_answer(request, 404) if request.path.startswith(API_ROOT) else page_not_found(request, exception)


def bad_request_answered(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a host name that is not the portal's, a path that can't be read."""
    return standing_answer(request, 400) if request.path.startswith(API_ROOT) else bad_request(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    """Django's handler500; the page is drawn without context processors, one of which may be what failed."""
    if request.path.startswith(API_ROOT):
        return standing_answer(request, 500)
    return server_error(request)
