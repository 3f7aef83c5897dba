"""What a migration may not do while the version before it serves people. Reads operations, asks no database.

A migration is held against the tables of the last release: code that runs knows those, and rows are in those. A migration that may
break a rule says why: ``allowed = {"rule": "sentence"}`` in its class.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.migrations import Migration
from django.db.migrations import operations as schema
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.expressions import Value
from django.db.models.functions import Now

# What rows of a query can say and no statement on tables: with them a migration changes data.
_DATA = re.compile(r"^\s*(INSERT|UPDATE|DELETE|MERGE|WITH|COPY)\b", re.IGNORECASE)
_GOES = re.compile(
    r"\bDROP\s+COLUMN\s+(?:IF\s+EXISTS\s+)?\"?(?P<column>\w+)|\bDROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?\"?(?P<dropped>\w+)"
    r"|\bRENAME\s+(?:COLUMN\s+)?\"?(?P<renamed>\w+)",
    re.IGNORECASE,
)
_TABLE = re.compile(r"\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?\"?(\w+)", re.IGNORECASE)
_INDEX = re.compile(r"\b(?:CREATE|DROP)\s+(?:UNIQUE\s+)?INDEX\b(?!\s+CONCURRENTLY)", re.IGNORECASE)
_INDEXED = re.compile(r"\bON\s+(?:ONLY\s+)?\"?(\w+)", re.IGNORECASE)
_CHECKED = re.compile(r"\bADD\s+(?:CONSTRAINT|CHECK|UNIQUE|FOREIGN|PRIMARY|EXCLUDE)\b", re.IGNORECASE)
_ADDED = re.compile(r"\bADD\s+COLUMN\b(?!.*\bDEFAULT\b).*\bNOT\s+NULL\b", re.IGNORECASE | re.DOTALL)
_REWRITTEN = re.compile(
    r"\bALTER\s+(?:COLUMN\s+)?\"?\w+\"?\s+(?:SET\s+DATA\s+)?TYPE\b|\bSET\s+NOT\s+NULL\b", re.IGNORECASE
)

RULES = {
    "not null": "code that runs inserts rows without it: make it null, or give it a constant db_default",
    "used": "code that runs reads it: one release leaves it out of the models (SeparateDatabaseAndState), the next one drops it",
    "unfilled": "new code inserts rows without the column, which stays: first make it null or give it a db_default",
    "lock": "a table with rows is locked while it is indexed or checked: use the operations of licensemgr.core.operations",
    "rewrite": "a table with rows is locked while it is written anew, or code that runs writes what no longer fits: add a column",
    "mixed": "rows are changed while tables are locked: change data in a migration of its own",
    "irreversible": "nobody can go back: say how, or RunPython.noop where nothing is to be done",
}


@dataclass
class Linter:
    """Walks the migrations that came after a release, in their order; ``released`` is the state of that release."""

    released: ProjectState
    found: list[str] = field(default_factory=list)
    _migration: Migration | None = None

    def lint(self, migration: Migration, state: ProjectState) -> None:
        """``state`` is what stands before the migration."""
        self._migration = migration
        state = state.clone()
        changes_data = changes_tables = False
        for operation in migration.operations:
            data, tables = self._operation(operation, state, migration.app_label)
            changes_data, changes_tables = changes_data or data, changes_tables or tables
            operation.state_forwards(migration.app_label, state)
        if changes_data and changes_tables:
            self._say("mixed", "the whole migration")

    def _say(self, rule: str, what: str) -> None:
        migration = self._migration
        assert migration is not None
        allowed: dict[str, str] = getattr(migration, "allowed", {})
        if not str(allowed.get(rule, "")).strip():
            self.found.append(f"{migration.app_label} {migration.name}: {what}: {RULES[rule]} [{rule}]")

    def _operation(self, operation: Operation, state: ProjectState, app: str) -> tuple[bool, bool]:
        """Whether it changes rows, and whether it changes tables."""
        what = operation.describe()
        if not operation.reversible:
            self._say("irreversible", what)
        if isinstance(operation, schema.SeparateDatabaseAndState):
            return self._separated(operation, state, app)
        if isinstance(operation, schema.RunPython):
            # Triggers are made by one, too: `licensemgr.core.triggers.append_only`.
            is_trigger = operation.code.__module__ == "licensemgr.core.triggers"
            return not is_trigger, is_trigger
        if isinstance(operation, schema.RunSQL):
            return self._statements(operation, what)
        self._tables(operation, state, app, what)
        return False, True

    def _separated(self, operation: Any, state: ProjectState, app: str) -> tuple[bool, bool]:
        for each in operation.state_operations:
            if isinstance(each, schema.RemoveField):
                left = state.models[app, each.model_name_lower].get_field(each.name)
                if not left.null and not left.has_db_default() and not left.many_to_many:
                    self._say("unfilled", each.describe())
        done = [self._operation(each, state, app) for each in operation.database_operations]
        return any(data for data, _tables in done), any(tables for _data, tables in done)

    def _tables(self, operation: Operation, state: ProjectState, app: str, what: str) -> None:
        """An operation of Django's on models."""
        if isinstance(operation, schema.RenameModel):
            self._used(app, operation.old_name_lower, None, what)
        elif isinstance(operation, schema.DeleteModel | schema.AlterModelTable):
            self._used(app, operation.name_lower, None, what)
        elif isinstance(operation, schema.RenameField):
            self._used(app, operation.model_name_lower, operation.old_name, what)
        elif isinstance(operation, schema.RemoveField):
            self._used(app, operation.model_name_lower, operation.name, what)
        elif isinstance(operation, schema.AddField):
            self._added(app, operation, what)
        elif isinstance(operation, schema.AlterField):
            self._altered(app, operation, state, what)
        elif self._locks(app, operation):
            self._say("lock", what)

    def _locks(self, app: str, operation: Operation) -> bool:
        """Whether it indexes or checks a table that has rows, and nobody can write meanwhile."""
        name = type(operation).__name__
        if isinstance(operation, schema.AddIndex | schema.RemoveIndex):
            return not name.endswith("Concurrently") and self._has_rows(app, operation.model_name_lower)
        if isinstance(operation, schema.AddConstraint):
            return not name.endswith("NotValid") and self._has_rows(app, operation.model_name_lower)
        together = schema.AlterUniqueTogether | schema.AlterIndexTogether
        return isinstance(operation, together) and self._has_rows(app, operation.name_lower)

    def _released(self, app: str, model: str) -> ModelState | None:
        return self.released.models.get((app, model))

    def _has_rows(self, app: str, model: str) -> bool:
        return self._released(app, model) is not None

    def _used(self, app: str, model: str, name: str | None, what: str) -> None:
        """Whether the last release has the model, or the field of it."""
        known = self._released(app, model)
        if known is not None and (name is None or name in known.fields):
            self._say("used", what)

    def _added(self, app: str, operation: schema.AddField, what: str) -> None:
        added: Any = operation.field
        if not self._has_rows(app, operation.model_name_lower) or added.many_to_many:
            return
        is_constant = added.has_db_default() and isinstance(added._db_default_expression, Value | Now)
        if not added.null and not is_constant:
            self._say("not null", what)
        if added.unique or added.db_index or getattr(added, "db_constraint", False):
            self._say("lock", what)
        if getattr(added, "generated", False):
            self._say("rewrite", what)

    def _altered(self, app: str, operation: schema.AlterField, state: ProjectState, what: str) -> None:
        if not self._has_rows(app, operation.model_name_lower):
            return
        before: Any = state.models[app, operation.model_name_lower].get_field(operation.name)
        after: Any = operation.field
        if _column(before, operation.name) != _column(after, operation.name):
            self._used(app, operation.model_name_lower, operation.name, what)
        if (before.null and not after.null) or not _is_as_wide(before, after):
            self._say("rewrite", what)
        if before.has_db_default() and not after.has_db_default() and not after.null:
            self._say("not null", what)
        if _locks(after) - _locks(before):
            self._say("lock", what)

    def _statements(self, operation: schema.RunSQL, what: str) -> tuple[bool, bool]:
        """Statements by hand."""
        given: Any = operation.sql
        statements = given if isinstance(given, list | tuple) else [given]
        texts = [each if isinstance(each, str) else each[0] for each in statements]
        changes_data = changes_tables = False
        for text in ";".join(texts).split(";"):
            if not text.strip():
                continue
            is_data = bool(_DATA.match(text))
            changes_data, changes_tables = changes_data or is_data, changes_tables or not is_data
            if not is_data:
                self._statement(text, what)
        return changes_data, changes_tables

    def _statement(self, text: str, what: str) -> None:
        table = (found := _TABLE.search(text)) and found[1]
        for goes in _GOES.finditer(text):
            column = goes["column"] or goes["renamed"]
            if self._knows(goes["dropped"] or table, None if goes["dropped"] else column):
                self._say("used", f"{what}: {text.strip()}")
        if (
            (index := _INDEX.search(text))
            and (indexed := _INDEXED.search(text, index.end()))
            and self._knows(indexed[1])
        ):
            self._say("lock", f"{what}: {text.strip()}")
        if index and text[index.start() :].upper().startswith("DROP"):
            self._say("lock", f"{what}: {text.strip()}")
        if table and self._knows(table):
            if _CHECKED.search(text) and not re.search(r"\bNOT\s+VALID\b|\bUSING\s+INDEX\b", text, re.IGNORECASE):
                self._say("lock", f"{what}: {text.strip()}")
            if _ADDED.search(text) or re.search(r"\bDROP\s+DEFAULT\b", text, re.IGNORECASE):
                self._say("not null", f"{what}: {text.strip()}")
            if _REWRITTEN.search(text):
                self._say("rewrite", f"{what}: {text.strip()}")

    def _knows(self, table: str | None, column: str | None = None) -> bool:
        """Whether the last release has the table, and the column."""
        for (app, name), model in self.released.models.items():
            if table == model.options.get("db_table", f"{app}_{name}"):
                columns = {_column(each, key) for key, each in model.fields.items()}
                # TO, as in RENAME TO, is the table's own name.
                return column is None or column.upper() == "TO" or column in columns
        return False


