"""Migrations after the last release harm nobody who works meanwhile; and the linter that says so finds what would."""

from typing import Any

import pytest
from django.db import NotSupportedError, connection, models
from django.db.migrations import Migration, RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations import operations as schema
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Now, Random

from licensemgr.core import operations as careful
from licensemgr.core.triggers import append_only
from tests.releases.linting import Linter, after_release
from tests.releases.releases import last_release, migrations_of_now, releases


def test_migrations_after_the_last_release_are_safe_under_traffic() -> None:
    loader = MigrationLoader(None)
    linters = [
        (Linter(released), migration, state)
        for migration, state, released in after_release(last_release().migrations, loader)
    ]
    for linter, migration, state in linters:
        linter.lint(migration, state)
    assert [each for linter, *_rest in linters for each in linter.found] == []


def test_what_was_released_is_never_taken_back() -> None:
    """Installations have applied those, and know them by name."""
    now = migrations_of_now()
    for release in releases():
        for app, names in release.migrations.items():
            assert set(names) <= set(now[app]), release.version


@pytest.fixture
def released() -> ProjectState:
    """A table with rows: a unit with a name, a size and a code, of a shelf."""
    state = ProjectState()
    shelf = ModelState("app", "Shelf", [("id", models.BigAutoField(primary_key=True))])
    state.add_model(shelf)
    fields: list[tuple[str, models.Field[Any, Any]]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20)),
        ("note", models.CharField(max_length=20, null=True)),
        ("code", models.CharField(max_length=20, db_default="")),
        ("shelf", models.ForeignKey("app.Shelf", models.PROTECT)),
    ]
    state.add_model(ModelState("app", "Unit", fields, {"indexes": [models.Index(fields=["name"], name="by_name")]}))
    return state


def found(released: ProjectState, *operations: Any, allowed: dict[str, str] | None = None) -> list[str]:
    """The rules that a migration with these operations breaks."""
    kind = type("Next", (Migration,), {"operations": operations, "allowed": allowed or {}})
    migration: Migration = kind("0002_next", "app")
    linter = Linter(released)
    linter.lint(migration, released)
    return [line.rpartition("[")[2].rstrip("]") for line in linter.found]


def nothing(apps: Any, schema_editor: Any) -> None:
    """A data migration."""


def text(**how: Any) -> models.CharField:
    return models.CharField(max_length=20, **how)


