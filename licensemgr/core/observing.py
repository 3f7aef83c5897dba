"""Each request is counted, timed and logged in one line, and has an id that all its lines bear."""

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, HttpResponse

from licensemgr.core import logs, metrics
from licensemgr.core.proxies import PROBES

_log = logging.getLogger("licensemgr.requests")
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class ObservingMiddleware:
    """After the proxy's headers were looked at, and static files were served, which nobody counts.

    An id that the trusted proxy gave stays, so that both logs tell of one request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        said = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = said if _ID.fullmatch(said) else uuid.uuid4().hex
        queries = metrics.CountedQueries()
        begun = time.perf_counter()
        with logs.answering(request, request_id), connection.execute_wrapper(queries):
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            if request.path not in PROBES:
                _observe(request, response.status_code, time.perf_counter() - begun, queries)
        return response


def _observe(request: HttpRequest, status: int, seconds: float, queries: metrics.CountedQueries) -> None:
    """Count and log a request that was answered."""
    route = logs.route_of(request)
    # A client can invent methods; each would be a series of its own.
    method = request.method if request.method in _METHODS else "other"
    metrics.REQUESTS.labels(method, route, str(status)).inc()
    metrics.REQUEST_SECONDS.labels(route).observe(seconds)
    metrics.REQUEST_QUERIES.observe(queries.count)
    metrics.QUERIES.inc(queries.count)
    metrics.QUERY_SECONDS.inc(queries.seconds)
    facts = {"status": status, "milliseconds": round(seconds * 1000), "queries": queries.count}
    _log.info("%s /%s", method, route, extra={"facts": facts})
