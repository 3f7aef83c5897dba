"""History and exports are read on the replica if it can serve, memberships never; else on the primary, which says so (R30, R32).

The replica of most tests is the tests' own database under another name and on another connection: what is asked of which of
them is looked at. That a real one says how far behind it is, is tried on one.
"""

import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection, connections, router
from django.test import Client
from django.urls import reverse

from history import replica
from history.models import Record
from licensemgr import environment
from licensemgr.core.metrics import REPLICA_READS
from licensemgr.core.postgresql.base import DatabaseWrapper
from licensemgr.core.tenancy import Part, acting_for
from organizations.models import Organization
from organizations.work import order_work
from organizations.working import do_work
from tests.factories import Books
from tests.restoring.server import Server
from tests.tenancy.bouncer import connection_through

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no replicas")
WHO_MAY = ("organizations_membership", "organizations_accessgrant", "django_session", "auth_")
Asked = dict[str, list[str]]


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known yet of the replica."""
    monkeypatch.setattr(replica, "_health", replica._Health())


@contextmanager
def _replica(monkeypatch: pytest.MonkeyPatch, **differs: Any) -> Iterator[None]:
    there = connection.settings_dict
    monkeypatch.setitem(settings.DATABASES, replica.REPLICA, {**there, **differs})
    monkeypatch.setattr(router, "routers", [replica.Router()])
    # Django lets tests connect to what they name before they begin; it is one database in truth.
    connections[replica.REPLICA] = DatabaseWrapper({**there, **differs}, alias="default")
    try:
        yield
    finally:
        connections[replica.REPLICA].close()
        del connections[replica.REPLICA]


@pytest.fixture
def with_replica(transactional_db: None, health: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tests' database by another name, which says that it is a replica that is up to date."""
    monkeypatch.setattr(replica, "_BEHIND", "SELECT true, 0")
    with _replica(monkeypatch):
        yield


@pytest.fixture
def reported(books: Books, other_organization: Organization, today: date) -> Books:
    """Two organizations with systems, keys and records."""
    for each in (books, Books(other_organization)):
        each.report(today, system=each.organization.slug, core=2)
        each.redeem(today, core=3)
    return books


@contextmanager
def _asked() -> Iterator[Asked]:
    """What is asked of the primary and of the replica within."""
    found: Asked = {"default": [], replica.REPLICA: []}

    def noted(alias: str) -> Callable[..., Any]:
        def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            found[alias].append(sql)
            return execute(sql, params, many, context)

        return note

    with ExitStack() as stack:
        for alias in found:
            stack.enter_context(connections[alias].execute_wrapper(noted(alias)))
        yield found


def _content(answer: Any) -> bytes:
    return b"".join(answer) if answer.streaming else bytes(answer.content)


def _reads(which: list[str], table: str) -> bool:
    return any(f'FROM "{table}"' in sql for sql in which)


@on_postgresql
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("history", []), ("list_csv", ["history"]), ("list_csv", ["members"]), ("list_xlsx", ["history"])],
)
def test_history_and_exports_are_read_there_and_who_may_never(
    with_replica: None, reported: Books, administrator_client: Client, name: str, arguments: list[str]
) -> None:
    with _asked() as asked:
        answer = administrator_client.get(reverse(name, args=["harbour", *arguments]))
        content = _content(answer)
    assert answer.status_code == 200 and content
    assert _reads(asked["replica"], "history_record") == ("members" not in arguments)
    # But those of whoever acted, which stand on History.
    assert not any(f'"{table}' in sql for sql in asked["replica"] for table in WHO_MAY)
    assert not any(sql.startswith(("INSERT", "UPDATE", "DELETE")) for sql in asked["replica"])
    assert any("organizations_membership" in sql for sql in asked["default"])
    assert not _reads(asked["default"], "history_record")


@on_postgresql
def test_the_zip_is_read_there_with_what_was_written_for_it(
    with_replica: None, reported: Books, administrator_client: Client
) -> None:
    with _asked() as asked:
        answer = administrator_client.post(reverse("export_organization", args=["harbour"]))
        content = _content(answer)
    for table in ("history_record", "wallet_entry"):
        assert any(f'FROM "{table}"' in sql and "ORDER BY" in sql for sql in asked["replica"])
    history = zipfile.ZipFile(io.BytesIO(content)).read("history.csv").decode()
    # It was noted on the primary a moment before.
    assert "History and entries downloaded" in history


@on_postgresql
@pytest.mark.parametrize("kind", ["organization_export", "list_xlsx"])
def test_the_worker_reads_there_and_writes_here(with_replica: None, reported: Books, today: date, kind: str) -> None:
    organization = reported.organization
    arguments = {} if kind == "organization_export" else {"list": "history", "query": ""}
    with acting_for(organization.pk):
        member = organization.memberships.get()
        order = order_work(organization=organization, person=member.user, kind=kind, arguments=arguments, on=today)
    with _asked() as asked:
        assert do_work() == 1
    order.refresh_from_db()
    assert order.size > 100
    assert _reads(asked["replica"], "history_record") and not any(
        "organizations_work" in sql for sql in asked["replica"]
    )
    assert any(sql.startswith("INSERT") and "workpiece" in sql for sql in asked["default"])


@on_postgresql
@pytest.mark.parametrize("name", ["product_list", "members"])
def test_other_pages_are_not(with_replica: None, reported: Books, administrator_client: Client, name: str) -> None:
    with _asked() as asked:
        assert administrator_client.get(reverse(name, args=["harbour"])).status_code == 200
    assert asked["replica"] == []


