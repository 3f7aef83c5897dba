"""What no form can mean is refused before any view sees it."""

from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from licensemgr.core.uploads import is_streamed


class BadInputMiddleware:
    """Answers 400 to text that no database can hold (NUL, lone surrogates) in path, query or form.

    The body of an upload that its view streams is left to that view (licensemgr/core/uploads.py).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _is_storable(request.path) or not all(_is_storable(text) for text in _texts(request)):
            return render(request, "400.html", status=400)
        return self.get_response(request)


def _texts(request: HttpRequest) -> list[str]:
    texts = [part for key, values in request.GET.lists() for part in (key, *map(str, values))]
    if (
        request.method == "POST"
        and request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}
        and not is_streamed(request)
    ):
        try:
            texts += [part for key, values in request.POST.lists() for part in (key, *map(str, values))]
        except (RequestDataTooBig, TooManyFieldsSent):
            # Django's own handler answers these with 4xx when the view's form is read.
            return ["\0"]
    return texts


def _is_storable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
