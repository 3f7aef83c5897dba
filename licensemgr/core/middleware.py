"""What every request meets before any view: a language, maintenance, a limit to its body, and text that no database can hold."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation

from licensemgr.core.problems import API_ROOT, is_call, standing_answer
from licensemgr.core.uploads import is_streamed

Answer = Callable[[HttpRequest], HttpResponse]
# What a browser is told to wait before it asks again.
_MAINTENANCE_SECONDS = 600
_TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class ReadersLanguageMiddleware(LocaleMiddleware):
    """The language of a visitor's choice, else of the browser. Programs that call the API are always answered in English.

    What a problem says is part of a contract that people search for; its pages for people are like all others.
    """

    def process_request(self, request: HttpRequest) -> None:
        if is_call(request):
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.LANGUAGE_CODE
        else:
            super().process_request(request)


class MaintenanceMiddleware:
    """While settings.MAINTENANCE is on, every page but /healthz and /metrics answers 503; static files are served before it."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.MAINTENANCE or request.path in (reverse("healthz"), reverse("metrics")):
            return self.get_response(request)
        response = standing_answer(request, 503)
        response["Retry-After"] = str(_MAINTENANCE_SECONDS)
        response["Cache-Control"] = "no-store"
        return response


class CompressedPagesMiddleware(GZipMiddleware):
    """Compresses pages, so that they arrive sooner; nothing else, since files are compressed already or of the API.

    Who can see how long an answer is could guess at what stands in a compressed page (BREACH). What there is to guess is kept
    out of it: the token of a form is masked anew in each answer, Django adds up to 100 random bytes, another site's request
    comes without the session's cookie (SameSite), and a page that shows a secret says ``no-store`` and is left as it is.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The answer, compressed if it is a page that may be."""
        if (
            response.streaming
            or not response.get("Content-Type", "").startswith("text/html")
            or "no-store" in response.get("Cache-Control", "")
        ):
            return response
        return super().process_response(request, response)


class StandingPagesMiddleware:
    """Gives a page to the answers that Django leaves empty: 405. So does the API, in its own form."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and (not response.content or request.path.startswith(API_ROOT)):
            answer = standing_answer(request, 405)
            answer["Allow"] = response["Allow"]
            return answer
        return response


class BadInputMiddleware:
    """Answers what no view could make sense of, before any of them sees it.

    413 to a body that is larger than any form or file of the portal; 400 to text that no database can hold (NUL, lone
    surrogates) in path, query or form. The body of an upload that its view streams is left to that view (core/uploads.py).
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _body_length(request) > settings.REQUEST_BODY_MAX_BYTES and not is_streamed(request):
            return standing_answer(request, 413)
        try:
            texts = _texts(request)
        except _TOO_LARGE:
            return standing_answer(request, 413)
        if not _is_storable(request.path) or not all(map(_is_storable, texts)):
            return standing_answer(request, 400)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A body that is no form is read by its view alone, which finds out only then that it is too large."""
        return standing_answer(request, 413) if isinstance(exception, _TOO_LARGE) else None


def _body_length(request: HttpRequest) -> int:
    """What the request says of its body's length; that much and no more of it is ever read."""
    length = str(request.META.get("CONTENT_LENGTH") or "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


def _texts(request: HttpRequest) -> list[str]:
    texts = [part for key, values in request.GET.lists() for part in (key, *map(str, values))]
    # The API takes no forms, and reads bodies by itself: what was read here it could not read any more.
    is_read_here = not is_streamed(request) and not request.path.startswith(API_ROOT)
    if request.method == "POST" and request.content_type in _FORMS and is_read_here:
        texts += [part for key, values in request.POST.lists() for part in (key, *map(str, values))]
    return texts


def _is_storable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
