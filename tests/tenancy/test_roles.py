"""The roles by themselves: jobs do with them all that they have to, and whoever may not make them is told what to do (R30)."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, transaction

from licensemgr.celery import app
from licensemgr.core.mail import write_message
from licensemgr.core.models import OutboxMessage
from licensemgr.core.tenancy import Part, acting
from licensemgr.core.tenancy.applying import apply
from organizations.models import Organization, User
from organizations.work_models import WorkOrder, WorkState
from tests.architecture.urls import furnish
from tests.conftest import FrozenClock
from tests.factories import Books

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no roles"),
    pytest.mark.django_db,
]


def test_each_job_of_the_beat_schedule_is_done_by_what_the_worker_signs_in_as(
    books: Books,
    other_organization: Organization,
    today: date,
    staff: User,
    frozen_clock: FrozenClock,
    settings: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    furnish(books, today, staff)
    foreign = Books(other_organization)
    foreign.report(today, core=2)
    foreign.start(today)
    write_message(organization=None, recipient="a@example.com", subject="s", body_text="t", reason="r", on=today)
    frozen_clock.move_to(today + timedelta(days=400))
    due = Organization.objects.filter(next_due_on__lte=frozen_clock.today)
    assert due.count() == 2
    app.loader.import_default_modules()
    with acting(Part.WEB):
        for entry in app.conf.beat_schedule.values():
            app.tasks[entry["task"]].run()
    assert not due.exists()
    assert not WorkOrder.objects.exclude(state=WorkState.DONE).exists()
    assert OutboxMessage.objects.get(reason="r").sent_at is not None
    assert not [each for each in caplog.records if each.levelname in ("ERROR", "CRITICAL")]


@pytest.mark.parametrize("part", [Part.WEB, Part.TENANT, Part.REGISTRY, Part.UPKEEP])
def test_no_part_but_staff_changes_the_catalogue_or_the_tables(staff: User, part: Part) -> None:
    for statement in (
        "UPDATE products_product SET name = 'x'",
        "DELETE FROM organizations_organization",
        "INSERT INTO organizations_user_groups (user_id, group_id) VALUES (1, 1)",
        "TRUNCATE history_record",
        "ALTER TABLE wallet_lot DISABLE ROW LEVEL SECURITY",
    ):
        if part is Part.UPKEEP and "user_groups" in statement:
            continue
        with (
            acting(part),
            pytest.raises(DatabaseError, match=r"permission denied|must be owner"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_who_may_not_make_the_roles_is_told_the_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE license_manager_test_nobody")
        cursor.execute("SET LOCAL ROLE license_manager_test_nobody")
    monkeypatch.setattr(settings, "DATABASE_ROLES", "license_manager_elsewhere")
    with pytest.raises(ImproperlyConfigured, match=r"CREATEROLE.*CREATE ROLE .license_manager_elsewhere_web"):
        apply(connection)


def test_the_login_that_the_address_names_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    monkeypatch.setattr(settings, "DATABASE_LOGIN", ("license_manager_test_portal", "a password"))
    for _time in range(2):
        apply(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolcanlogin, rolsuper, pg_has_role(rolname, %s, 'USAGE'), pg_has_role(rolname, %s, 'USAGE')"
            " FROM pg_roles WHERE rolname = 'license_manager_test_portal'",
            [Part.WEB.role, Part.STAFF.role],
        )
        assert cursor.fetchall() == [(True, False, True, False)]
