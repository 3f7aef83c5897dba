"""Behind PgBouncer in transaction mode, where one connection serves everybody in turn, nothing leaks to the next (R30)."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from django.urls import reverse

from licensemgr.core.models import OutboxMessage
from licensemgr.core.tenancy import Acting, Part, acting_for
from licensemgr.portal.daily import run_daily
from organizations.models import Organization
from products.models import System
from tests.conftest import FrozenClock
from tests.factories import Books
from tests.tenancy.bouncer import PROGRAM, connection_through, everything_through, running_pgbouncer

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no pool"),
    pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def port(db: None, tmp_path: Path) -> Iterator[int]:
    with running_pgbouncer(tmp_path) as port:
        yield port


@pytest.fixture
def both(books: Books, other_organization: Organization, today: date) -> tuple[Organization, Organization]:
    """Two organizations, each with a system that is called as it is."""
    for organization in (books.organization, other_organization):
        Books(organization).report(today, system=organization.slug, core=2)
    return books.organization, other_organization


def _names(through: BaseDatabaseWrapper) -> tuple[list[str], str, str]:
    """The systems that are seen, as whom, and for which organization, on a connection."""
    with through.cursor() as cursor:
        cursor.execute("SELECT current_user, COALESCE(current_setting('app.organization', true), '')")
        who, organization = cursor.fetchone()
        cursor.execute("SELECT name FROM products_system ORDER BY name")
        return [name for (name,) in cursor.fetchall()], who, organization


def test_two_organizations_in_turn_on_one_connection(both: tuple[Organization, Organization], port: int) -> None:
    pooled = connection_through(port)
    backends = set()
    try:
        for _turn in range(50):
            for organization in both:
                with pooled.acting_as(Acting(Part.TENANT, (organization.pk,))), transaction_on(pooled):
                    found = _names(pooled)
                assert found == ([organization.slug], Part.TENANT.role, f"{{{organization.pk}}}")
                # The next transaction, for which nobody said whose it is: nothing was left, and no row is seen.
                with pooled.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_backend_pid(), current_user = session_user,"
                        " COALESCE(current_setting('app.organization', true), '')"
                    )
                    backend, is_login, left = cursor.fetchone()
                    assert (is_login, left) == (True, "")
                    backends.add(backend)
                with pytest.raises(DatabaseError, match="permission denied"):
                    _names(pooled)
    finally:
        pooled.close()
    assert len(backends) == 1


def test_at_once_from_two_threads_none_sees_the_others(both: tuple[Organization, Organization], port: int) -> None:
    wrong: list[Any] = []

    def look(organization: Organization) -> None:
        try:
            with everything_through(port):
                for turn in range(100):
                    # Now and then a statement by itself, which is a transaction of its own.
                    whole = transaction.atomic() if turn % 3 else contextlib.nullcontext()
                    with acting_for(organization.pk), whole:
                        found = list(System.objects.values_list("name", flat=True))
                    if found != [organization.slug]:
                        wrong.append((organization.slug, found))
        except Exception as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look, args=[each]) for each in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_a_transaction_that_fails_leaves_nothing(both: tuple[Organization, Organization], port: int) -> None:
    pooled = connection_through(port)
    try:
        with (
            pytest.raises(DatabaseError),
            pooled.acting_as(Acting(Part.TENANT, (both[0].pk,))),
            transaction_on(pooled),
            pooled.cursor() as cursor,
        ):
            cursor.execute("SELECT 1 / 0")
        with pooled.cursor() as cursor:
            cursor.execute(
                "SELECT current_user = session_user, COALESCE(current_setting('app.organization', true), '')"
            )
            assert cursor.fetchone() == (True, "")
    finally:
        pooled.close()


def test_pages_calls_and_jobs_work_through_it(
    both: tuple[Organization, Organization],
    administrator_client: Client,
    outsider_client: Client,
    staff_client: Client,
    organization: Organization,
    port: int,
    today: date,
    frozen_clock: FrozenClock,
) -> None:
    with everything_through(port):
        for _turn in range(3):
            for client, own, other in (
                (administrator_client, "harbour", "other"),
                (outsider_client, "other", "harbour"),
            ):
                assert client.get("/").status_code == 200
                page = client.get(reverse("system_setup", args=[own, "camera-station"])).content.decode()
                assert f">{own}<" in page and f">{other}<" not in page
                assert client.get(reverse("product_list", args=[other])).status_code == 404
        # A list that is sent after the door's transaction, a change, and the admin site's lists of all.
        history = administrator_client.get(reverse("list_csv", args=["harbour", "history"]))
        assert b"harbour" in b"".join(history)
        started = administrator_client.post(reverse("start_subscription", args=["harbour", "camera-station"]))
        assert started.status_code in (303, 422)
        listed = staff_client.get("/admin/organizations/organization/").content.decode()
        assert "Harbour Cameras" in listed and "Other Port" in listed
        # Without a request, as beat and the worker do.
        frozen_clock.move_to(date(2028, 6, 1))
        with clock_may_jump():
            assert run_daily().failed == ()
        with acting_for(organization.pk):
            assert System.objects.count() == 1
            assert not OutboxMessage.objects.exclude(organization=organization).exclude(organization=None).exists()


def test_as_superuser_it_would_not_be_let_in() -> None:
    mighty = connection_through(int(connection.settings_dict["PORT"] or 5432), REFUSE_MIGHTY_ROLE=True)
    mighty.settings_dict.update(
        {name: connection.settings_dict[name] for name in ("HOST", "USER", "PASSWORD")},
    )
    with pytest.raises(ImproperlyConfigured, match="superuser"):
        mighty.ensure_connection()
    mighty.close()


def clock_may_jump() -> Any:
    """Histories may leap through the years."""
    from licensemgr.core import clock

    return clock.jumps_allowed()


def transaction_on(through: BaseDatabaseWrapper) -> Any:
    """A transaction on a connection that is none of Django's own."""

    class _Transaction:
        def __enter__(self) -> None:
            through.set_autocommit(False)

        def __exit__(self, kind: object, *_rest: object) -> None:
            (through.rollback if kind else through.commit)()
            through.set_autocommit(True)

    return _Transaction()