CHECK = models.CheckConstraint(condition=models.Q(name__gt=""), name="named")
INDEX = models.Index(fields=["code"], name="by_code")
NEW = schema.CreateModel("New", [("id", models.BigAutoField(primary_key=True))])
HARM: dict[str, tuple[list[Any], list[str]]] = {
    "a column without a default": ([schema.AddField("unit", "size", text())], ["not null"]),
    "a column with a default of Python's alone": ([schema.AddField("unit", "size", text(default="x"))], ["not null"]),
    "a default that differs by row": (
        [schema.AddField("unit", "size", models.FloatField(db_default=Random()))],
        ["not null"],
    ),
    "a column that is indexed": ([schema.AddField("unit", "size", text(null=True, db_index=True))], ["lock"]),
    "a column that refers": (
        [schema.AddField("unit", "other", models.ForeignKey("app.Shelf", models.PROTECT, null=True))],
        ["lock"],
    ),
    "a column goes": ([schema.RemoveField("unit", "name")], ["used"]),
    "a column is renamed": ([schema.RenameField("unit", "name", "title")], ["used"]),
    "a column gets another name in the database": ([schema.AlterField("unit", "name", text(db_column="n"))], ["used"]),
    "a table goes": ([schema.DeleteModel("Unit")], ["used"]),
    "a table is renamed": ([schema.RenameModel("Unit", "Thing")], ["used"]),
    "a table gets another name in the database": ([schema.AlterModelTable("Unit", "thing")], ["used"]),
    "a column goes by hand": ([RunSQL("ALTER TABLE app_unit DROP COLUMN name", RunSQL.noop)], ["used"]),
    "a column of a reference goes by hand": ([RunSQL('ALTER TABLE "app_unit" DROP COLUMN "shelf_id"', "")], ["used"]),
    "a table goes by hand": ([RunSQL("DROP TABLE app_unit", RunSQL.noop)], ["used"]),
    "a table is renamed by hand": ([RunSQL("ALTER TABLE app_unit RENAME TO thing", RunSQL.noop)], ["used"]),
    "a column by hand": ([RunSQL("ALTER TABLE app_unit ADD COLUMN size int NOT NULL", RunSQL.noop)], ["not null"]),
    "a default goes": ([schema.AlterField("unit", "code", text())], ["not null"]),
    "a default goes by hand": ([RunSQL("ALTER TABLE app_unit ALTER COLUMN code DROP DEFAULT", "")], ["not null"]),
    "a column leaves the models unfilled": (
        [SeparateDatabaseAndState(state_operations=[schema.RemoveField("unit", "name")])],
        ["unfilled"],
    ),
    "an index": ([schema.AddIndex("unit", INDEX)], ["lock"]),
    "an index goes": ([schema.RemoveIndex("unit", "by_name")], ["lock"]),
    "an index by hand": ([RunSQL("CREATE UNIQUE INDEX by_code ON app_unit (code)", RunSQL.noop)], ["lock"]),
    "a constraint": ([schema.AddConstraint("unit", CHECK)], ["lock"]),
    "a constraint by hand": ([RunSQL("ALTER TABLE app_unit ADD CONSTRAINT c CHECK (id > 0)", "")], ["lock"]),
    "together": ([schema.AlterUniqueTogether("unit", {("name", "code")})], ["lock"]),
    "a column becomes unique": ([schema.AlterField("unit", "name", text(unique=True))], ["lock"]),
    "a column becomes not null": ([schema.AlterField("unit", "note", text())], ["rewrite"]),
    "a column becomes narrower": ([schema.AlterField("unit", "name", models.CharField(max_length=9))], ["rewrite"]),
    "a column becomes of another kind": ([schema.AlterField("unit", "name", models.IntegerField())], ["rewrite"]),
    "another kind by hand": ([RunSQL("ALTER TABLE app_unit ALTER name TYPE int", RunSQL.noop)], ["rewrite"]),
    "rows and tables": ([NEW, RunPython(nothing, RunPython.noop)], ["mixed"]),
    "rows and tables by hand": ([NEW, RunSQL("UPDATE app_unit SET code = 'x'", RunSQL.noop)], ["mixed"]),
    "rows without a way back": ([RunPython(nothing)], ["irreversible"]),
    "statements without a way back": ([RunSQL("UPDATE app_unit SET code = 'x'")], ["irreversible"]),
    "within": ([SeparateDatabaseAndState([schema.RemoveField("unit", "name")])], ["used"]),
}
WELL: dict[str, list[Any]] = {
    "a column that may be empty": [schema.AddField("unit", "size", text(null=True))],
    "a column with a default of the database's": [schema.AddField("unit", "size", text(db_default="", default=""))],
    "a column with the time": [schema.AddField("unit", "at", models.DateTimeField(db_default=Now()))],
    "a column of a new table": [NEW, schema.AddField("new", "name", text())],
    "an index of a new table": [
        NEW,
        schema.AddField("new", "code", text()),
        schema.AddIndex("new", models.Index(fields=["code"], name="by_new")),
    ],
    "a column that came after the release goes": [
        schema.AddField("unit", "size", text(null=True)),
        schema.RemoveField("unit", "size"),
    ],
    "a column that the release does not know goes by hand": [
        RunSQL("ALTER TABLE app_unit DROP COLUMN left_before", RunSQL.noop)
    ],
    "a column leaves the models": [SeparateDatabaseAndState(state_operations=[schema.RemoveField("unit", "code")])],
    "wider": [schema.AlterField("unit", "name", models.CharField(max_length=40))],
    "text": [schema.AlterField("unit", "name", models.TextField())],
    "may be empty": [schema.AlterField("unit", "name", text(null=True))],
    "what the database does not see": [schema.AlterField("unit", "name", text(verbose_name="n", choices=[("a", "A")]))],
    "an index, concurrently": [careful.AddIndexConcurrently("unit", INDEX)],
    "an index goes, concurrently": [careful.RemoveIndexConcurrently("unit", "by_name")],
    "an index by hand, concurrently": [RunSQL("CREATE INDEX CONCURRENTLY by_code ON app_unit (code)", RunSQL.noop)],
    "a constraint, not valid": [careful.AddConstraintNotValid("unit", CHECK)],
    "validated": [careful.AddConstraintNotValid("unit", CHECK), careful.ValidateConstraint("unit", "named")],
    "rows alone": [RunPython(nothing, RunPython.noop), RunSQL("DELETE FROM app_unit", RunSQL.noop)],
    "triggers with a table": [NEW, append_only("app_new")],
}


