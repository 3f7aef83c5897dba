"""Pages that anybody may see."""

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_safe

from licensemgr.core import signing_keys
from licensemgr.core.answers import page, wants_fragment
from licensemgr.core.countries import countries, country_name
from licensemgr.core.lists import keyed_page
from licensemgr.portal.buying import Question, query_for_town, read_question
from licensemgr.portal.mapping import map_of
from licensemgr.portal.reseller_columns import RESELLERS, reseller_columns
from organizations.own_lists import own_list_tools
from products.models import Product, ResellerKind
from products.resellers import Listed, Search, as_listed, find_resellers, listed_resellers
from products.towns import largest_town, suggest_towns

_RESELLERS_PER_PAGE = 25
# With a single letter half of the list would be suggested.
_SUGGEST_FROM = 2


@require_GET
@cache_control(public=True, max_age=300)
def jwks(request: HttpRequest) -> HttpResponse:
    """The public keys of license files: former ones, the one that signs now, and the next (RFC 7517)."""
    return JsonResponse({"keys": signing_keys.public_keys()}, content_type="application/jwk-set+json")


@require_GET
@cache_control(public=True, max_age=3600)
def schema(request: HttpRequest, name: str) -> HttpResponse:
    """A JSON Schema of the published formats, as it stands in docs/schemas."""
    path = settings.BASE_DIR / "docs" / "schemas" / f"{name}.json"
    if not path.is_file():
        raise Http404
    return HttpResponse(path.read_bytes(), content_type="application/schema+json")


@require_safe
def where_to_buy(request: HttpRequest) -> HttpResponse:
    """Resellers and system integrators, the nearest first where a town or a position is chosen."""
    asked = read_question(request, request.GET)
    search = find_resellers(asked.wanted)
    chosen = keyed_page(search.found, lambda found: str(found.pk), request.GET, _RESELLERS_PER_PAGE)
    listed = as_listed(chosen.rows)
    context = {
        "asked": asked,
        "country_name": country_name(asked.country),
        "countries": countries(),
        "kinds": ResellerKind.choices,
        "products": Product.objects.all(),
        "choices": [(town, query_for_town(request.GET, town)) for town in asked.place.others],
        "list": chosen,
        "listed": listed,
        "map": map_of(listed, chosen.first_number, asked.place.near),
        "nearer_abroad": next(iter(as_listed([search.nearer_abroad] if search.nearer_abroad else [])), None),
        "tools": own_list_tools(
            request,
            RESELLERS,
            reseller_columns(asked),
            page_url=reverse("where_to_buy"),
            asked=asked.query,
            sort=asked.sorted_by,
        ),
        **_instead(request, asked, search),
    }
    return page(request, "portal/where_to_buy.html", context)


def _instead(request: HttpRequest, asked: Question, search: Search) -> dict[str, Any]:
    """What to do where nobody was found: look in all countries, drop the filters, or wait for the first to be listed."""
    if search.found:
        return {}
    elsewhere = bool(asked.country) and bool(find_resellers(replace(asked.wanted, country="")).found)
    town = largest_town(asked.country) if elsewhere and asked.place.near is None else None
    return {"elsewhere": elsewhere, "elsewhere_town": town, "nobody_listed": not listed_resellers().exists()}


@require_safe
def where_to_buy_towns(request: HttpRequest) -> HttpResponse:
    """Towns that begin with what is being typed, as links; without htmx the page itself finds the town."""
    if not wants_fragment(request):
        return redirect(f"{reverse('where_to_buy')}?{request.GET.urlencode()}")
    text = request.GET.get("place", "").strip()[:100]
    towns = suggest_towns(text, country=request.GET.get("country", "")) if len(text) >= _SUGGEST_FROM else []
    context = {"choices": [(town, query_for_town(request.GET, town)) for town in towns], "typed": text}
    return render(request, "portal/_where_to_buy_towns.html", context)


@require_safe
def where_to_buy_details(request: HttpRequest, reseller: int) -> HttpResponse:
    """One reseller: address, phone, web, mail, products; the way back keeps what was searched for."""
    found = get_object_or_404(listed_resellers().prefetch_related("products"), pk=reseller)
    asked = read_question(request, request.GET)
    near, km = asked.place.near, None
    if near is not None and found.latitude is not None and found.longitude is not None:
        km = near.km_to(found.latitude, found.longitude)
    return render(request, "portal/where_to_buy_details.html", {"asked": asked, "listed": Listed(found, km)})
