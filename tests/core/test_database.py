"""Connections to PostgreSQL: kept between requests, looked at before they are used again, with limits of time."""

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, close_old_connections, connection, transaction

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connections that others could end"),
    pytest.mark.django_db(transaction=True),
]


def _asked(query: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def test_limits_of_time_hold_for_each_connection() -> None:
    assert {
        name: _asked(f"SELECT setting::int FROM pg_settings WHERE name = '{name}'") for name in settings.DATABASE_LIMITS
    } == {
        "statement_timeout": 60_000,
        "lock_timeout": 15_000,
        "idle_in_transaction_session_timeout": 120_000,
    }
    with pytest.raises(OperationalError, match="statement timeout"), transaction.atomic():
        _asked("SET LOCAL statement_timeout = 20; SELECT pg_sleep(20)")
    assert _asked("SELECT 1") == 1


def test_a_connection_that_died_between_two_requests_is_made_anew() -> None:
    settled = connection.settings_dict
    assert settled["CONN_MAX_AGE"] == 60
    # One whose time is not nearly over.
    connection.close()
    first = _asked("SELECT pg_backend_pid()")
    close_old_connections()
    assert _asked("SELECT pg_backend_pid()") == first
    there = {"host": settled["HOST"], "port": settled["PORT"], "user": settled["USER"], "password": settled["PASSWORD"]}
    with psycopg.connect(dbname="postgres", autocommit=True, **there) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    # As each request begins.
    close_old_connections()
    assert _asked("SELECT pg_backend_pid()") != first
