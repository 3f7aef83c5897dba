"""What Prometheus is told of the database's state: jobs, how far the books, mail and webhooks are behind (R2, R3).

Every web process tells the same; dashboards take the greatest.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models import Min
from prometheus_client import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from licensemgr.core import clock, metrics
from licensemgr.core.models import JobPulse
from licensemgr.core.tenancy import Part, acting
from licensemgr.portal.lag import mail_that_waits, webhooks_that_wait
from organizations.models import Organization


def exposition() -> bytes:
    """Everything that is counted and looked at, in Prometheus's text format."""
    state = CollectorRegistry()
    state.register(StateCollector())
    with acting(Part.UPKEEP):
        return generate_latest(metrics.registry()) + generate_latest(state)


class StateCollector(Collector):
    """Looks when it is asked: a handful of indexed queries."""

    def collect(self) -> Iterable[Metric]:
        """The metrics, each with its meaning."""
        yield from _jobs()
        yield from _books()
        yield from _waiting()


def _jobs() -> Iterator[Metric]:
    runs = CounterMetricFamily(
        "license_manager_job_runs", "Runs of jobs, by how they ended.", labels=["job", "outcome"]
    )
    success = GaugeMetricFamily(
        "license_manager_job_last_success_timestamp_seconds", "When the job last succeeded.", labels=["job"]
    )
    seconds = GaugeMetricFamily("license_manager_job_seconds", "How long the job's last run took.", labels=["job"])
    for pulse in JobPulse.objects.order_by("job"):
        runs.add_metric([pulse.job, "succeeded"], pulse.runs - pulse.failures)
        runs.add_metric([pulse.job, "failed"], pulse.failures)
        seconds.add_metric([pulse.job], pulse.seconds)
        if pulse.succeeded_at is not None:
            success.add_metric([pulse.job], pulse.succeeded_at.timestamp())
    yield from (runs, success, seconds)


def _books() -> Iterator[Metric]:
    """Days since the oldest thing became true that nobody wrote down, once that day is over everywhere on earth."""
    over = (clock.now() - timedelta(hours=12)).date()
    behind = Organization.objects.filter(next_due_on__lt=over).order_by()
    oldest = behind.aggregate(oldest=Min("next_due_on"))["oldest"]
    yield GaugeMetricFamily(
        "license_manager_settle_lag_days",
        "Days for which the oldest due thing waits to be written down.",
        value=(over - oldest).days if oldest else 0,
    )
    yield GaugeMetricFamily(
        "license_manager_organizations_behind",
        "Organizations whose books wait for the daily job.",
        value=behind.count(),
    )


def _waiting() -> Iterator[Metric]:
    mail, webhooks = mail_that_waits(), webhooks_that_wait()
    for what, waiting, oldest, given_up in (
        ("outbox", mail.waiting, mail.oldest.written_at if mail.oldest else None, mail.given_up),
        (
            "webhooks",
            webhooks.waiting,
            webhooks.oldest.event.happened_at if webhooks.oldest else None,
            webhooks.given_up,
        ),
    ):
        name = f"license_manager_{what}"
        yield GaugeMetricFamily(f"{name}_waiting", f"How many of the {what} wait.", value=waiting)
        yield GaugeMetricFamily(
            f"{name}_age_seconds", f"Age of the oldest of the {what} that waits.", value=_age(oldest)
        )
        yield GaugeMetricFamily(f"{name}_given_up", f"How many of the {what} nobody tries any more.", value=given_up)


def _age(since: datetime | None) -> float:
    return max(0.0, (clock.real_now() - since).total_seconds()) if since else 0.0
