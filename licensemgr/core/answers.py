"""How the portal's views answer: page or fragment, redirect after a change."""

import inspect
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page."""
    htmx: HtmxDetails = getattr(request, "htmx")  # noqa: B009 - set by django-htmx's middleware, unknown to the type
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """``app/name.html``, or its fragment ``app/_name.html`` where htmx asks for it."""
    if wants_fragment(request):
        folder, _slash, name = template.rpartition("/")
        template = f"{folder}/_{name}"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def done(request: HttpRequest, url_name: str, *arguments: object) -> HttpResponse:
    """303 to the page that shows what was done; htmx is told to load it whole."""
    response = redirect(url_name, *arguments)
    if wants_fragment(request):
        return HttpResponseClientRedirect(response.url)
    response.status_code = 303
    return response


def page_at(url: str) -> str:
    """The page at one of the portal's addresses: that very one, or, where it only takes forms, the nearest page above it."""
    parts = urlsplit(url)
    path = parts.path
    if _shows_a_page(path) is not False:
        return url
    while path != "/" and not _shows_a_page(path):
        path = path.rstrip("/").rpartition("/")[0] + "/"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _shows_a_page(path: str) -> bool | None:
    """Whether the view at a path takes GET; None where there is no view."""
    try:
        view: Any = resolve(path).func
    except Resolver404:
        return None
    while view is not None:
        # What django.views.decorators.http was told.
        methods = (
            inspect.getclosurevars(view).nonlocals.get("request_method_list") if inspect.isfunction(view) else None
        )
        if methods is not None:
            return "GET" in methods
        view = getattr(view, "__wrapped__", None)
    return True
