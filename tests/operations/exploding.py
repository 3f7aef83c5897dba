"""A middleware that fails with everything that the request brought in its message, as the worst of all errors would."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse


class ExplodingMiddleware:
    """Stands last, and fails where a view would begin."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        headers = {name: value for name, value in request.META.items() if name.startswith("HTTP_")}
        form = dict(request.POST.lists()) if request.content_type != "application/jose+json" else {}
        raise RuntimeError(f"{request.get_full_path()} {kwargs} {form} {request.COOKIES} {headers}")