@pytest.mark.parametrize("name", HARM)
def test_harm_is_found_and_can_be_allowed_for_a_reason(released: ProjectState, name: str) -> None:
    operations, rules = HARM[name]
    assert found(released, *operations) == rules
    assert found(released, *operations, allowed=dict.fromkeys(rules, "")) == rules
    assert found(released, *operations, allowed=dict.fromkeys(rules, "Nobody uses it.")) == []


@pytest.mark.parametrize("name", WELL)
def test_what_harms_nobody_is_let_through(released: ProjectState, name: str) -> None:
    assert found(released, *WELL[name]) == []


PARTITIONED = """
CREATE TABLE core_careful (id bigint NOT NULL, code varchar(20) NOT NULL) PARTITION BY HASH (id);
CREATE TABLE core_careful_a PARTITION OF core_careful FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE core_careful_b PARTITION OF core_careful FOR VALUES WITH (MODULUS 2, REMAINDER 1);
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_partitioned", [False, True])
def test_careful_operations_work_on_both_databases_there_and_back(is_partitioned: bool) -> None:
    """On a table of their own; where it is in partitions, on PostgreSQL, each has the index."""
    state, empty = ProjectState(), ProjectState()
    made = schema.CreateModel("Careful", [("id", models.BigAutoField(primary_key=True)), ("code", text())])
    made.state_forwards("core", state)
    index = models.Index(fields=["code"], name="careful_code")
    check = models.CheckConstraint(condition=models.Q(code__gt=""), name="careful_named")
    steps = [
        careful.AddIndexConcurrently("careful", index),
        careful.AddConstraintNotValid("careful", check),
        careful.ValidateConstraint("careful", check.name),
        careful.RemoveIndexConcurrently("careful", index.name),
    ]
    # SQLite has no partitions: there the table is an ordinary one in both.
    is_partitioned = is_partitioned and connection.vendor == "postgresql"
    with connection.schema_editor() as editor:
        editor.execute(PARTITIONED) if is_partitioned else made.database_forwards("core", editor, empty, state)
    try:
        states = [state]
        for step in steps:
            states.append(states[-1].clone())
            step.state_forwards("core", states[-1])
            with connection.schema_editor(atomic=False) as editor:
                step.database_forwards("core", editor, states[-2], states[-1])
            assert (index.name in constraints()) is (step is not steps[-1])
            if is_partitioned:
                assert (f"{index.name}_1" in constraints("core_careful_b")) is (step is not steps[-1])
            assert invalid_indexes() == 0
        assert check.name in constraints()
        for place in reversed(range(len(steps))):
            with connection.schema_editor(atomic=False) as editor:
                steps[place].database_backwards("core", editor, states[place + 1], states[place])
        assert not {index.name, check.name} & set(constraints())
    finally:
        with connection.schema_editor() as editor:
            made.database_backwards("core", editor, state, empty)


def constraints(table: str = "core_careful") -> dict[str, Any]:
    """What the database says of a table."""
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, table)


def invalid_indexes() -> int:
    """How many indexes are half made."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="nothing is made concurrently elsewhere")
def test_an_index_is_made_outside_of_a_transaction_or_not_at_all() -> None:
    state = ProjectState()
    schema.CreateModel("Careful", [("id", models.BigAutoField(primary_key=True)), ("code", text())]).state_forwards(
        "core", state
    )
    operation = careful.AddIndexConcurrently("careful", models.Index(fields=["code"], name="careful_code"))
    with connection.schema_editor() as editor, pytest.raises(NotSupportedError):
        operation.database_forwards("core", editor, state, state)
