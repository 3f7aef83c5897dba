"""allauth's pages answer as the portal's own do."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse


class RefusedFormsMiddleware:
    """A form below accounts/ that is refused is answered with 422, as everywhere in the portal; allauth says 200."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_template_response(self, request: HttpRequest, response: TemplateResponse) -> TemplateResponse:
        """Called before the page is rendered, when its form is still at hand."""
        form = (response.context_data or {}).get("form")
        if (
            request.method == "POST"
            and form is not None
            and form.errors
            and request.path.startswith(reverse("account"))
        ):
            response.status_code = 422
        return response
