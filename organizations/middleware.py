"""A person's own language; and allauth's pages answer as the portal's own do."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from licensemgr.core.problems import is_call
from licensemgr.core.tenancy import Part, acting, sent_as_now


class LanguageMiddleware:
    """Who chose a language gets it, whatever the browser wants; everybody else has what was found before.

    That is the cookie of a visitor's choice, then the browser's languages. Pages differ by both, and say so to caches.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and not is_call(request):
            chosen = getattr(request.user, "language", "")
            if chosen in dict(settings.LANGUAGES):
                translation.activate(chosen)
                request.LANGUAGE_CODE = chosen
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ("Cookie",))
        return response


class StaffMiddleware:
    """What the admin site does for the vendor's staff is done in their role of the database, which sees all rows (R30)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(reverse("admin:index")) or not (
            request.user.is_active and request.user.is_staff
        ):
            return self.get_response(request)
        with acting(Part.STAFF):
            return sent_as_now(self.get_response(request))


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
