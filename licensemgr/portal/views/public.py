"""Pages that anybody may see."""

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_GET
from redis.exceptions import RedisError

from licensemgr.core import signing_keys
from licensemgr.portal import resellers
from products.answers import page


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the web process answers."""
    return HttpResponse("ok", content_type="text/plain")


@require_GET
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether the portal can do its work: its database, its cache, a key to sign with. 503 names what fails, and no more."""
    found = {"database": _is_database_there(), "cache": _is_cache_there()}
    found["signing key"] = found["database"] and _is_signing_key_there()
    answers = {name: "ok" if is_there else "failed" for name, is_there in found.items()}
    return JsonResponse(answers, status=200 if all(found.values()) else 503)


def _is_database_there() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _is_cache_there() -> bool:
    try:
        cache.set("readyz", "ok", timeout=10)
        return bool(cache.get("readyz") == "ok")
    except (DatabaseError, RedisError, OSError):
        return False


def _is_signing_key_there() -> bool:
    try:
        signing_keys.current_key()
    except (signing_keys.NoSigningKey, DatabaseError):
        return False
    return True


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