@on_postgresql
def test_rows_are_kept_apart_there_and_nothing_is_written(with_replica: None, reported: Books) -> None:
    organization = reported.organization
    with acting_for(organization.pk), replica.from_replica(organization) as served:
        assert served
        with connections[replica.REPLICA].cursor() as cursor:
            cursor.execute(
                "SELECT current_user, current_setting('app.organization'), current_setting('transaction_read_only'),"
                " current_setting('transaction_isolation')"
            )
            assert cursor.fetchone() == (Part.TENANT.role, f"{{{organization.pk}}}", "on", "repeatable read")
        # Without the application's filter.
        assert {record.organization_id for record in Record.objects.all()} == {organization.pk}
    assert Record.objects.exclude(organization=organization).exists()
    # Whoever acts for nobody in particular, as commands do, or for another, reads the primary.
    with replica.from_replica(organization) as served:
        assert not served
    with acting_for(organization.pk + 1), replica.from_replica(organization) as served:
        assert not served


@on_postgresql
def test_one_that_lacks_the_newest_record_is_not_read(
    transactional_db: None, health: None, reported: Books, administrator_client: Client,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(replica, "_BEHIND", "SELECT true, 0")
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA behind")
        cursor.execute(
            "CREATE TABLE behind.history_historyhead AS SELECT organization_id, last_sequence - 1 AS last_sequence"
            " FROM history_historyhead"
        )
        cursor.execute(f"GRANT USAGE ON SCHEMA behind TO {Part.TENANT.role}")
        cursor.execute(f"GRANT SELECT ON behind.history_historyhead TO {Part.TENANT.role}")
    counted = REPLICA_READS.labels("behind")._value.get()
    try:
        with _replica(monkeypatch, OPTIONS={"options": "-c search_path=behind,public"}), _asked() as asked:
            for _time in range(2):
                answer = administrator_client.get(reverse("history", args=["harbour"]))
                assert b"License key redeemed" in answer.content
        assert _reads(asked["default"], "history_record") and not _reads(asked["replica"], "history_record")
        assert REPLICA_READS.labels("behind")._value.get() == counted + 2
        assert caplog.text.count("in the place of its replica, which is behind") == 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA behind CASCADE")


@on_postgresql
def test_one_that_does_not_answer_is_asked_once(
    transactional_db: None, health: None, reported: Books, administrator_client: Client,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    tried: list[int] = []
    with _replica(monkeypatch, PORT="1"):
        there = connections[replica.REPLICA]
        original = there.connect

        def connect() -> None:
            tried.append(1)
            original()

        monkeypatch.setattr(there, "connect", connect)
        for _time in range(3):
            assert administrator_client.get(reverse("history", args=["harbour"])).status_code == 200
    assert len(tried) == 1
    assert caplog.text.count("in the place of its replica, which is down") == 1


@on_postgresql
def test_one_that_fails_on_the_way_leaves_the_page_to_the_primary(
    with_replica: None, reported: Books, administrator_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "history_record" in sql:
            raise OperationalError("canceling statement due to conflict with recovery")
        return execute(sql, params, many, context)

    with connections[replica.REPLICA].execute_wrapper(fail):
        answer = administrator_client.get(reverse("history", args=["harbour"]))
    assert answer.status_code == 200 and b"License key redeemed" in answer.content
    assert "conflict with recovery" in caplog.text


@on_postgresql
def test_a_database_that_is_no_replica_is_not_taken_for_one(
    transactional_db: None,
    health: None,
    reported: Books,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    organization = reported.organization
    with _replica(monkeypatch), acting_for(organization.pk), replica.from_replica(organization) as served:
        assert not served
    assert "a database that is no replica" in caplog.text


def test_sqlite_has_none(tmp_path: Path) -> None:
    for url, is_of_sqlite in (("postgresql://portal@replica/portal", True), (f"sqlite:///{tmp_path}/copy", False)):
        with pytest.raises(ImproperlyConfigured, match="which only PostgreSQL has"):
            environment.replica(url, tmp_path, "", is_of_sqlite=is_of_sqlite)
    found = environment.replica("postgresql://portal@replica/portal", tmp_path, "secret", is_of_sqlite=False)
    assert (found["HOST"], found["PASSWORD"]) == ("replica", "secret")


@on_postgresql
@pytest.mark.slow
@pytest.mark.django_db
def test_a_real_one_says_how_long_ago_it_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        primary, copy = Server(Path(first)), Server(Path(second))
        primary.make()
        try:
            copy.run(
                "pg_basebackup", "-R", "-X", "stream", "-c", "fast", "-D", str(copy.data), PGPORT=str(primary.port)
            )
            with (copy.data / "postgresql.conf").open("a") as file:
                file.write(f"port = {copy.port}\n")
            copy.start()
            with psycopg.connect(primary.url("postgres"), autocommit=True) as connected:
                connected.execute("CREATE TABLE written (at int)")
                [[written]] = connected.execute("SELECT pg_current_wal_lsn()").fetchall()
            there = connection_through(copy.port, USER="postgres", PASSWORD="", NAME="postgres")
            with there.cursor() as cursor:
                cursor.execute("SELECT pg_last_wal_replay_lsn() >= %s", [written])
                while cursor.fetchone() != (True,):
                    cursor.execute("SELECT pg_last_wal_replay_lsn() >= %s", [written])
            monkeypatch.setattr(settings, "REPLICA_MAX_LAG_SECONDS", 300)
            assert replica._why_behind(there) == ""
            # It says so, too, of a primary that is gone.
            primary.stop()
            monkeypatch.setattr(settings, "REPLICA_MAX_LAG_SECONDS", 0)
            assert "seconds ago" in replica._why_behind(there)
            there.close()
        finally:
            copy.stop()
            primary.stop()
