"""A person's own language; signing in leads back to a page; and allauth's pages answer as the portal's own do."""

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from licensemgr.core.answers import page_at, wants_fragment
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


# Parts of pages that ask again by themselves, by their ids: whoever types meanwhile is not sent away by them.
_ASKING_BY_THEMSELVES = ("work", "work-indicator")


class SigningInMiddleware:
    """Whoever has to sign in first, since a session ended meanwhile, comes back to the page on which that was found out.

    The address of a form, or of a part of a page that htmx asks for, shows nothing by itself; and what htmx asks for is never
    replaced by the page for signing in, which is loaded whole.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_part = wants_fragment(request)
        if not response.get("Location", "").startswith(f"{reverse('account_login')}?next=") or not (
            is_part or request.method not in ("GET", "HEAD")
        ):
            return response
        htmx: HtmxDetails = getattr(request, "htmx")  # noqa: B009 - set by django-htmx's middleware, unknown to the type
        if is_part and htmx.trigger in _ASKING_BY_THEMSELVES:
            return response
        url = redirect_to_login(_page_of(request, htmx)).url
        return HttpResponseClientRedirect(url) if is_part else HttpResponseRedirect(url)


def _page_of(request: HttpRequest, htmx: HtmxDetails) -> str:
    """The page from which something was asked, as the browser says; else the one to which the address belongs."""
    said = (htmx.current_url if htmx else "") or request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(said, {request.get_host()}, require_https=request.is_secure()):
        said = request.path
    parts = urlsplit(page_at(said))
    return urlunsplit(("", "", parts.path, parts.query, ""))


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
