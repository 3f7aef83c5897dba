"""What load balancers and monitoring ask: whether the process answers, whether it can work, what it counted."""

import hmac
import os
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST
from redis import Redis
from redis.exceptions import RedisError

from licensemgr.core import pulses, signing_keys
from licensemgr.portal.metering import exposition
from licensemgr.portal.tasks import RUN_DAILY

# Who asks whether the portal is ready does not wait long for an answer.
_BROKER_SECONDS = 2


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the web process answers."""
    return HttpResponse("ok", content_type="text/plain")


@require_GET
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether the portal can do its work: its database, cache, queue, and a key to sign with. 503 names what fails, and no more.

    It also says how many minutes ago the daily job last ran through (null: never). However long that is, pages are right without it
    (R2), so it makes nobody unready.
    """
    found = {"database": _is_database_there(), "cache": _is_cache_there(), "broker": _is_broker_there()}
    found["signing key"] = found["database"] and _is_signing_key_there()
    answers: dict[str, str | int | None] = {name: "ok" if is_there else "failed" for name, is_there in found.items()}
    answers["minutes since the daily run"] = _minutes_since_daily_run() if found["database"] else None
    return JsonResponse(answers, status=200 if all(found.values()) else 503)


@require_GET
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """What is counted, for Prometheus, which bears settings.METRICS_TOKEN. For everybody else there is no such page."""
    said = request.headers.get("Authorization", "").encode()
    if not settings.METRICS_TOKEN or not hmac.compare_digest(said, f"Bearer {settings.METRICS_TOKEN}".encode()):
        raise Http404
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


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


def _is_broker_there() -> bool:
    if not settings.REDIS_URL:
        folder = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"])
        return os.access(folder, os.W_OK | os.X_OK)
    try:
        with Redis.from_url(
            settings.CELERY_BROKER_URL, socket_connect_timeout=_BROKER_SECONDS, socket_timeout=_BROKER_SECONDS
        ) as broker:
            return bool(broker.ping())
    except (RedisError, OSError, ValueError):
        return False


def _is_signing_key_there() -> bool:
    try:
        signing_keys.current_key()
    except (signing_keys.NoSigningKey, DatabaseError):
        return False
    return True


def _minutes_since_daily_run() -> int | None:
    since = pulses.since_success(RUN_DAILY)
    return None if since is None else max(0, int(since / timedelta(minutes=1)))
