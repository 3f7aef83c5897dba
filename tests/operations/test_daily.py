"""The daily job: settles what is due, costs next to nothing when nothing is, refuses a clock that jumped (R3)."""

from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from licensemgr.core import clock
from licensemgr.core.models import ClockReading, JobRun
from licensemgr.portal import daily, tasks
from organizations import books
from organizations.models import Organization
from organizations.services import create_organization
from tests import factories
from tests.conftest import FrozenClock
from wallet.models import Transfer, TransferReason

pytestmark = pytest.mark.django_db


def _with_lot(frozen_clock: FrozenClock, name: str = "Daily", time_zone: str = "UTC") -> Organization:
    """An organization whose five licenses of today expire five years from now."""
    on = frozen_clock.today
    organization = create_organization(name=name, time_zone=time_zone, actor=None, on=on)
    registered = factories.register(organization, factories.camera_station(), on=on, core=2)
    factories.redeem(registered, on=on, core=5)
    organization.refresh_from_db()
    return organization


def _expired_on() -> list[date]:
    return list(Transfer.objects.filter(reason=TransferReason.EXPIRED).values_list("happened_on", flat=True))


def test_it_settles_what_is_due_with_the_day_on_which_it_became_true(frozen_clock: FrozenClock) -> None:
    _with_lot(frozen_clock)
    frozen_clock.move_to(date(2032, 3, 11))
    assert daily.run_daily() == daily.DailyFigures(looked_at=1, settled=1, written=1)
    assert _expired_on() == [date(2032, 3, 1)]
    assert daily.run_daily() == daily.DailyFigures()
    run = JobRun.objects.get()
    assert (run.job, run.business_date, run.figures["written"]) == ("run_daily", date(2032, 3, 11), 1)


def test_a_day_when_nothing_is_due_costs_one_indexed_query(
    frozen_clock: FrozenClock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        _with_lot(frozen_clock, name=f"Quiet {number}")
    daily.run_daily()
    # One for the organizations, one that asks which day was seen last.
    with django_assert_num_queries(2):
        assert daily.run_daily() == daily.DailyFigures()
    with CaptureQueriesContext(connection) as queries:
        daily.run_daily()
    [sql] = [query["sql"] for query in queries if "next_due_on" in query["sql"]]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            assert any("USING INDEX" in row[3] for row in cursor.fetchall())


def test_each_organization_is_settled_by_its_own_day(frozen_clock: FrozenClock) -> None:
    _with_lot(frozen_clock, "East", "Pacific/Kiritimati")
    _with_lot(frozen_clock, "West", "Pacific/Pago_Pago")
    # At 11:30 UTC of 29 February it is 1 March at UTC+14, and 29 February at UTC-11.
    frozen_clock.move_to(date(2032, 2, 29), time(11, 30))
    assert daily.run_daily().written == 1
    frozen_clock.move_to(date(2032, 3, 1), time(10, 59))
    assert daily.run_daily().written == 0
    frozen_clock.move_to(date(2032, 3, 1), time(11, 0))
    assert daily.run_daily().written == 1
    assert _expired_on() == [date(2032, 3, 1), date(2032, 3, 1)]


def test_a_date_settles_up_to_it_and_never_beyond_today(frozen_clock: FrozenClock) -> None:
    organization = _with_lot(frozen_clock)
    frozen_clock.move_to(date(2032, 3, 11))
    assert daily.run_daily(on=date(2031, 9, 2)).looked_at == 0
    # From 180 days before on there are days of notices; here is nobody to be told.
    assert daily.run_daily(on=date(2032, 2, 29)) == daily.DailyFigures(looked_at=1, settled=1)
    assert daily.run_daily(on=date(2099, 1, 1)).written == 1
    organization.refresh_from_db()
    assert organization.settled_through == date(2032, 3, 11)


def test_the_failure_of_one_organization_stops_no_other(
    frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = _with_lot(frozen_clock, "Broken"), _with_lot(frozen_clock, "Sound")
    frozen_clock.move_to(date(2032, 3, 1))
    settle = books.settle

    def fail_for_broken(organization: Organization, on: date) -> int:
        if organization.pk == broken.pk:
            raise RuntimeError("a row is in the way")
        return settle(organization, on)

    monkeypatch.setattr(books, "settle", fail_for_broken)
    assert daily.run_daily() == daily.DailyFigures(looked_at=2, settled=1, written=1, failed=("broken",))
    sound.refresh_from_db()
    assert sound.settled_through == date(2032, 3, 1)
    assert "a row is in the way" in caplog.text


def test_in_production_a_clock_that_jumped_is_refused_unless_forced(
    frozen_clock: FrozenClock, settings: Settings
) -> None:
    organization = _with_lot(frozen_clock)
    settings.PRODUCTION = True
    frozen_clock.move_to(date(2032, 3, 2))
    with pytest.raises(clock.ClockJumped, match="days after the last date seen"):
        daily.run_daily()
    tasks.run_daily()
    organization.refresh_from_db()
    assert organization.settled_through == date(2027, 3, 1)
    assert daily.run_daily(force=True).written == 1
    assert ClockReading.objects.get().latest == date(2032, 3, 2)


def test_quiet_days_are_seen_so_that_a_quiet_year_is_no_jump(frozen_clock: FrozenClock, settings: Settings) -> None:
    _with_lot(frozen_clock)
    settings.PRODUCTION = True
    for _step in range(10):
        frozen_clock.move_to(frozen_clock.today + timedelta(days=200))
        daily.run_daily()
    assert frozen_clock.today > date(2032, 3, 1)
    assert _expired_on() == [date(2032, 3, 1)]


def test_the_schedule_names_the_jobs_that_there_are() -> None:
    from licensemgr.celery import app

    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} == {
        "portal.do_work",
        "portal.run_daily",
        "portal.send_outbox",
        "portal.forget_expired",
        "hardware.take_in_uploads",
        "shop.send_webhooks",
    }
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
