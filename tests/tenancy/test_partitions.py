"""History, entries and counts of devices in partitions by organization: what PostgreSQL has, who reads it, and where is looked."""

import re
from datetime import date
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client

from history.models import Record
from licensemgr.core.partitions import PARTITIONED, make_anew, partitions_of
from licensemgr.core.tenancy import Part, acting, acting_for
from organizations.models import Organization, User
from products.models import DeviceCount
from tests.architecture.urls import furnish, walk
from tests.factories import Books
from wallet.models import Entry

pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps tables whole")
MODELS = {"history_record": Record, "products_devicecount": DeviceCount, "wallet_entry": Entry}


def _rows(query: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params or None)
        return list(cursor.fetchall()) if cursor.description else []


@on_postgresql
@pytest.mark.parametrize("table", PARTITIONED)
def test_it_is_in_partitions_by_organization_and_every_key_begins_with_it(table: str) -> None:
    assert len(partitions_of(connection, table)) == settings.DATABASE_PARTITIONS
    assert _rows("SELECT pg_get_partkeydef(%s::regclass)", table) == [("HASH (organization_id)",)]
    keys = _rows(
        "SELECT indexrelid::regclass::text, attname FROM pg_index"
        " JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE indrelid = %s::regclass",
        table,
    )
    others = {name: column for name, column in keys if column != "organization_id"}
    # The admin site looks at all organizations.
    assert others == {f"{table}_by_id": "id"}


@on_postgresql
@pytest.mark.parametrize("table", PARTITIONED)
def test_a_partition_is_read_by_nobody_but_its_owner(books: Books, today: date, table: str) -> None:
    books.report(today, core=1)
    books.redeem(today, core=2)
    [filled] = [name for name in partitions_of(connection, table) if _rows(f"SELECT 1 FROM {name} LIMIT 1")]
    for part in Part:
        for statement in (f"SELECT * FROM {filled}", f"DELETE FROM {filled}"):
            with (
                acting(part, organizations=[books.organization.pk]),
                pytest.raises(DatabaseError, match="permission denied"),
                transaction.atomic(),
            ):
                _rows(statement)
        # And if somebody grants it by mistake: there is no row, whatever organization is said.
        _rows(f'GRANT SELECT, DELETE ON {filled} TO "{part.role}"')
        with acting(part, organizations=[books.organization.pk]):
            assert _rows(f"SELECT count(*) FROM {filled}") == [(0,)]
    with acting_for(books.organization.pk):
        assert _rows(f"SELECT count(*) > 0 FROM {table}") == [(True,)]


@on_postgresql
def test_what_stands_in_a_partition_is_never_changed_by_its_own_name_either(books: Books, today: date) -> None:
    books.report(today, core=1)
    books.redeem(today, core=2)
    for table in ("history_record", "wallet_entry"):
        for partition in partitions_of(connection, table):
            if _rows(f"SELECT 1 FROM {partition}"):
                with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
                    _rows(f"DELETE FROM {partition}")


@on_postgresql
def test_an_organizations_rows_are_in_one_partition_and_locked_there(
    books: Books, other_organization: Organization, today: date
) -> None:
    for each in (books, Books(other_organization)):
        each.report(today, core=3, universal=1, system=each.organization.slug)
        each.redeem(today, core=2)
    for table, model in MODELS.items():
        found = _rows(f"SELECT organization_id, count(DISTINCT tableoid) FROM {table} GROUP BY 1")
        assert sorted(found) == sorted((each.pk, 1) for each in (books.organization, other_organization)), table
        rows = model._default_manager.filter(organization=books.organization).select_for_update()
        assert len(rows) == len({row.pk for row in rows})
        plan = " ".join(str(line) for (line,) in _rows(f"EXPLAIN {rows.query}"))
        assert len(set(re.findall(rf"{table}_\d\d", plan))) == 1
    # One count for each day, as before.
    count = DeviceCount.objects.filter(organization=books.organization)[0]
    count.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        count.save(force_insert=True)


