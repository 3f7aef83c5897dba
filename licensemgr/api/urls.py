"""The API's addresses."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from licensemgr.api import pages, site


def _reading_its_body(pattern: URLPattern | URLResolver) -> URLPattern | URLResolver:
    """The address of reports takes more than a form, and reads it by itself (core/uploads.py)."""
    if not isinstance(pattern, URLPattern) or pattern.name != "report":
        return pattern
    view = pattern.callback

    def streamed(request: HttpRequest) -> HttpResponse:
        answer: HttpResponse = view(request)
        return answer

    # There is no form and no session here: the report is signed.
    vars(streamed).update(streams_upload=True, csrf_exempt=True)
    pattern.callback = streamed
    return pattern


_patterns, _app_name, _namespace = site.api.urls

# The library's own root answers nothing: the document is shown there.
_operations = [_reading_its_body(pattern) for pattern in _patterns if getattr(pattern, "name", None) != "api-root"]

urlpatterns = [
    path("", pages.document_page, name="api_document"),
    path("openapi.json", site.openapi, name="openapi"),
    path("", (_operations, _app_name, _namespace)),
]
