"""The API itself: its routers, its errors, its document."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from ninja import NinjaAPI

from licensemgr.api import problems, systems

# No documentation page of the library's: it loads scripts from elsewhere. The portal's own is templates/api/document.html.
api = NinjaAPI(
    title="License Manager API",
    version="1",
    description="Reports and license files of systems that are online, and license keys for the vendor's shop.",
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
)
problems.handle_errors(api)
api.add_router("", systems.router)


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return dict(api.get_openapi_schema(path_prefix="/api/v1/"))


def openapi(request: HttpRequest) -> JsonResponse:
    """The OpenAPI document, for programs."""
    return JsonResponse(document())
