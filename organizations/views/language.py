"""The language of the pages, chosen by anybody: kept with the account, and in a cookie for whoever has none."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from licensemgr.core.answers import page_at
from organizations import accounts
from organizations.models import User


@require_POST
@never_cache
def choose_language(request: HttpRequest) -> HttpResponse:
    """Take the language, and go back to the page on which it was chosen; "" leaves it to the browser.

    What is no language of the portal changes nothing: the page's list has only those.
    """
    language = request.POST.get("language", "")
    response = HttpResponseRedirect(_page_before(request), status=303)
    if language and (language not in dict(settings.LANGUAGES) or not check_for_language(language)):
        return response
    if isinstance(request.user, User):
        accounts.choose_language(user=request.user, language=language)
    if language:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite="Lax",
        )
    else:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
    return response


def _page_before(request: HttpRequest) -> str:
    """The page that the browser says it comes from, since scripts may have moved on from the one that was loaded; or that one.

    A form that was refused has an address at which nothing is shown, so it leads to the page of that form.
    """
    for url in (request.headers.get("Referer", ""), request.POST.get("next", "")):
        if url and url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure()):
            return page_at(url)
    return "/"
