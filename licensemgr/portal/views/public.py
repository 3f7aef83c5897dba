"""Pages that anybody may see."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from licensemgr.portal import resellers
from products.answers import page


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the web process answers."""
    return HttpResponse("ok", content_type="text/plain")


@require_GET
def where_to_buy(request: HttpRequest) -> HttpResponse:
    """Resellers and system integrators by country, searched by country, place, name or product."""
    country = request.GET.get("country", "").strip().upper()
    search = request.GET.get("search", "").strip()[:100]
    known = country in resellers.COUNTRIES
    groups = resellers.by_country(country=country if known else "", search=search)
    context = {
        "groups": groups,
        "found": sum(len(group.resellers) for group in groups),
        "countries": sorted(resellers.COUNTRIES.items(), key=lambda item: str(item[1])),
        "country": country if known else "",
        "unknown_country": bool(country) and not known,
        "search": search,
    }
    return page(request, "portal/where_to_buy.html", context)