@pytest.fixture
def scratch(db: None) -> str:
    """A plain table with rows, keys, a trigger and an identity that has counted further than the rows."""
    for statement in (
        "CREATE TABLE scratch_former_owner (id bigint PRIMARY KEY)",
        "INSERT INTO scratch_former_owner SELECT generate_series(1, 7)",
        "CREATE TABLE scratch (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, word text NOT NULL,"
        " organization_id bigint NOT NULL CONSTRAINT scratch_of_one REFERENCES scratch_former_owner"
        " DEFERRABLE INITIALLY DEFERRED, CONSTRAINT scratch_word_once UNIQUE (organization_id, word),"
        " CONSTRAINT scratch_says CHECK (word <> ''))",
        "CREATE INDEX scratch_by_length ON scratch (organization_id, length(word)) WHERE word <> 'x'",
        "INSERT INTO scratch (word, organization_id) SELECT 'w' || n, n % 7 + 1 FROM generate_series(1, 50) n",
        "SELECT nextval('scratch_id_seq')",
        "SET CONSTRAINTS ALL IMMEDIATE",
        "CREATE TRIGGER scratch_append_only BEFORE UPDATE OR DELETE ON scratch FOR EACH ROW"
        " EXECUTE FUNCTION refuse_change()",
    ):
        _rows(statement)
    return "scratch"


@on_postgresql
def test_a_table_that_is_made_anew_keeps_rows_keys_triggers_and_goes_back(scratch: str) -> None:
    def state() -> tuple[Any, ...]:
        return (
            _rows("SELECT * FROM scratch ORDER BY id"),
            _rows(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid = 'scratch'::regclass AND contype <> 'p' ORDER BY 1"
            ),
            [
                text.replace(" ON ONLY ", " ON ")
                for (text,) in _rows(
                    "SELECT indexdef FROM pg_indexes WHERE tablename = 'scratch' AND indexname = 'scratch_by_length'"
                )
            ],
            _rows("SELECT tgname FROM pg_trigger WHERE tgrelid = 'scratch'::regclass AND NOT tgisinternal"),
            _rows("SELECT last_value, is_called FROM scratch_id_seq"),
        )

    before = state()
    with connection.schema_editor(atomic=False) as editor:
        make_anew(editor, scratch, 3)
        assert (state(), len(partitions_of(connection, scratch))) == (before, 3)
        for statement, refusal in (
            ("DELETE FROM scratch", "never changed"),
            ("INSERT INTO scratch (word, organization_id) VALUES ('w1', 2)", "scratch_\\d+_.*key"),
            ("INSERT INTO scratch (word, organization_id) VALUES ('new', 9)", "scratch_of_one"),
        ):
            with pytest.raises(DatabaseError, match=refusal), transaction.atomic():
                _rows(f"{statement}; SET CONSTRAINTS ALL IMMEDIATE")
        # Both that were refused took an id.
        before = (*before[:-1], [(53, True)])
        make_anew(editor, scratch, 0)
    assert (state(), partitions_of(connection, scratch)) == (before, [])
    assert _rows("INSERT INTO scratch (word, organization_id) VALUES ('new', 1) RETURNING id") == [(54,)]


@on_postgresql
def test_a_table_to_which_keys_point_is_left_alone(scratch: str) -> None:
    _rows("CREATE TABLE scratch_child (parent bigint CONSTRAINT scratch_pointing REFERENCES scratch)")
    with connection.schema_editor(atomic=False) as editor, pytest.raises(ValueError, match="scratch_pointing"):
        make_anew(editor, scratch, 3)
    assert partitions_of(connection, scratch) == []


_READS = re.compile(r"^(SELECT|UPDATE|DELETE)\b")


@pytest.mark.slow
def test_whatever_looks_into_them_says_of_which_organization(
    books: Books, today: date, staff: User, administrator_client: Client
) -> None:
    """Else each partition would be looked through: the policies alone do not tell PostgreSQL which one it is."""
    asked: set[str] = set()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.add(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        values = furnish(books, today, staff)
        for route in walk():
            if route.permission is not None:
                administrator_client.get(route.url(values))
    looked = {table: [sql for sql in asked if _READS.match(sql) and f'"{table}"' in sql] for table in PARTITIONED}
    assert all(len(found) > 3 for found in looked.values()), "this proves little"
    anywhere = [
        sql
        for table, found in looked.items()
        for sql in found
        if not re.search(rf'("{table}"|\b[UVW]\d)\."organization_id" (=|IN)', sql)
    ]
    assert anywhere == []
