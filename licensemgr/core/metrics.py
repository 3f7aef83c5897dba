"""What this process counts, for Prometheus; several processes of one web server add up (gunicorn.conf.py).

What stands in the database is not counted but looked at when somebody asks (portal/metering.py).
"""

import os
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("license_manager_requests", "Requests that were answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "license_manager_request_seconds",
    "How long requests took, in seconds.",
    ["route"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
REQUEST_QUERIES = Histogram(
    "license_manager_request_queries",
    "How many queries requests made.",
    buckets=(0, 5, 10, 20, 40, 80, 160, 320),
)
QUERIES = Counter("license_manager_queries", "Queries that requests made.")
QUERY_SECONDS = Counter("license_manager_query_seconds", "How long the queries of requests took, in seconds.")
MOVED = Counter(
    "license_manager_licenses_moved",
    "Licenses that moved in the ledger, by the reason: redeemed, allocated, compensated, expanded, expired …",
    ["reason"],
)
REFUSED = Counter(
    "license_manager_refused", "What a rule refused, by the refusal's code; previews count, too.", ["code"]
)
REPLICA_READS = Counter(
    "license_manager_replica_reads",
    "Where History and exports were read: on the replica, or on the primary since the replica was behind or down.",
    ["outcome"],
)


class CountedQueries:
    """Counts the queries of one request, as a wrapper of the connection's execution."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.count += 1
            self.seconds += time.perf_counter() - begun


def registry() -> CollectorRegistry:
    """What all processes of this web server counted, added up."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
