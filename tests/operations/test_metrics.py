"""/readyz and /metrics: what they say, to whom, and that dashboard and alerts ask only for what there is."""

import json
import re
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from licensemgr import watching
from licensemgr.celery import make_folders
from licensemgr.core import clock, mail, pulses, signing_keys
from licensemgr.core.models import JobPulse, OutboxMessage
from licensemgr.portal.metering import exposition
from licensemgr.portal.tasks import run_daily
from organizations.models import Organization
from tests import factories
from tests.conftest import FrozenClock

pytestmark = pytest.mark.django_db

TOKEN = "a-token-of-monitoring-0123456789abcdef"
DEPLOY = Path(django_settings.BASE_DIR) / "deploy"


def values() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What is told now: the value of each sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition().decode())
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float:
    return values().get((f"license_manager_{name}", tuple(sorted(labels.items()))), 0.0)


def test_nobody_sees_metrics_without_the_token(client: Client, settings: Settings) -> None:
    url = reverse("metrics")
    assert client.get(url).status_code == 404
    assert client.get(url, headers={"Authorization": "Bearer "}).status_code == 404
    settings.METRICS_TOKEN = TOKEN
    for wrong in ({}, {"Authorization": f"Bearer {TOKEN[:-1]}"}, {"Authorization": TOKEN}, {"Authorization": "é"}):
        assert client.get(url, headers=wrong).status_code == 404
    answer = client.get(url, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert b"license_manager_outbox_waiting 0.0" in answer.content
    settings.MAINTENANCE = True
    assert client.get(url, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_requests_are_counted_by_their_pattern(administrator_client: Client) -> None:
    labels = {"method": "GET", "route": "o/<slug:organization>/", "status": "200"}
    before, queries = value("requests_total", **labels), value("queries_total")
    for path in ("/o/harbour/", "/o/harbour/"):
        administrator_client.get(path)
    assert value("requests_total", **labels) == before + 2
    assert value("queries_total") > queries + 6
    before = value("requests_total", method="other", route="(no page)", status="404")
    administrator_client.generic("INVENTED", "/nowhere/")
    assert value("requests_total", method="other", route="(no page)", status="404") == before + 1
    assert not [labels for _name, labels in values() if "harbour" in str(labels)]


def test_licenses_are_counted_when_it_is_committed(
    books: factories.Books,
    frozen_clock: FrozenClock,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    redeemed, allocated = (value("licenses_moved_total", reason=reason) for reason in ("redeemed", "allocated"))
    with django_capture_on_commit_callbacks(execute=True):
        books.report(frozen_clock.today, core=4)
        books.redeem(frozen_clock.today, core=7)
        books.start(frozen_clock.today)
        books.allocate(frozen_clock.today, {"core": 4})
    assert value("licenses_moved_total", reason="redeemed") == redeemed + 7
    assert value("licenses_moved_total", reason="allocated") == allocated + 4


def test_refusals_are_counted_by_their_code(manager_client: Client, books: factories.Books) -> None:
    books.report(date(2027, 3, 1), core=4)
    before = value("refused_total", code="key mistyped")
    form = {"license_key": "nonsense", "form_token": str(uuid.uuid4())}
    answer = manager_client.post(reverse("check_license_key", args=["harbour", "camera-station"]), form)
    assert answer.status_code == 422
    assert value("refused_total", code="key mistyped") == before + 1


def _task(name: str = "portal.run_daily") -> Any:
    return type("Task", (), {"name": name})()


def _run(state: str, retval: Any = None) -> None:
    watching._before(task_id="1", task=_task())
    watching._after(task_id="1", task=_task(), state=state, retval=retval)


def test_runs_of_jobs_are_counted_by_how_they_ended() -> None:
    _run("SUCCESS")
    _run("FAILURE", RuntimeError("x"))
    _run("SUCCESS", False)
    assert value("job_runs_total", job="portal.run_daily", outcome="succeeded") == 1
    assert value("job_runs_total", job="portal.run_daily", outcome="failed") == 2
    last = value("job_last_success_timestamp_seconds", job="portal.run_daily")
    assert 0 <= clock.real_now().timestamp() - last < 600


def test_the_daily_job_says_when_it_did_not_work(
    organization: Organization, frozen_clock: FrozenClock, settings: Settings
) -> None:
    assert run_daily() is True
    settings.PRODUCTION = True
    frozen_clock.instant += timedelta(days=1000)
    assert run_daily() is False


def test_how_far_the_books_are_behind(organization: Organization, frozen_clock: FrozenClock) -> None:
    Organization.objects.update(next_due_on=frozen_clock.today)
    assert value("organizations_behind") == 0
    frozen_clock.instant += timedelta(days=3, hours=1)
    assert (value("organizations_behind"), value("settle_lag_days")) == (1, 3)


def test_how_old_the_outbox_is(organization: Organization, frozen_clock: FrozenClock) -> None:
    mail.write_message(
        reason="test",
        organization=organization,
        recipient="a@example.com",
        subject="S",
        body_text="B",
        on=frozen_clock.today,
    )
    OutboxMessage.objects.update(written_at=clock.real_now() - timedelta(hours=2))
    assert value("outbox_waiting") == 1
    assert 7190 < value("outbox_age_seconds") < 7800


def test_the_number_of_queries_does_not_grow(
    organization: Organization, other_organization: Organization, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(13):
        exposition()


def test_readiness_names_the_broker_and_the_age_of_the_daily_run(
    client: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    signing_keys.rotate()
    make_folders()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["minutes since the daily run"]) == (200, None)
    assert answer.json()["broker"] == "ok"
    pulses.note_run("portal.run_daily", seconds=1, succeeded=True)
    JobPulse.objects.update(succeeded_at=clock.real_now() - timedelta(minutes=90, seconds=5))
    # Late or not, pages are right without it: nobody is unready (R2).
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["minutes since the daily run"]) == (200, 90)

    def refuse(*args: Any, **options: Any) -> None:
        raise RedisConnectionError("redis://:secret@redis")

    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("redis.Redis.ping", refuse)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["broker"]) == (503, "failed")
    assert b"secret" not in answer.content


def _asked_for(expressions: list[str]) -> set[str]:
    return {name for expression in expressions for name in re.findall(r"license_manager_\w+", expression)}


def _there_is() -> set[str]:
    families = list(text_string_to_metric_families(exposition().decode()))
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {family.name + suffix for family in families for suffix in suffixes.get(family.type, ())}


def test_every_metric_on_the_dashboard_and_in_the_alerts_is_there() -> None:
    dashboard = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    alerts = re.findall(r"expr: (.*)", (DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
    assert len(shown) >= 12
    assert len(alerts) >= 8
    assert _asked_for(shown) - _there_is() == set()
    assert _asked_for(alerts) - _there_is() == set()
    # And what there is is looked at somewhere, but for parts of what is.
    own = {name for name in _there_is() if name.startswith("license_manager_")}
    assert {
        name
        for name in own - _asked_for(shown + alerts)
        if not name.endswith(("_sum", "_count", "_bucket", "_created"))
    } == set()


def test_operations_md_tells_what_each_alert_means() -> None:
    page = (django_settings.BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
    names = re.findall(r"- alert: (\w+)", (DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
    assert [name for name in names if f"| `{name}` |" not in page] == []
