"""Views that read an upload by themselves, as it comes, and not as a form in memory or a file on disk."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt, csrf_protect

View = Callable[..., HttpResponse]


def streams_upload(prepare: Callable[[HttpRequest], None]) -> Callable[[View], View]:
    """Let ``prepare`` say who may send something and set the request's upload handlers, before any of the body is read.

    Only then is the body read, and the form's token looked at; middleware leaves the body alone.
    """

    def decorate(view: View) -> View:
        protected = csrf_protect(view)

        @wraps(view)
        def prepared(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
            prepare(request)
            return protected(request, *args, **options)

        exempt: View = csrf_exempt(prepared)
        vars(exempt)["streams_upload"] = True
        return exempt

    return decorate


def is_streamed(request: HttpRequest) -> bool:
    """Whether the request goes to a view that reads its upload by itself."""
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return False
    return getattr(view, "streams_upload", False) is True