def _column(of: Any, name: str) -> str:
    if of.db_column:
        return str(of.db_column)
    return f"{name}_id" if isinstance(of, models.ForeignKey) else name


def _locks(of: Any) -> set[str]:
    """What of a field makes an index or a constraint."""
    return {name for name in ("unique", "db_index", "db_constraint", "primary_key") if getattr(of, name, False)}


def _is_as_wide(before: Any, after: Any) -> bool:
    """Whether each value of before fits, and no row has to be written anew."""
    kinds = before.get_internal_type(), after.get_internal_type()
    if kinds[0] != kinds[1]:
        return kinds == ("CharField", "TextField")
    wide = [(each.max_length is None, each.max_length or 0) for each in (before, after)]
    digits = [(getattr(each, "max_digits", 0), getattr(each, "decimal_places", 0)) for each in (before, after)]
    return wide[0] <= wide[1] and digits[0] == digits[1]


def after_release(known: dict[str, list[str]], loader: Any) -> Iterator[tuple[Migration, ProjectState, ProjectState]]:
    """Each migration of the portal's that is not in ``known``: itself, the state before it, and the released state."""
    nodes = [(app, name) for app, names in known.items() for name in names]
    released = loader.project_state(nodes)
    ours = [key for key in loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True) if key[0] in known]
    for key in ours:
        if key not in nodes:
            yield loader.graph.nodes[key], loader.project_state([key], at_end=False), released
