"""The API itself: its routers, its errors, its document."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.operation import Operation

from licensemgr.api import problems, shop, systems
from licensemgr.api.bodies import StrictParser
from licensemgr.api.doors import ShopBearer

_PROBLEM_SCHEMAS = {f"#/components/schemas/{name.__name__}" for name in (problems.Problem, shop.ProblemOfKeys)}


class _Api(NinjaAPI):
    """The library's API, of whose answers no cache keeps any."""

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        response = super().create_temporal_response(request)
        response["Cache-Control"] = "no-store"
        return response

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The name of its address: programs that are made from the document name their functions so."""
        return operation.url_name


# No documentation page of the library's: it loads scripts from elsewhere. The portal's own is templates/api/document.html.
api = _Api(
    title="License Manager API",
    version="1",
    description="Reports and license files of systems that are online, and license keys for the vendor's shop.",
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
    parser=StrictParser(),
)
problems.handle_errors(api)
api.add_router("", systems.router)
api.add_router("", shop.router)


def operations() -> Iterator[Operation]:
    """Every operation of the API."""
    for router in api._get_bound_routers():
        for view in router.path_operations.values():
            yield from view.operations


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    made = dict(api.get_openapi_schema(path_prefix="/api/v1/"))
    scopes = {
        api.get_openapi_operation_id(each): door.scope
        for each in operations()
        for door in each.auth_callbacks
        if isinstance(door, ShopBearer)
    }
    for methods in made["paths"].values():
        for described in methods.values():
            described["responses"] = {str(status): answer for status, answer in described["responses"].items()}
            for answer in described["responses"].values():
                _as_problem(answer)
            if described["operationId"] in scopes:
                described["security"] = [{ShopBearer.__name__: [scopes[described["operationId"]].value]}]
    return made


def _as_problem(answer: dict[str, Any]) -> None:
    """Names the type in which problems come, which the library takes for the one of every other answer."""
    content = answer.get("content", {})
    if content.get("application/json", {}).get("schema", {}).get("$ref") in _PROBLEM_SCHEMAS:
        content["application/problem+json"] = content.pop("application/json")


@require_safe
def openapi(request: HttpRequest) -> JsonResponse:
    """The OpenAPI document, for programs."""
    return JsonResponse(document())
